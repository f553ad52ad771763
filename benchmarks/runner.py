"""Lets the contestants of a case take turns, each in its own process, and compares them."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .cases import CHANNELS_LAST, MINIGRAD, PYTORCH, Case


class Worker:
    """A contestant's process."""

    def __init__(self, case: Case, contestant: str, device: str, env: Mapping[str, str]) -> None:
        self.name = f"case {case.number} ({case.title}), {contestant}"
        command = [sys.executable, "-m", "benchmarks.worker", json.dumps(asdict(case)), contestant]
        self.process = subprocess.Popen(
            [*command, device],
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()

    def hear(self) -> dict[str, Any]:
        """Return the next answer. Raises RuntimeError if the worker has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            raise RuntimeError(f"{self.name}: worker ended with status {status}, see above why")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def block(self, seconds: float) -> dict[str, Any]:
        """Have the worker measure one block while everyone else waits."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"seconds": seconds}) + "\n")
        self.process.stdin.flush()
        return self.hear()


@dataclass
class Result:
    """What the contestants of one case reached, block by block, in the case's unit."""

    case: Case
    blocks: dict[str, list[float]] = field(default_factory=dict)
    steps: dict[str, list[int]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def median(self, contestant: str) -> float | None:
        """Return the median over blocks, None for who is absent."""
        values = self.blocks.get(contestant)
        return statistics.median(values) if values else None

    def pytorch(self) -> str:
        """Return the name of PyTorch's better setting."""
        if CHANNELS_LAST not in self.blocks:
            return PYTORCH
        better = max if self.case.rate else min
        return better((PYTORCH, CHANNELS_LAST), key=lambda name: self.median(name) or 0)

    def ratio(self, contestant: str, ours: str = MINIGRAD) -> float | None:
        """Return minigrad ÷ contestant: the median ratio of blocks that are neighbours in time."""
        if not (self.blocks.get(ours) and self.blocks.get(contestant)):
            return None
        pairs = zip(self.blocks[ours], self.blocks[contestant])
        return statistics.median(ours / theirs for ours, theirs in pairs)


def run_case(
    case: Case,
    contestants: Sequence[str],
    device: str,
    env: Mapping[str, str],
    blocks: int,
    seconds: float,
    progress: Callable[[str], None],
) -> Result:
    """Measure `blocks` blocks of `seconds` of each contestant, in turns: A B C A B C ...

    Memory is measured once, in a process that has done nothing else.
    """
    result, workers = Result(case), {}
    blocks = min(blocks, case.blocks) if case.measure in ("seconds", "import") else 1
    try:
        for name in (name for name in case.contestants if name in contestants):
            progress(f"case {case.number}: {name} starts")
            workers[name] = Worker(case, name, device, env)
            answer = workers[name].hear()
            if "absent" in answer:
                result.absent[name] = answer["absent"]
                workers.pop(name).end()
        for block in range(blocks):
            for name, worker in workers.items():
                progress(f"case {case.number}: block {block + 1} of {blocks}, {name}")
                answer = worker.block(seconds)
                result.blocks.setdefault(name, []).append(case.value(answer["measured"]))
                result.steps.setdefault(name, []).append(answer["steps"])
    finally:
        for worker in workers.values():
            worker.end()
    return result

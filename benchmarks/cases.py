"""What is compared: the rows of the table, their contestants, units and targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

MINIGRAD, PYTORCH, CHANNELS_LAST = "minigrad", "pytorch", "pytorch channels_last"
NUMPY, FLOOR = "numpy", "floor"
# On a GPU also the same steps as CUDA graphs: captured once, then replayed.
GRAPH, PYTORCH_GRAPH = "minigrad graph", "pytorch channels_last graph"
CONTESTANTS = (MINIGRAD, PYTORCH, CHANNELS_LAST, NUMPY, FLOOR)
ON_A_GPU = (MINIGRAD, GRAPH, PYTORCH, CHANNELS_LAST, PYTORCH_GRAPH)
IMAGES = (MINIGRAD, PYTORCH, CHANNELS_LAST, FLOOR)  # those who meet where there are images


@dataclass(frozen=True)
class Case:
    """One row: `work` with `args` is what a worker runs, `measure` what is read off.

    measure  "seconds" of a step, bytes "held" by a forward pass, "peak" bytes of the process or
             "peak above import", seconds of an "import"
    scale    turns the measured number into `unit`; `per` divides it (operations, images)
    rate     the table shows 1 / number: more is better
    blocks   at most so many, where a step takes long
    target   in words; the ratios to compare it with stand beside it
    """

    number: int
    title: str
    work: str
    contestants: tuple[str, ...]
    args: Mapping[str, Any] = field(default_factory=dict)
    measure: str = "seconds"
    unit: str = "ms"
    scale: float = 1e3
    per: int = 1
    rate: bool = False
    blocks: int = 100
    target: str = ""

    def value(self, measured: float) -> float:
        """Return `measured` (seconds or bytes) in the case's unit."""
        if self.rate:
            return self.per / measured
        return measured * self.scale / self.per


def dcgan(number: int, batch: int, channels: int, target: str) -> Case:
    """Return the row of a DCGAN's two steps."""
    title = f"DCGAN 32×32×{channels}, batch {batch}: D step and G step"
    args = {"batch": batch, "channels": channels}
    return Case(number, title, "dcgan", IMAGES, args, target=target)


def peak(title: str, measure: str) -> Case:
    """Return a row of case 7: memory of case 3."""
    args, target = {"batch": 64, "channels": 1}, "≤ PyTorch"
    return Case(7, title, "dcgan", IMAGES[:3], args, measure, "MiB", 2**-20, target=target)


def depth(ops: int) -> list[Case]:
    """Return the two rows of case 6 for a chain of `ops` operations."""
    blocks = 2 if ops > 100_000 else 100  # 30 seconds each, both
    time = f"depth: {ops:,} nodes, forward and backward, per node"
    memory = f"depth: {ops:,} nodes, memory held by the tape, per node"
    contestants, args = (MINIGRAD, PYTORCH), {"ops": ops}
    return [
        Case(
            6, time, "chain", contestants, args, unit="µs", scale=1e6, per=ops, blocks=blocks,
            target="flat",
        ),
        Case(6, memory, "chain", contestants, args, "held", "bytes", 1, ops, target="flat"),
    ]  # fmt: skip


def samples(model: str, batch: int) -> Case:
    """Return a row of case 9."""
    title = f"samples per second, {model} decoder, batch {batch}"
    args = {"model": model, "batch": batch}
    contestants = IMAGES if model == "conv" else (MINIGRAD, PYTORCH, FLOOR)
    return Case(9, title, "decoder", contestants, args, unit="1/s", per=batch, rate=True)


CHAIN = 4000  # operations: 2,000 multiplications, 2,000 additions

CASES = [
    Case(
        1, "MLP VAE 784-400-20, batch 128: training step", "mlp_vae",
        (MINIGRAD, PYTORCH, NUMPY, FLOOR), {"batch": 128},
        target="≤ 1.00 × PyTorch, ≤ 1.10 × NumPy",
    ),
    Case(
        2, "conv VAE 28×28, batch 128: training step", "conv_vae",
        IMAGES, {"batch": 128}, target="≤ 0.90 × PyTorch",
    ),
    dcgan(3, 64, 1, "≤ 0.80 × PyTorch"),
    dcgan(4, 128, 3, "≤ 0.80 × PyTorch"),
    Case(
        5, "chain y * 1.0001 + 0.1 on 4 numbers, per op", "chain",
        (MINIGRAD, PYTORCH, NUMPY), {"ops": CHAIN}, unit="µs", scale=1e6, per=CHAIN,
        target="≤ 0.55 × PyTorch",
    ),
    *(row for ops in (1_000, 10_000, 100_000, 1_000_000) for row in depth(ops)),
    peak("peak memory of case 3, above import", "peak above import"),
    peak("peak memory of case 3, whole process", "peak"),
    Case(
        8, "import", "import", (MINIGRAD, PYTORCH, NUMPY), measure="import",
        target="≤ NumPy + 60 ms",
    ),
    *(samples(model, batch) for model in ("mlp", "conv") for batch in (64, 1)),
    Case(
        10, "toy GAN 2-128-128-128-1, batch 256: D step and G step", "toy_gan",
        (MINIGRAD, PYTORCH, FLOOR), {"batch": 256},
    ),
]  # fmt: skip


def on_a_gpu() -> list[Case]:
    """Return the cases whose steps a GPU runs."""
    steps = [case for case in CASES if case.number in (1, 2, 3, 4, 10)]
    target = {1: "≤ 0.67", 2: "≤ 0.67", 3: "≤ 1.00", 4: "≤ 1.00", 10: ""}
    return [replace(c, contestants=ON_A_GPU, target=target[c.number]) for c in steps]


def quick(case: Case) -> Case:
    """Return `case` with tiny settings: to see that it runs, not how fast."""
    tiny = {"batch": 2, "ops": 20}
    args = {**case.args, **{name: tiny[name] for name in case.args if name in tiny}}
    counted = "ops" if "ops" in args else "batch"
    return replace(case, args=args, per=min(case.per, tiny[counted]))

"""tests/scripts/ has programs as PyTorch users write them: they run here when `torch` in their
import lines becomes `minigrad`, and print what they print with PyTorch when they draw the same.
"""

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.data import DataLoader
from minigrad.utils import save_image
from tests.sources import ROOT

SCRIPTS = sorted(p.stem for p in (ROOT / "tests/scripts").glob("[!_]*.py"))
NUMBER = re.compile(r"-?\d+\.\d+")


def source(name: str) -> str:
    return (ROOT / "tests/scripts" / f"{name}.py").read_text("utf-8")


def for_minigrad(text: str) -> str:
    """The program with its import lines changed, and nothing else."""
    return "\n".join(
        re.sub(r"^(\s*(?:from|import) )torch(?:vision)?\b", r"\1minigrad", line)
        if not re.match(r"\s*import torch$", line)
        else line.replace("import torch", "import minigrad as torch")
        for line in text.split("\n")
    )


def run(text: str, name: str) -> None:
    exec(compile(text, name, "exec"), {"__name__": "__main__"})


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """numbers(torch) or numbers(minigrad): from now on all draws there come from one generator of
    NumPy's, and a DataLoader's orders are those of minigrad's."""

    def feed(library: Any) -> None:
        rng = np.random.default_rng(0)
        np.random.seed(0)  # noqa: NPY002  the scripts draw from it
        functional = import_module(f"{library.__name__}.nn.functional")

        def drawn(values: Any) -> Any:
            return library.tensor(np.asarray(values, np.float32))

        def normal_(x: Any, mean: float = 0.0, std: float = 1.0, **_: Any) -> Any:
            return x.copy_(drawn(rng.normal(mean, std, tuple(x.shape))))

        def uniform_(x: Any, a: float = 0.0, b: float = 1.0, **_: Any) -> Any:
            return x.copy_(drawn(rng.uniform(a, b, tuple(x.shape))))

        def dropout2d(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
            keep = rng.random((*x.shape[:2], 1, 1)) >= p
            return x * drawn(keep / (1 - p)) if training else x

        fed = {
            library.Tensor: {"normal_": normal_, "uniform_": uniform_},
            library: {
                "randn": lambda *size, **_: drawn(rng.normal(size=size)),
                "randn_like": lambda x, **_: drawn(rng.normal(size=tuple(x.shape))),
            },
            functional: {"dropout2d": dropout2d},
        }
        for owner, functions in fed.items():
            for name, function in functions.items():
                monkeypatch.setattr(owner, name, function)
        if library is not mg:
            epochs: dict[int, Any] = {}

            def order(sampler: Any) -> Iterator[int]:
                data = sampler.data_source
                epoch = next(epochs.setdefault(id(sampler), count()))
                loader = DataLoader(data, shuffle=True, seed=mg.random.initial_seed())
                return iter(loader.order(epoch).tolist())

            monkeypatch.setattr(library.utils.data.RandomSampler, "__iter__", order)

    state = np.random.get_state()  # noqa: NPY002
    yield feed
    np.random.set_state(state)  # noqa: NPY002


def printed(capsys: pytest.CaptureFixture[str]) -> tuple[str, list[float]]:
    """What was printed, without its decimals, and these."""
    text = capsys.readouterr().out
    return NUMBER.sub("#", text), [float(number) for number in NUMBER.findall(text)]


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_with_its_import_lines_changed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run(for_minigrad(source(name)), name)
    text, losses = printed(capsys)
    assert text.count("#") >= 8 and np.isfinite(losses).all()


def test_only_import_lines_are_changed() -> None:
    for name in SCRIPTS:
        before, after = source(name), for_minigrad(source(name))
        lines = zip(before.split("\n"), after.split("\n"), strict=True)
        changed = [line for line, other in lines if line != other]
        assert changed
        assert all(re.match(r"(from|import) torch", line) for line in changed)
        assert not re.search(r"^(from|import) torch", after, re.M)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_prints_what_it_prints_with_pytorch(
    name: str,
    numbers: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    vision, utils = ModuleType("torchvision"), ModuleType("torchvision.utils")
    utils.save_image = lambda x, fp, **how: save_image(mg.tensor(x.numpy()), fp, **how)
    monkeypatch.setitem(sys.modules, "torchvision", vision)
    monkeypatch.setitem(sys.modules, "torchvision.utils", utils)
    found = {}
    for library, text in ((mg, for_minigrad(source(name))), (torch, source(name))):
        folder = tmp_path / library.__name__
        folder.mkdir()
        monkeypatch.chdir(folder)
        numbers(library)
        run(text, name)
        files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))
        found[library] = *printed(capsys), files
    text, losses, files = found[mg]
    their_text, their_losses, their_files = found[torch]
    assert (text, files) == (their_text, their_files)
    np.testing.assert_allclose(losses, their_losses, rtol=1e-4, atol=2e-6)

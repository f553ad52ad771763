"""The benchmark compares like with like, and runs."""

import importlib.util
import io
import itertools
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import floor, handwritten, report, worker
from benchmarks.cases import CASES, CHANNELS_LAST, FLOOR, MINIGRAD, NUMPY, PYTORCH, quick
from benchmarks.runner import Result, Worker

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
BATCH, STEPS = 8, 3


def as_state_dict(ours: handwritten.VAE) -> dict[str, np.ndarray]:
    """Return the hand-written model's parameters under the names of `workloads.mlp_vae`'s."""
    w, b = ours.weights, ours.biases
    layers = {
        "body.0": (w["encoder"], b["encoder"]),
        "mu": (w["heads"][:20], b["heads"][:20]),
        "logvar": (w["heads"][20:], b["heads"][20:]),
        "decoder.0": (w["hidden"], b["hidden"]),
        "decoder.2": (w["output"], b["output"]),
    }
    parts = [("weight", 0), ("bias", 1)]
    return {f"{name}.{part}": layers[name][i] for name in layers for part, i in parts}


def test_handwritten_step_is_pytorchs(monkeypatch):
    """Equal weights, batches and noise: equal losses for three steps, equal parameters after."""
    torch = pytest.importorskip("torch", reason="compares the hand-written step with PyTorch's")
    from benchmarks import workloads
    from benchmarks.frameworks import Framework

    fw, ours, rng = Framework(PYTORCH), handwritten.VAE(BATCH), np.random.default_rng(0)
    theirs = workloads.mlp_vae(fw.nn)
    start = {name: array.copy() for name, array in as_state_dict(ours).items()}
    theirs.load_state_dict({name: torch.tensor(array) for name, array in start.items()})
    batches = rng.random((STEPS, BATCH, 784), np.float32)
    noise = rng.standard_normal((STEPS, BATCH, 20), np.float32)
    feed = iter(noise)
    monkeypatch.setattr(workloads, "batches", lambda *_: map(torch.tensor, batches))
    monkeypatch.setattr(fw, "randn", lambda *_: torch.tensor(next(feed)))
    step = workloads.vae_step(fw, theirs, BATCH, 784)

    for x, eps in zip(batches, noise):
        np.testing.assert_allclose(ours.step(x, eps), step().item(), rtol=1e-5)
    reached = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    for name, array in as_state_dict(ours).items():
        # Three of Adam's steps move a parameter by up to 3e-3: that is what an error would show.
        assert np.abs(array - start[name]).max() > 1e-3
        np.testing.assert_allclose(array, reached[name], rtol=0, atol=2e-5, err_msg=name)


@pytest.mark.parametrize(("number", "batch"), [(1, 2), (2, 2), (3, 2), (4, 2), (10, 2)])
def test_floor_counts_the_products_that_pytorch_makes(number, batch):
    """The floor's floating point operations are those that PyTorch counts in the same step."""
    pytest.importorskip("torch", reason="compares the floor with PyTorch's own count")
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.frameworks import Framework

    case = quick(next(case for case in CASES if case.number == number))
    step = worker.build(case, PYTORCH, Framework(PYTORCH))
    with FlopCounterMode(display=False) as counter:
        step()
    assert floor.flops(getattr(floor, case.work)(**case.args)) == counter.get_total_flops()


NARROW = {"conv_vae": 8, "dcgan": 4}  # so few channels that every product is one of matrices


@pytest.mark.parametrize("number", [1, 2, 3, 4, 10])
def test_a_step_makes_the_products_of_its_floor_and_no_others(number, monkeypatch):
    """No input gradient of the first layer; none of the discriminator's weights while the generator
    learns through it."""
    from benchmarks.frameworks import Framework

    case = quick(next(case for case in CASES if case.number == number))
    if case.work in NARROW:
        case = replace(case, args={**case.args, "width": NARROW[case.work]})
    step = worker.build(case, MINIGRAD, Framework(MINIGRAD))
    made, matmul = [], np.matmul

    def counting(a, b, **options):
        out = matmul(a, b, **options)
        if a.ndim > 1:  # those of a vector are sums
            made.append((*out.shape, a.shape[-1]))
        return out

    monkeypatch.setattr(np, "matmul", counting)
    step()
    needed = floor.flops(getattr(floor, case.work)(**case.args))
    assert sum(2 * math.prod(sizes) for sizes in made) == needed, made


def test_floor_makes_every_product_once(monkeypatch):
    """What a floor's step hands to `matmul` is what its list of products says."""
    work = floor.dcgan(2, 1)
    step = floor.floor_step(work)
    made = []

    def matmul(a, b, out):
        made.append((*a.shape, b.shape[1]))
        assert out.shape == (a.shape[0], b.shape[1])

    monkeypatch.setattr(floor.np, "matmul", matmul)
    step()
    assert sum(2 * m * k * n for m, k, n in made) == floor.flops(work)
    assert len(made) == len(work)


@pytest.mark.slow
def test_quick_run_prints_a_table_and_writes_json(tmp_path):
    """Every case runs with tiny settings, by each of its contestants but PyTorch."""
    out, light = tmp_path / "bench.json", (MINIGRAD, NUMPY, FLOOR)
    command = [sys.executable, "-m", "benchmarks", "--quick", "--contestants", ",".join(light)]
    run = subprocess.run(
        [*command, "--threads", "1", "--out", out],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    written = json.loads(out.read_text())
    assert [case["number"] for case in written["cases"]] == [case.number for case in CASES]
    for case, planned in zip(written["cases"], CASES):
        assert set(case["contestants"]) == set(light) & set(planned.contestants)
        assert all(one["median"] > 0 for one in case["contestants"].values())
        assert f"{case['number']}. {case['title']}" in run.stdout
    assert written["versions"]["numpy"] == np.__version__
    assert written["settings"]["OPENBLAS_NUM_THREADS"] == "1"
    assert written["cpu"] and written["date"] and written["blas"]["name"]
    assert not list(tmp_path.glob("*.part"))


def test_scaling_has_a_row_for_each_step_and_number_of_threads(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "--scaling", "--quick", "--cases", "1,8"]
    run = subprocess.run(
        [*command, "--contestants", MINIGRAD, "--out", tmp_path / "scaling.json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "| threads | batch 1" in run.stdout and "| 1. MLP VAE 784-400-20 " in run.stdout
    cases = json.loads((tmp_path / "scaling.json").read_text())["cases"]
    assert [case["args"]["batch"] for case in cases] == [1, 2]
    assert all(case["contestants"][MINIGRAD]["median"] > 0 for case in cases)


def test_unknown_cases_are_refused():
    """A number that is no case is an error that says so, before anything runs."""
    command = [sys.executable, "-m", "benchmarks", "--cases", "3,12"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 2 and "no such case: 12" in run.stderr


def test_who_is_not_installed_is_absent(monkeypatch, capsys):
    """A framework that is not there is said to be absent, in the answer and in the table."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    worker.serve(CASES[0], PYTORCH, "cpu")
    assert json.loads(capsys.readouterr().out) == {"absent": "torch is not installed"}

    result = Result(CASES[0], {NUMPY: [4.0]}, {NUMPY: [9]}, {PYTORCH: "torch is not installed"})
    table = report.table([result])
    assert "absent: torch is not installed" in table and "| absent " in table


def test_a_worker_answers_each_order_with_a_block(monkeypatch, capsys):
    """A worker announces itself, then measures a block for each line that comes in."""
    case = quick(next(case for case in CASES if case.number == 5))
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"seconds": 0}\n{"seconds": 0.01}\n'))
    ticks = itertools.count()  # a clock of its own: a block must not hang on the machine's
    clock = SimpleNamespace(perf_counter=lambda: next(ticks) / 1000)
    monkeypatch.setattr(worker, "time", clock)
    worker.serve(case, NUMPY, "cpu")
    first, *blocks = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {"ready": NUMPY}
    assert [block["measured"] > 0 for block in blocks] == [True, True]
    assert blocks[0]["steps"] == 1 < blocks[1]["steps"]


def test_a_worker_that_fails_is_an_error_that_names_it(monkeypatch):
    """A contestant that breaks stops the benchmark; it is not taken for one that is absent."""
    monkeypatch.chdir(ROOT)
    no_such_step = next(case for case in CASES if case.number == 2)
    failing = Worker(no_such_step, NUMPY, "cpu", os.environ)
    try:
        with pytest.raises(RuntimeError, match=r"conv VAE.*, numpy: worker ended with status 1"):
            failing.hear()
    finally:
        failing.end()


def test_ratios_pair_blocks_that_are_neighbours():
    """A machine that slows down for a while changes the medians, not the ratio."""
    times = {
        MINIGRAD: [1.0, 10.0, 30.0],
        PYTORCH: [2.0, 20.0, 60.0],
        CHANNELS_LAST: [4.0, 5.0, 6.0],
    }
    result = Result(CASES[1], times)
    assert result.ratio(PYTORCH) == 0.5 and result.median(MINIGRAD) == 10
    assert result.pytorch() == CHANNELS_LAST
    samples = next(case for case in CASES if case.rate)
    assert Result(samples, times).pytorch() == PYTORCH  # samples per second: more is better
    assert result.ratio(NUMPY) is None


def test_values_are_in_the_unit_that_the_table_names():
    """Seconds become milliseconds, microseconds per op, samples per second."""
    by_number = {case.number: case for case in CASES}
    assert by_number[1].value(0.005) == pytest.approx(5)
    assert by_number[5].value(0.004) == pytest.approx(1)
    assert by_number[9].value(0.5) == by_number[9].args["batch"] / 0.5
    assert by_number[7].value(2**20) == 1

"""The GAN's program on tiny runs: files, an exact continuation, every experiment, errors."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minigrad as mg
from demos import gan
from demos.experiments import (
    critic_distance,
    flat_gradient,
    k_steps,
    modes,
    optimal_discriminator,
    runs,
)
from demos.experiments.finding import experiments_main, perform
from demos.experiments.toys import toy
from minigrad.serialization import load
from models.measures.modes import ring

ROOT = Path(__file__).resolve().parent.parent
TINY = [
    *("--limit", "50", "--batch-size", "12", "--epochs", "3", "--hidden", "8", "--noise", "3"),
    *("--k", "2", "--r1", "0.5", "--checkpoint-every", "1"),
]


def train(folder: Path, *argv: str) -> int:
    return gan.main([*TINY, "--out", str(folder), *argv])


def contents(folder: Path) -> dict[str, bytes]:
    """All files but those with times in them."""
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in files
        if p.name not in ("times.csv", "summary.json")
    }


def summary(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("straight")
    assert train(folder) == 0
    return folder


# ---- training ------------------------------------------------------------------------------------


def test_the_files_of_a_run(straight):
    assert sorted(contents(straight)) == [
        *("checkpoint.safetensors", "curves.png", "film.gif", "metrics.csv", "samples.png"),
        *(f"samples/epoch-00{i}.png" for i in (1, 2, 3)),
    ]
    with Image.open(straight / "film.gif") as film:
        assert film.n_frames == 3
    with (straight / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("epoch", "train_d", "train_g", "train_real", "train_fake", "test_real")
    ]
    assert all(math.isfinite(float(v)) for row in rows for v in row.values())
    assert summary(straight)["args"]["objective"] == "non-saturating"
    assert summary(straight)["test_real"] == pytest.approx(float(rows[-1]["test_real"]), rel=1e-6)


@pytest.mark.parametrize("argv", [(), ("--toy", "ring"), ("--conditional", "--gp", "1")])
def test_a_killed_run_ends_with_the_same_bytes(argv, straight, tmp_path):
    """The process dies while it writes a checkpoint, in the middle of an epoch."""
    if argv:
        straight = tmp_path / "straight"
        assert train(straight, *argv) == 0
    script = (
        "import os, signal, sys, minigrad.serialization as s\n"
        "from demos import gan\n"
        "calls, sync = [], os.fsync\n"
        "def last(file):\n"
        "    calls.append(file)\n"
        "    if len(calls) == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return sync(file)\n"
        "s.os.fsync = last\n"
        "gan.main(sys.argv[1:])\n"
    )
    killed = tmp_path / "killed"
    command = [sys.executable, "-c", script, *TINY, *argv, "--out", str(killed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (killed / "summary.json").exists()
    assert gan.main(["--resume", "--out", str(killed)]) == 0
    assert contents(killed) == contents(straight)


def test_a_run_made_longer_is_the_longer_run(straight, tmp_path):
    assert train(tmp_path, "--epochs", "1") == 0
    assert gan.main(["--resume", "--epochs", "3", "--out", str(tmp_path)]) == 0
    assert contents(tmp_path) == contents(straight)


def test_samples_and_evaluation_leave_training_as_it_was(straight, tmp_path, monkeypatch):
    """With other pictures, and no evaluation, the same networks come out."""
    monkeypatch.setattr(gan, "SHOWN", 5)
    monkeypatch.setattr(gan.Images, "mean_score", lambda *_: 0.0)
    assert train(tmp_path) == 0
    got, expected = (load(f / "checkpoint.safetensors") for f in (tmp_path, straight))
    assert np.array_equal(got["random"]["cpu"], expected["random"]["cpu"])
    for part in ("generator", "discriminator"):
        for name, tensor in expected["gan"][part].items():
            assert np.array_equal(got["gan"][part][name].numpy(), tensor.numpy())


def test_every_frame_is_of_the_same_noise(tmp_path, monkeypatch):
    drawn = []
    sample = gan.GAN.sample
    monkeypatch.setattr(
        gan.GAN, "sample", lambda self, z, *y: drawn.append(z.numpy()) or sample(self, z, *y)
    )
    assert train(tmp_path, "--epochs", "2") == 0
    assert len(drawn) == 3
    assert all(np.array_equal(z, drawn[0]) for z in drawn)


def test_a_toy_has_its_modes_measured(tmp_path):
    assert train(tmp_path, "--toy", "grid", "--ema", "0") == 0
    found = summary(tmp_path)
    assert {"modes", "modes_20", "high_quality", "kl"} <= found.keys()
    assert 0 <= found["high_quality"] < 0.5  # of so short a training


def test_labels_have_a_row_each(tmp_path, monkeypatch):
    seen = []
    sample = gan.GAN.sample
    monkeypatch.setattr(gan.GAN, "sample", lambda s, z, *y: seen.append((z, y)) or sample(s, z, *y))
    assert train(tmp_path, "--conditional", "--epochs", "1") == 0
    z, (labels,) = seen[-1]
    assert labels.numpy().reshape(10, 8).tolist() == [[i] * 8 for i in range(10)]
    z = z.numpy().reshape(10, 8, -1)
    assert np.array_equal(z, np.broadcast_to(z[0], z.shape))


def test_fewer_images_than_a_step_takes_are_enough(tmp_path):
    assert train(tmp_path, "--limit", "3", "--k", "5", "--epochs", "1") == 0
    assert math.isfinite(summary(tmp_path)["train_g"])


@pytest.mark.parametrize(
    ("argv", "r1", "hidden"),
    [
        ((), 10, 256),
        (("--toy", "ring"), 1, 128),
        (("--toy", "ring", "--hidden", "7", "--r1", "0"), 0, 7),
        (("--objective", "hinge"), 0, 256),
        (("--gp", "1"), 0, 256),
        (("--gp", "1", "--r1", "2"), 2, 256),
    ],
)
def test_defaults_that_depend_on_other_arguments(argv, r1, hidden):
    args = gan.parser().parse_args(argv)
    gan.fill_in(args)
    assert (args.r1, args.hidden) == (r1, hidden)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--objective", "wgan", "--label-smoothing", "0.1"), "no labels, as with 'wgan'"),
        (("--ema", "1"), "decay must be from 0 to below 1"),
    ],
)
def test_rules_that_do_not_fit_are_an_error_in_one_line(argv, message, tmp_path, capsys):
    assert train(tmp_path, *argv) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("argv", [("--r1", "-1"), ("--gp", "nan"), ("--experiment", "more")])
def test_arguments_out_of_range_are_refused(argv, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train(tmp_path, *argv)
    assert argv[0] in capsys.readouterr().err


# ---- experiments ---------------------------------------------------------------------------------


def test_the_trained_discriminator_comes_near_the_best(tmp_path):
    found = optimal_discriminator.run(0, tmp_path, steps=300, batch=256)
    assert found.numbers["-log 4 + 2 JSD"] > -math.log(4) + 0.5
    assert found.numbers["largest error of D"] < 0.12 < found.control["largest error untrained"]
    assert found.numbers["value"] == pytest.approx(found.numbers["-log 4 + 2 JSD"], abs=0.02)
    assert found.numbers["value"] <= found.numbers["-log 4 + 2 JSD"]  # which is the maximum
    assert found.numbers["loss at equality"] == pytest.approx(math.log(4), abs=0.01)


def test_the_best_discriminator_and_value_are_right():
    """The value by samples, without a network."""
    fit = optimal_discriminator.fit(
        optimal_discriminator.DATA, optimal_discriminator.SAMPLES, 0, 0, 1
    )
    rng = np.random.default_rng(0)
    p, q = optimal_discriminator.DATA, optimal_discriminator.SAMPLES
    x, y = rng.normal(*p, 200_000), rng.normal(*q, 200_000)
    d = lambda at: p.density(at) / (p.density(at) + q.density(at))
    value = np.log(d(x)).mean() + np.log1p(-d(y)).mean()
    assert fit.best_value == pytest.approx(value, abs=0.01)


def test_the_flat_gradient(tmp_path):
    found = flat_gradient.run(0, tmp_path, levels=(0.5, 0.1, 0.01))
    assert found.numbers["D(G(z))"] <= 0.01
    assert found.numbers["ratio"] > 30
    assert found.control["before training D"]["ratio"] == pytest.approx(1, abs=0.1)
    assert found.numbers["slope of log(1 - D) at D = 0.0025"] == pytest.approx(-0.0025)
    assert found.numbers["slope of -log D at D = 0.0025"] == pytest.approx(-0.9975)


def test_critics_measure_distances(tmp_path):
    found = critic_distance.run(0, tmp_path, offsets=(0.1, 0.4), steps=250)
    near, far = found.numbers["rows"]
    assert (near["exact"], far["exact"]) == pytest.approx((0.1, 0.4), rel=1e-5)
    assert far["penalty"] == pytest.approx(0.4 * (1 + 0.4 / 20), rel=0.02)
    assert far["clipping"] > 2 * near["clipping"] > 0
    assert near["JSD"] == pytest.approx(math.log(2) / 2, rel=1e-3)
    assert far["JSD"] == pytest.approx(math.log(2), rel=1e-3)


def test_a_power_is_the_slope_of_logarithms():
    x = np.array([1.0, 2.0, 5.0])
    assert critic_distance.power(x, 3 * x) == pytest.approx(1)
    assert critic_distance.power(x, 2 * x**0.5) == pytest.approx(0.5)


def test_k_steps_shares_out_equal_updates(tmp_path):
    found = k_steps.run(0, tmp_path, seeds=2, updates=10, jobs=1)
    assert set(found.numbers["tables"]) == set(k_steps.RULES)
    game = toy("ring", 0, steps=10 // 5, rules={"k": 5})
    game.train()
    steps = [
        o.state_dict()["state"][0]["step"] for o in (game.gan.d_optimizer, game.gan.g_optimizer)
    ]
    assert steps == [10, 2]


def test_modes_writes_its_table(tmp_path):
    some = {name: modes.OBJECTIVES[name] for name in ("LSGAN", "WGAN-GP")}
    settings = {"seeds": 2, "steps": {"ring": 3, "grid": 2}, "objectives": some}
    perform(
        {"modes": lambda seed, folder: modes.run(seed, folder, **settings, jobs=1)},
        ["modes"],
        "python -m demos.gan",
        7,
        tmp_path,
    )
    found = json.loads((tmp_path / "modes.json").read_text())
    assert found["command"] == "python -m demos.gan --experiment modes --seed 7"
    assert found["seed"] == 7
    assert found["numbers"]["objectives that meet the target with every seed, ring"] == 0
    assert found["control"]["ring, real data"]["modes_20"] == 8
    assert len(found["control"][f"ring, {modes.USUAL}"]["each seed"]) == 2
    assert modes.USUAL not in found["numbers"]["tables"]["ring"]
    assert len(found["numbers"]["tables"]["grid"]["LSGAN"]["each seed"]) == 2
    kept = json.loads((tmp_path / "modes-runs.json").read_text())
    assert "ring, LSGAN, seed 8" in kept
    assert (tmp_path / "modes.png").stat().st_size > 10_000


def test_the_target_is_for_every_seed():
    good = {"modes_20": 8, "high_quality": 0.95}
    assert modes.meets("ring", [good, good])
    assert not modes.meets("ring", [good, {**good, "modes_20": 7}])
    assert not modes.meets("ring", [good, {**good, "high_quality": 0.91}])


def test_a_toy_is_scaled_for_the_networks_and_back():
    game = toy("grid", 0, steps=1, reach=0.5)
    assert np.abs(game.data().numpy()).max() < 0.6
    game.gan.sample = lambda z: mg.tensor([[0.5, -0.25]])
    assert game.samples(1).tolist() == [[4.0, -2.0]]
    game = toy("ring", 0, steps=2)
    game.train()
    assert game.gan.g_optimizer.param_groups[0]["lr"] == pytest.approx(1e-5)
    assert game.coverage().modes <= len(ring().modes)


# ---- what experiments share ----------------------------------------------------------------------


def test_results_are_kept_and_not_made_again(tmp_path):
    file = tmp_path / "runs.json"
    arguments = {"a": {"x": 2}, "b": {"x": 3}}
    made = []

    def square(x: int) -> dict[str, float]:
        made.append(x)
        if x == 3 and len(made) == 2:
            raise KeyboardInterrupt
        return {"square": x * x}

    with pytest.raises(KeyboardInterrupt):
        runs.measured(file, square, arguments, jobs=1)
    found = runs.measured(file, square, arguments, jobs=1)
    assert {name: numbers["square"] for name, numbers in found.items()} == {"a": 4, "b": 9}
    assert all(numbers["core seconds"] >= 0 for numbers in found.values())
    assert made == [2, 3, 3]
    changed = runs.measured(file, square, {**arguments, "a": {"x": 5}}, jobs=1)
    assert changed["a"]["square"] == 25


def test_processes_compute_with_one_thread_and_give_the_same(tmp_path):
    arguments = {str(seed): {"k": 1, "seed": seed, "updates": 2, "rules": {}} for seed in (0, 1)}
    before = dict(os.environ)
    together = runs.measured(tmp_path / "two.json", k_steps.play, arguments, jobs=2)
    alone = runs.measured(tmp_path / "one.json", k_steps.play, arguments, jobs=1)
    for numbers in (*together.values(), *alone.values()):
        del numbers["core seconds"]
    assert together == alone
    assert dict(os.environ) == before


def test_mean_and_spread():
    found = runs.mean_and_spread([1.0, 2.0, 6.0])
    assert found == {"mean": 3.0, "std": pytest.approx(math.sqrt(7))}
    assert runs.mean_and_spread([2.0])["std"] == 0


def test_a_folder_that_cannot_be_written_to(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "file" / "below")
    assert experiments_main({}, [], "python -m demos.gan", 0, out) == 2
    assert "cannot write to" in capsys.readouterr().err


def test_experiments_are_found_by_their_names(tmp_path, monkeypatch):
    done = []

    def experiment(seed, folder):
        done.append(seed)
        return flat_gradient.Finding(
            "claim", {"x": 1.0, "none": math.inf}, {}, flat_gradient.Figure()
        )

    monkeypatch.setattr(gan, "EXPERIMENTS", {"one": experiment, "two": experiment})
    monkeypatch.setattr(gan, "parser", lambda: _parser_with(("one", "two", "all")))
    assert gan.main(["--experiment", "all", "--seed", "3", "--out", str(tmp_path)]) == 0
    assert done == [3, 3]
    assert json.loads((tmp_path / "two.json").read_text())["numbers"] == {"x": 1.0, "none": None}


def _parser_with(names):
    import argparse

    parser = argparse.ArgumentParser("python -m demos.gan")
    parser.add_argument("--experiment", choices=names)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--out")
    return parser

"""The experiments on points in the plane and on a line, at small sizes."""

import json
import math

import numpy as np
import pytest

import minigrad as mg
from demos.common.kept import Setting
from demos.experiments import (
    critic_distance,
    flat_gradient,
    k_steps,
    modes,
    optimal_discriminator,
)
from demos.experiments.finding import perform
from demos.experiments.toys import toy
from models.measures.distances import power
from models.measures.modes import ring

pytestmark = pytest.mark.slow


def test_the_trained_discriminator_comes_near_the_best(tmp_path):
    found = optimal_discriminator.run(Setting(0, tmp_path), steps=300, batch=256)
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
    found = flat_gradient.run(Setting(0, tmp_path), levels=(0.5, 0.1, 0.01))
    assert found.numbers["D(G(z))"] <= 0.01
    assert found.numbers["ratio"] > 30
    assert found.control["before training D"]["ratio"] == pytest.approx(1, abs=0.1)
    assert found.numbers["slope of log(1 - D) at D = 0.0025"] == pytest.approx(-0.0025)
    assert found.numbers["slope of -log D at D = 0.0025"] == pytest.approx(-0.9975)


def test_critics_measure_distances(tmp_path):
    found = critic_distance.run(Setting(0, tmp_path), offsets=(0.1, 0.4), steps=250)
    near, far = found.numbers["rows"]
    assert (near["exact"], far["exact"]) == pytest.approx((0.1, 0.4), rel=1e-5)
    assert far["penalty"] == pytest.approx(0.4 * (1 + 0.4 / 20), rel=0.02)
    assert far["clipping"] > 2 * near["clipping"] > 0
    assert near["JSD"] == pytest.approx(math.log(2) / 2, rel=1e-3)
    assert far["JSD"] == pytest.approx(math.log(2), rel=1e-3)


def test_a_power_is_the_slope_of_logarithms():
    x = np.array([1.0, 2.0, 5.0])
    assert power(x, 3 * x) == pytest.approx(1)
    assert power(x, 2 * x**0.5) == pytest.approx(0.5)
    assert math.isnan(power(x, x - 1))


def test_k_steps_shares_out_equal_updates(tmp_path):
    found = k_steps.run(Setting(0, tmp_path), seeds=2, updates=10, jobs=1)
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
    perform("modes", lambda s: modes.run(s, **settings, jobs=1), Setting(7, tmp_path))
    found = json.loads((tmp_path / "modes.json").read_text())
    assert found["command"] == "python -m demos.experiments modes --seed 7"
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

"""Networks of experiments: trained on a GPU, measured on the CPU."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demos.common.games import in_steps, learn
from demos.common.kept import Kept, Setting
from demos.experiments import (
    aae,
    autoencoders,
    autoregressives,
    began,
    dcgans,
    likelihood_vaes,
    posterior_time,
    posteriors,
    total_correlation,
    vaes,
)
from demos.experiments.zoo_games import signed
from minigrad import Tensor, data, nn, no_grad, tensor
from models.adversarial import Average
from models.model import Model
from models.vaegan import vae_gan
from models.zoo.lapgan import LAPGAN

pytestmark = [pytest.mark.slow, pytest.mark.cuda]

SMALL: dict[str, Any] = {"limit": 60, "batch": 12}
TRAININGS: dict[str, Callable[[Setting], Kept]] = {
    "dcgan": lambda setting: dcgans.dcgan(setting, **SMALL, epochs=2, noise=3, width=2),
    "vae": lambda setting: vaes.kept_vae(setting, **SMALL, epochs=2, dynamic=True),
    "aae": lambda setting: aae.aae(setting, **SMALL, epochs=2),
    "autoencoder": lambda setting: autoencoders.autoencoder(
        setting, model="deep", falling=True, **SMALL
    ),
    "made": lambda setting: autoregressives.trained(setting, "made", **SMALL),
    "likelihood": lambda setting: likelihood_vaes.trained(
        setting, {"dataset": "glyphs", "k": 5, "epochs": 2, **SMALL}
    )[0],
}


def tensors(model: Any) -> Iterator[Tensor]:
    """All that a model is made of."""
    if isinstance(model, nn.Module):
        yield from (*model.parameters(), *model.buffers())
    elif isinstance(model, Average):
        yield from tensors(model.module)
    elif isinstance(model, Model):
        for part in vars(model).values():
            yield from tensors(part)


@pytest.mark.parametrize("name", TRAININGS)
def test_a_network_trained_on_a_gpu_is_measured_on_the_cpu(name: str, tmp_path: Path) -> None:
    setting = Setting(0, tmp_path, device="cuda")
    found = TRAININGS[name](setting)
    assert found.folder.name.endswith("-cuda")
    assert all(np.isfinite(value) for row in found.rows for value in row.values())
    held = [*tensors(found.model)]
    assert held
    assert all(x.device.type == "cpu" for x in held)
    again = [*tensors(TRAININGS[name](setting).model)]  # read from the folder
    for x, y in zip(held, again, strict=True):
        np.testing.assert_array_equal(x.numpy(force=True), y.numpy(force=True))


@pytest.mark.parametrize("posterior", [posterior_time.PLAIN, posterior_time.TWO])
def test_posteriors_of_equal_time_are_trained_there(
    posterior: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count()
    monkeypatch.setattr(posterior_time, "process_time", lambda: next(ticks) / 10)
    how: dict[str, Any] = {"images": 4, "samples": 60, "limit": 50, "seed": 0, "seconds": 2}
    setting = Setting(0, tmp_path, "glyphs", device="cuda")
    found = posterior_time.play(setting, posterior=posterior, dataset="glyphs", **how)
    assert found["steps"] > 3  # by a graph
    assert found["-L"] < found["-ELBO"] < 600


def test_an_encoder_with_flows_goes_on_there_and_is_fitted_to_images(tmp_path: Path) -> None:
    setting = Setting(0, tmp_path, device="cuda")
    how: dict[str, Any] = {**SMALL, "dataset": "glyphs", "begun": 1, "epochs": 1}
    recipe = posteriors.PosteriorRecipe(posterior="iaf", **how)
    vae = posteriors.trained(setting, recipe)
    assert all(x.device.type == "cpu" for x in tensors(vae))
    x = tensor(setting.images("glyphs", 5)[0][:][0])
    decoder = [p.numpy(force=True) for p in vae.decoder.parameters()]

    def elbo() -> float:
        with no_grad():
            return vae.log_weights(x, 200).mean().item()

    before = elbo()
    posteriors.fit(vae, x, 20, "cuda")
    assert elbo() > before
    assert all(x.device.type == "cpu" for x in tensors(vae))
    for old, new in zip(decoder, vae.decoder.parameters(), strict=True):
        np.testing.assert_array_equal(new.numpy(force=True), old)


def test_factors_are_learned_there(tmp_path: Path) -> None:
    images = Setting(0, tmp_path).images("faces", 60)
    found = total_correlation.play(*images, "cuda", steps=5, seed=0, kind="tc", beta=10.0)
    assert np.isfinite(found["total correlation"])


def test_a_network_without_noise_learns_there_what_it_learns_here(tmp_path: Path) -> None:
    here, there = (
        TRAININGS["autoencoder"](Setting(0, tmp_path, device=name)) for name in ("cpu", "cuda")
    )
    for ours, theirs in zip(here.rows, there.rows, strict=True):
        assert theirs == {name: pytest.approx(value, rel=1e-3) for name, value in ours.items()}


GAMES: dict[str, Callable[[], Model]] = {
    "BEGAN": lambda: began.game(gamma=0.5, rate=0.02),
    "LAPGAN": lambda: LAPGAN((3, 32, 32), width=2, noise=3),
    "VAE/GAN": lambda: vae_gan((3, 32, 32), 3, 2, ema=0.9),
}


@pytest.mark.parametrize("name", GAMES)
def test_a_game_is_played_on_a_gpu_and_comes_back(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(began, "WIDTH", 2)
    game, steps = GAMES[name](), 5  # of which two are replayed
    how = {"batch": 4, "seed": 0, "device": "cuda", "prepared": signed}
    losses = learn(game, data.load("faces", limit=9), in_steps(steps), **how)
    assert all(len(v) == steps and np.isfinite(v).all() for v in losses.values())
    assert len({tuple(v) for v in zip(*losses.values(), strict=True)}) == steps
    held = [*tensors(game)]
    assert held and all(x.device.type == "cpu" for x in held)
    images = game.sample(3).numpy()  # type: ignore[attr-defined]
    assert images.shape == (3, 3, 32, 32) and np.isfinite(images).all()

"""What programs need of a model; and that the models of papers to come have it, too."""

from collections.abc import Iterable, Mapping

import numpy as np
import pytest

import minigrad as mg
from demos.common.run import Run
from demos.common.training import Trainer
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset
from models.adversarial import frozen
from models.autoencoder import deep_autoencoder
from models.model import Learner, Losses, Model, descend
from models.objectives import OBJECTIVES, named
from models.vae import mlp_vae

SHAPE = (1, 4, 4)


def learner(model=None) -> Learner:
    model = model or mlp_vae(SHAPE, 2, (8,))
    return Learner(model, optim.Adam(model.parameters(), lr=1e-2))


def test_a_learner_takes_one_step_and_says_what_it_lost():
    mine = learner()
    before = [p.numpy(force=True).copy() for p in mine.model.parameters()]
    x = mg.rand(3, *SHAPE)
    mg.manual_seed(1)
    expected = mine.model.losses(x)
    mg.manual_seed(1)
    losses = mine.train_step(x)
    assert list(losses) == ["loss", "rec", "kl"]
    for name, value in losses.items():
        assert value.item() == expected[name].item()
        assert value.shape == () and not value.requires_grad
    after = [p.numpy(force=True) for p in mine.model.parameters()]
    assert not any(np.array_equal(a, b) for a, b in zip(after, before, strict=True))


def test_a_state_is_that_of_all_parts_and_goes_on():
    whole, x = learner(), mg.rand(3, *SHAPE)
    assert list(whole.parts()) == list(whole.state_dict()) == ["model", "optimizer"]
    whole.train_step(x)
    copy = learner()
    copy.load_state_dict(whole.state_dict())
    for mine in (whole, copy):
        mg.manual_seed(2)
        mine.train_step(x)
    for a, b in zip(whole.model.parameters(), copy.model.parameters(), strict=True):
        assert np.array_equal(a.numpy(force=True), b.numpy(force=True))


def test_a_state_with_other_parts_is_refused():
    with pytest.raises(ValueError, match=r"Balanced.load_state_dict: expected .*'k'"):
        Balanced().load_state_dict(learner().state_dict())


def tensors(state) -> list[mg.Tensor]:
    if isinstance(state, mg.Tensor):
        return [state]
    parts = state.values() if isinstance(state, Mapping) else state
    return [t for part in parts for t in tensors(part)] if isinstance(parts, Iterable) else []


def test_a_model_moves_with_all_that_it_is_made_of(gpu):
    """Networks, a number of its own, and what the optimizers keep."""
    model, x = Balanced(), mg.rand(3, *SHAPE)
    model.train_step(x)
    assert model.to(gpu) is model
    kept = tensors(model.state_dict())
    assert len(kept) > 3 * len([*model.generator.parameters(), *model.discriminator.parameters()])
    assert all(t.device is gpu for t in kept if t.ndim or t is model.k)


# ---- models to come ------------------------------------------------------------------------------


class Balanced(Model):
    """In the manner of BEGAN: the discriminator is an autoencoder, whose error is the score, and k
    weighs the error of samples. A number that is learned, but by no gradient."""

    def __init__(self) -> None:
        self.generator = nn.Sequential(nn.Linear(2, 16), nn.Unflatten(1, SHAPE))
        self.discriminator = deep_autoencoder(SHAPE, 2, (8,))
        self.g_optimizer, self.d_optimizer = (
            optim.Adam(network.parameters(), 1e-2)
            for network in (self.generator, self.discriminator)
        )
        self.k = mg.zeros(())

    def error(self, x: mg.Tensor) -> mg.Tensor:
        return (self.discriminator.decoder(self.discriminator.encoder(x)) - x).abs().mean()

    def train_step(self, x: mg.Tensor) -> Losses:
        with mg.no_grad():
            samples = self.generator(mg.randn(len(x), 2))
        real, fake = self.error(x), self.error(samples)
        descend(self.d_optimizer, real - self.k * fake)
        with frozen(self.discriminator):
            g = self.error(self.generator(mg.randn(len(x), 2)))
        descend(self.g_optimizer, g)
        with mg.no_grad():
            self.k = (self.k + 0.1 * (0.5 * real - g)).clip(0, 1)
        return {"real": real.detach(), "g": g.detach(), "k": self.k}


class Translator(Model):
    """In the manner of pix2pix: pairs of images, a discriminator of patches of both."""

    def __init__(self) -> None:
        self.generator = nn.Conv2d(1, 1, 3, 1, 1)
        self.discriminator = Patches()
        self.g_optimizer, self.d_optimizer = (
            optim.Adam(network.parameters(), 1e-2)
            for network in (self.generator, self.discriminator)
        )
        self.objective = OBJECTIVES["lsgan"]

    def train_step(self, x: mg.Tensor, y: mg.Tensor) -> Losses:
        translated = self.generator(x)
        d, *_ = self.objective.discriminator_loss(self.discriminator, y, translated.detach(), x)
        descend(self.d_optimizer, d)
        with frozen(self.discriminator):
            g = self.objective.generator_loss(self.discriminator, translated, x)
        descend(self.g_optimizer, g + 10 * (translated - y).abs().mean())
        return {"d": d.detach(), "g": g.detach()}


class Patches(nn.Module):
    """An image and what it was made of, (N, 1, 4, 4), to scores of its patches (N, 1, 2, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 4, 2, 1)

    def forward(self, image: mg.Tensor, given: mg.Tensor) -> mg.Tensor:
        return self.conv(mg.concat([given, image], 1))


@pytest.mark.parametrize("kind", [learner, Balanced, Translator])
def test_the_trainer_trains_any_model_and_goes_on_with_it(kind, tmp_path):
    def trained(folder, epochs):
        mg.manual_seed(0)
        model = kind()
        images = np.random.default_rng(0).random((12, *SHAPE), np.float32)
        data = TensorDataset(*[images] * (2 if kind is Translator else 1))
        loader = DataLoader(data, 4, shuffle=True, seed=0, device="cpu")
        trainer = Trainer(Run(folder, resume=True), loader, {"it": model}, {}, epochs=epochs)
        trainer.fit(model.train_step, lambda number: {})
        return model, trainer.rows

    whole, rows = trained(tmp_path / "whole", 3)
    trained(tmp_path / "parts", 1)
    resumed, the_same = trained(tmp_path / "parts", 3)
    assert rows == the_same
    for a, b in zip(flat(whole.state_dict()), flat(resumed.state_dict()), strict=True):
        assert np.array_equal(a, b)


def flat(state) -> list[np.ndarray]:
    """All tensors of a state."""
    if isinstance(state, mg.Tensor):
        return [state.numpy(force=True)]
    return (
        [array for part in state.values() for array in flat(part)]
        if hasattr(state, "values")
        else []
    )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_scores_of_patches_are_scores_of_as_many_images(name):
    """What an objective makes of (N, 1, 2, 2) is what it makes of (4 N,)."""
    patches, flat = Patches(), lambda image, given: patches(image, given).reshape(-1)
    x, samples, given = (mg.randn(3, *SHAPE) for _ in range(3))
    objective = named(name)
    loss, real, fake = objective.discriminator_loss(patches, x, samples, given)
    assert real.shape == fake.shape == (3, 1, 2, 2)
    expected, *_ = objective.discriminator_loss(flat, x, samples, given)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    g = objective.generator_loss(patches, samples, given)
    assert g.item() == pytest.approx(
        objective.generator_loss(flat, samples, given).item(), rel=1e-6
    )

"""The VAEs of Burda et al. 2016, which `likelihood` trains and measures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
from demos.common.kept import Kept, Recipe, Setting, kept
from minigrad import Tensor, nn, optim
from minigrad.optim.lr_scheduler import CosineAnnealingLR
from models.likelihoods import binarize
from models.measures.bounds import elbo
from models.model import Learner, Losses
from models.vae import VAE, mlp_vae

LATENT, HIDDEN = 50, (200, 200)


@dataclass(frozen=True, kw_only=True)
class LikelihoodRecipe(Recipe):
    """How the paper's VAE is trained: the rate falls from lr to last_lr, epoch by epoch."""

    kind: ClassVar[str] = "likelihood"
    k: int
    last_lr: float = 1e-4


def trained(setting: Setting, values: Mapping[str, Any]) -> tuple[Kept, Tensor]:
    """The model of a run, its rows having the bounds on test images; and these, drawn once."""
    how = {name: values[name] for name in ("dataset", "k", "epochs", "batch", "limit")}
    recipe = setting.lengthened(LikelihoodRecipe(**how))
    train, test = recipe.images(setting)
    x_test = mg.tensor(test[:][0])

    def build(steps: int) -> Learner:
        nonlocal x_test
        x_test = binarize(x_test)
        vae = network(train.images.mean(0) / 255, recipe.k)
        learner = Learner(vae, optim.Adam(vae.parameters(), recipe.lr))
        learner.schedule = CosineAnnealingLR(learner.optimizer, recipe.epochs, recipe.last_lr)
        return learner

    def step(learner: Learner, x: Tensor, labels: Tensor) -> Losses:
        losses = learner.train_step(binarize(x))
        return {"objective": losses["loss"], "rec": losses["rec"], "kl": losses["kl"]}

    def end_of_epoch(learner: Any, *_: Any) -> dict[str, float]:
        learner.schedule.step()
        rec, kl = elbo(learner.model, x_test.to(setting.device))
        return {"test_nelbo": rec + kl, "test_rec": rec, "test_kl": kl}

    found = kept(setting, recipe, train, build, step, end_of_epoch)
    return found._replace(model=found.model.model), x_test


def network(mean: Any, k: int) -> VAE:
    """The paper's network, for images with the mean (C, H, W)."""
    vae = mlp_vae(mean.shape, LATENT, HIDDEN, nn.Tanh, k=k)
    first_weights(vae, mean)
    return vae


def first_weights(vae: VAE, mean: Any) -> None:
    """The paper's: those of Glorot & Bengio, and for the last biases the logits of the mean image.

    NOTE: two stochastic layers need them. From the usual ones z1 goes out of use at the beginning
    and never comes back, whatever the weight of the KL.
    """
    for layer in vae.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    p = np.clip(mean.ravel(), 1e-3, 1 - 1e-3)
    *_, last, _ = vae.decoder
    with mg.no_grad():
        last.bias.copy_(mg.tensor((np.log(p) - np.log1p(-p)).astype(np.float32)))

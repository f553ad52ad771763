"""VAEs that experiments share: the first that needs one trains it, the others only read it."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from demos.common import datasets
from demos.common.kept import Setting
from demos.common.run import Run
from demos.common.training import Trainer
from minigrad import Tensor, nn, optim
from minigrad.data import DataLoader
from models.likelihoods import binarize
from models.model import Learner, Losses
from models.vae import VAE, conv_vae, mlp_vae

BATCH, LR = 128, 1e-3
SAMPLED_AT_ONCE = 500
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


@dataclass(frozen=True)
class Recipe:
    """All that a trained VAE depends on."""

    dataset: str
    model: str
    latent: int
    epochs: int
    beta: float
    dynamic: bool
    activation: str
    hidden: tuple[int, ...]
    limit: int | None
    seed: int

    @property
    def name(self) -> str:
        """The name of its folder, another one for every recipe."""
        beta = f"-beta{self.beta:g}" if self.beta != 1 else ""
        dynamic = "-dynamic" if self.dynamic else ""
        units = f"-{self.activation}" if self.activation != "relu" else ""
        widths = "".join(f"-{width}" for width in self.hidden)
        limit = f"-first{self.limit}" if self.limit else ""
        what = f"{self.dataset}-{self.model}{widths}-{self.latent}{beta}{dynamic}{units}{limit}"
        return f"vae-{what}-{self.epochs}epochs-{self.seed}"


def trained(
    setting: Setting,
    dataset: str,
    *,
    model: str = "mlp",
    latent: int = 20,
    epochs: int = 10,
    beta: float = 1.0,
    dynamic: bool = False,
    activation: str = "relu",
    hidden: tuple[int, ...] = (),
    limit: int | None = None,
) -> VAE:
    """The VAE of this recipe, trained with Adam: its run is kept in the setting's folder.

    A training that was stopped goes on, one that was done is only read. `model` is mlp or conv, the
    likelihood Bernoulli for grey images and Gaussian for colour. With `dynamic` the pixels are
    drawn at every use, each being 1 with the probability that its grey level is: p(x) is then a
    probability of black and white images. `activation` is of the mlp: relu, or tanh as in the paper
    (a smooth decoder); so are the widths of `hidden` layers, if not the usual one.
    """
    recipe = Recipe(
        dataset, model, latent, epochs, beta, dynamic, activation, hidden, limit, setting.seed
    )
    images, _ = datasets.load(dataset, setting.data_dir, limit)
    mg.manual_seed(setting.seed)
    shape = images.images.shape[1:]
    likelihood = "bernoulli" if shape[0] == 1 else "gaussian"
    options: dict[str, Any] = {"likelihood": likelihood, "beta": beta}
    if model == "mlp":
        if hidden:
            options["hidden"] = hidden
        vae = mlp_vae(shape, latent, activation=ACTIVATIONS[activation], **options)
    else:
        vae = conv_vae(shape, latent, **options)
    learner = Learner(vae, optim.Adam(vae.parameters(), LR))
    trainer = Trainer(
        Run(setting.folder / recipe.name, resume=True),
        DataLoader(images, BATCH, shuffle=True, seed=setting.seed, device="cpu"),
        learner.parts(),
        asdict(recipe),
        epochs=epochs,
        seed=setting.seed,
    )

    def step(x: Tensor, labels: Tensor) -> Losses:
        terms = learner.train_step(binarize(x) if dynamic else x)
        return {"rec": terms["rec"], "kl": terms["kl"]}

    trainer.fit(step, lambda number: {})
    return vae


def samples(vae: VAE, n: int, draw: bool = False) -> NDArray[Any]:
    """n samples from the prior: the decoder's means, or with `draw` images drawn from p(x|z)."""
    sizes = [min(SAMPLED_AT_ONCE, n - i) for i in range(0, n, SAMPLED_AT_ONCE)]
    return np.concatenate([vae.sample(size, draw).numpy() for size in sizes])

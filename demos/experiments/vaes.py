"""VAEs that experiments share."""

from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from demos.common.kept import Kept, Recipe, Setting, kept
from minigrad import Tensor, nn, optim
from models.likelihoods import binarize
from models.measures.parts import in_parts
from models.model import Learner, Losses
from models.vae import VAE, conv_vae, mlp_vae

SAMPLED_AT_ONCE = 500
Array = NDArray[Any]
# The networks of Burda et al. 2016, on black and white pixels; less than a minute of one core.
BLACK_AND_WHITE: dict[str, Any] = {
    "dynamic": True,
    "latent": 50,
    "hidden": (200, 200),
    "activation": "tanh",
    "batch": 100,
    "epochs": 8,
}
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


@dataclass(frozen=True, kw_only=True)
class VAERecipe(Recipe):
    """How a VAE is made, and trained with Adam. The likelihood is Bernoulli for grey images, and
    Gaussian for colour."""

    kind: ClassVar[str] = "vae"
    model: str = "mlp"  # or conv
    latent: int = 20
    beta: float = 1.0
    # Pixels drawn at every use, each being 1 with the probability that its grey level is: p(x) is
    # then a probability of black and white images.
    dynamic: bool = False
    # Of the mlp: relu, or tanh as in the paper (a smooth decoder); its layers if not the usual.
    activation: str = "relu"
    hidden: tuple[int, ...] = ()


def vae(setting: Setting, **how: Any) -> VAE:
    """The VAE of a recipe for the setting's data (else glyphs)."""
    found: VAE = kept_vae(setting, **how).model
    return found


def kept_vae(setting: Setting, **how: Any) -> Kept:
    """`vae`, with what its training left."""
    recipe = setting.recipe(VAERecipe, **how)
    train, _ = recipe.images(setting)

    def build(steps: int) -> Learner:
        model = untrained(recipe, train.images.shape[1:])
        return Learner(model, optim.Adam(model.parameters(), recipe.lr))

    def step(learner: Learner, x: Tensor, labels: Tensor) -> Losses:
        losses = learner.train_step(binarize(x) if recipe.dynamic else x)
        return {name: losses[name] for name in ("rec", "kl")}

    found = kept(setting, recipe, train, build, step)
    return found._replace(model=found.model.model)


def untrained(recipe: VAERecipe, shape: tuple[int, ...]) -> VAE:
    likelihood = "bernoulli" if shape[0] == 1 else "gaussian"
    options: dict[str, Any] = {"likelihood": likelihood, "beta": recipe.beta}
    if recipe.model == "conv":
        return conv_vae(shape, recipe.latent, **options)
    if recipe.hidden:
        options["hidden"] = recipe.hidden
    return mlp_vae(shape, recipe.latent, activation=ACTIVATIONS[recipe.activation], **options)


def samples(model: VAE, n: int, draw: bool = False) -> Array:
    """n samples from the prior: the decoder's means, or with `draw` images drawn from p(x|z)."""
    return in_parts(n, SAMPLED_AT_ONCE, lambda rows: model.sample(rows.stop - rows.start, draw))

"""DCGANs for the experiments: trained once, kept in the folder, taken from there by the next."""

import copy
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from demos.common import datasets
from demos.common.kept import Setting
from demos.common.run import CommandError, Run, read_table
from demos.common.training import Trainer
from minigrad import Tensor, optim
from minigrad.data import DataLoader
from models.dcgan import DCGANDiscriminator, DCGANGenerator
from models.gan import GAN, Shape
from models.model import Losses

SAMPLED_AT_ONCE = 500
GENERATOR = "generator-{:0>3}.safetensors"  # of the epoch with that number


@dataclass(frozen=True)
class Recipe:
    """How a DCGAN is made and trained.

    With `falling` the rate goes down towards 0 by equal steps in the second half of the epochs.
    `undone` are the options of both networks that undo a guideline; `leak` is the discriminator's.

    NOTE: the paper's rate 2e-4 is for 64 channels and more. With 24, the Fréchet distance after two
    epochs of MNIST is 106 at 2e-4, and 31 at 6e-4.
    """

    epochs: int = 8
    batch_size: int = 64
    noise: int = 64
    width: int = 24
    start: int = 4
    lr: float = 6e-4
    ema: float = 0.999
    falling: bool = True
    undone: dict[str, Any] = field(default_factory=dict)


def build(shape: Shape, classes: int = 0, recipe: Recipe = Recipe()) -> GAN:
    """An untrained DCGAN of images (C, H, W), conditional if there are classes."""
    options = {"start": recipe.start, **recipe.undone}
    without_leak = {name: value for name, value in options.items() if name != "leak"}
    generator = DCGANGenerator(recipe.noise, shape, recipe.width, classes, **without_leak)
    discriminator = DCGANDiscriminator(shape, recipe.width, classes, **options)
    g_optimizer, d_optimizer = (
        optim.Adam(network.parameters(), recipe.lr, (0.5, 0.999))
        for network in (generator, discriminator)
    )
    return GAN(
        generator, discriminator, g_optimizer, d_optimizer, noise=recipe.noise, ema=recipe.ema
    )


def trained(
    setting: Setting,
    dataset: str,
    *,
    conditional: bool = False,
    limit: int | None = None,
    **changes: Any,
) -> GAN:
    """A DCGAN of the training set, or its first `limit` images; `changes` are to the Recipe.

    It is kept in the `folder_of` it, as a run: a training that was killed goes on, one that was
    done is only read. Its metrics.csv has the seconds of one core that each epoch took. Raises
    CommandError if what is there was trained otherwise, by another version of the Recipe.
    """
    recipe = Recipe(**changes)
    what = {"dataset": dataset, "conditional": conditional, "limit": limit}
    args = {**what, **asdict(recipe)}
    run = Run(folder_of(setting, **what, **changes), resume=True)
    before = run.checkpoint["args"] if run.checkpoint else {}
    if changed := [name for name, value in before.items() if args.get(name) != value]:
        raise CommandError(
            f"the DCGAN in {run.folder} is of another training ({', '.join(changed)}): "
            "move it away, or choose another --out"
        )
    data, _ = datasets.load(dataset, setting.data_dir, limit)
    mg.manual_seed(setting.seed)
    gan = build(data.images.shape[1:], len(data.classes) if conditional else 0, recipe)
    loader = DataLoader(
        data,
        min(recipe.batch_size, len(data)),
        shuffle=True,
        drop_last=True,
        seed=setting.seed,
        device="cpu",
    )
    trainer = Trainer(
        run,
        loader,
        {"gan": gan},
        args,
        epochs=recipe.epochs,
        seed=setting.seed,
    )
    start = time.process_time()

    def step(x: Tensor, labels: Tensor) -> Losses:
        return gan.train_step(2 * x - 1, *([labels] if conditional else []))

    def end_of_epoch(number: int) -> dict[str, float]:
        nonlocal start
        mg.save(gan.sampler.state_dict(), run.file(GENERATOR.format(number)))
        if recipe.falling:
            share = min(1.0, 2 * (1 - number / recipe.epochs))
            for optimizer in (gan.g_optimizer, gan.d_optimizer):
                optimizer.param_groups[0]["lr"] = recipe.lr * share
        before, start = start, time.process_time()
        return {"core_seconds": start - before}

    trainer.fit(step, end_of_epoch)
    return gan


def folder_of(
    setting: Setting,
    dataset: str,
    *,
    conditional: bool = False,
    limit: int | None = None,
    **changes: Any,
) -> Path:
    """Where `trained` keeps what it makes with these arguments."""
    usual = asdict(Recipe())
    parts = [f"{name}{value}" for name, value in changes.items() if value != usual[name]]
    parts += ["conditional"] * conditional + ([f"first{limit}"] if limit else [])
    return setting.folder / "-".join(["dcgan", dataset, *sorted(parts), str(setting.seed)])


def core_seconds(setting: Setting, dataset: str, **what: Any) -> list[float]:
    """The seconds of one core that each epoch took of what `trained` keeps with these arguments."""
    table = read_table(folder_of(setting, dataset, **what) / "metrics.csv")
    return [float(row["core_seconds"]) for row in table]


def after_each_epoch(gan: GAN, folder: Path) -> Iterator[GAN]:
    """A trained GAN as it was after each epoch of the training in `folder`: for sampling only."""
    earlier = copy.deepcopy(gan)
    for file in sorted(folder.glob("generator-*.safetensors")):
        earlier.sampler.load_state_dict(mg.load(file))
        yield earlier


def samples(gan: GAN, n: int, labels: NDArray[Any] | None = None) -> NDArray[Any]:
    """n images (n, C, H, W) in [0, 1], of labels (n,) if it is conditional."""
    return decode(gan, gan.draw_noise(n).numpy(), labels)


def decode(gan: GAN, z: NDArray[Any], labels: NDArray[Any] | None = None) -> NDArray[Any]:
    """The images (n, C, H, W) in [0, 1] of noise z (n, noise), each on its own."""
    parts = []
    for i in range(0, len(z), SAMPLED_AT_ONCE):
        rows = slice(i, i + SAMPLED_AT_ONCE)
        given = [] if labels is None else [mg.from_numpy(labels[rows])]
        parts.append(gan.generate(mg.from_numpy(z[rows]), *given).numpy())
    images: NDArray[Any] = (np.concatenate(parts) + 1) / 2
    return images

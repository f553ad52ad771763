"""What can be explored: the decoder in a run's checkpoint, and its encoder if it has one."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from demos import autoencoder, dcgan, gan, translation, vae
from demos.common import evaluation, latents
from demos.common.run import CommandError, Run
from minigrad.data import ImageDataset, captions
from minigrad.data.drawn import SPECS
from minigrad.data.sources import SOURCES
from models.autoencoder import Autoencoder
from models.gan import GAN
from models.text_to_image import text_gan
from models.vae import VAE, kl_per_latent

Floats = NDArray[np.float32]

# Known without the files, which may be on another machine.
SHAPES = {
    "glyphs": (1, 28, 28),
    "faces": (3, 32, 32),
    "mnist": (1, 28, 28),
    "fashion-mnist": (1, 28, 28),
    "cifar-10": (3, 32, 32),
    "binarized-mnist": (1, 28, 28),
}
CLASSES = {name: drawn.classes for name, drawn in SPECS.items()} | {
    name: source.classes for name, source in SOURCES.items()
}


class Posterior(NamedTuple):
    """What a VAE says of one image; the arrays are (latent,)."""

    mu: Floats  # of q(z|x)
    std: Floats
    kl: Floats  # KL(q(z|x) || p(z)) in nats
    log_p: float  # log p(x|z) at z = mu in nats, summed over pixels


class Code(NamedTuple):
    """What an autoencoder says of one image."""

    mu: Floats  # (latent,): the code
    error: float  # of the reconstruction, squared, summed over pixels


class Generator(Protocol):
    """What makes images of z ~ N(0, I). Besides it may want a label, one of `classes`, or a
    caption, of which it has an example."""

    name: str
    shape: tuple[int, int, int]
    latent: int
    classes: tuple[str, ...]
    caption: str

    def decode(self, z: Floats, label: Any) -> Floats:
        """z (N, latent) to images (N, C, H, W), in [0, 1] or near it."""


class VAEGenerator:
    """The decoder of demos.vae, and the encoder."""

    classes: tuple[str, ...] = ()
    caption = ""

    def __init__(self, args: Namespace, model: VAE, shape: tuple[int, int, int]) -> None:
        self.name = f"VAE ({args.model}) of {args.dataset}"
        self.model, self.shape, self.latent = model.eval(), shape, model.latent

    def decode(self, z: Floats, label: None = None) -> Floats:
        return self.model.decode(mg.tensor(z)).numpy()

    def codes(self, images: ImageDataset) -> tuple[Floats, Floats]:
        """The means of q(z|x) of images, and each latent's KL in nats: both (N, latent)."""
        return latents.encode(self.model, images)

    @mg.no_grad()
    def encode(self, image: Floats) -> Posterior:
        """q(z|x) of one image (C, H, W) in [0, 1]."""
        x = mg.tensor(image[None])
        mu, logvar = self.model.encoder(x)
        log_p = self.model.log_likelihood(x, mu).item()
        std, kl = (0.5 * logvar).exp(), kl_per_latent(mu, logvar)
        return Posterior(mu.numpy()[0], std.numpy()[0], kl.numpy()[0], log_p)


class AutoencoderGenerator:
    """The decoder of demos.autoencoder, and the encoder, which gives points and no posterior.

    With --adversarial codes are like N(0, I), and z is a code. Without, nothing says where codes
    lie: z is counted from the mean of the test images' codes, in their standard deviations.
    """

    classes: tuple[str, ...] = ()
    caption = ""

    def __init__(self, args: Namespace, model: Autoencoder, shape: tuple[int, int, int]) -> None:
        kind = "adversarial autoencoder" if args.adversarial else "autoencoder"
        self.name, self.adversarial = f"{kind} ({args.model}) of {args.dataset}", args.adversarial
        self.model, self.shape, self.latent = model.eval(), shape, model.code
        self.middle, self.scale = np.zeros(model.code, np.float32), np.ones(model.code, np.float32)

    def decode(self, z: Floats, label: None = None) -> Floats:
        return self.model.decode(mg.tensor(self.middle + self.scale * z)).numpy()

    def codes(self, images: ImageDataset) -> tuple[Floats, None]:
        """The codes of images, (N, latent); there is no KL."""
        codes = evaluation.codes(self.model, images)
        if not self.adversarial:
            self.middle, self.scale = codes.mean(0), codes.std(0) + np.float32(1e-6)
        return (codes - self.middle) / self.scale, None

    def encode(self, image: Floats) -> Code:
        """The code of one image (C, H, W) in [0, 1]."""
        code = self.model.encode(mg.tensor(image[None])).numpy()
        error = np.square(self.model.decode(mg.tensor(code)).numpy() - image).sum()
        return Code((code[0] - self.middle) / self.scale, float(error))


class GANGenerator:
    """The generator of demos.gan or demos.dcgan, with its averaged weights if there are any."""

    caption = ""

    def __init__(
        self, name: str, game: GAN, shape: tuple[int, int, int], classes: tuple[str, ...]
    ) -> None:
        self.name, self.game, self.shape, self.classes = name, game, shape, classes
        self.latent = game.noise

    def decode(self, z: Floats, label: int | None = None) -> Floats:
        labels = () if label is None else (mg.full((len(z),), label, dtype=mg.int64),)
        images: mg.Tensor = (self.game.generate(mg.tensor(z), *labels) + 1) / 2
        return images.numpy()


class CaptionGenerator:
    """The generator of demos.translation --model text: z and a caption to a face."""

    classes: tuple[str, ...] = ()
    caption = "a smiling red-haired woman with glasses on a blue background"

    def __init__(self, game: GAN, shape: tuple[int, int, int]) -> None:
        self.name, self.game, self.shape = "GAN of faces with captions", game, shape
        self.latent = game.noise

    def decode(self, z: Floats, label: str) -> Floats:
        """ValueError for a caption with a word that is not in the vocabulary."""
        words = mg.tensor(captions.encode([label] * len(z)))
        images: mg.Tensor = (self.game.generate(mg.tensor(z), words) + 1) / 2
        return images.numpy()


def read(path: Path) -> tuple[dict[str, Any], Path]:
    """What a run has saved, given its folder or its checkpoint, and the file.

    Raises CommandError, in one line, where there is none, or none that can be read.
    """
    file = path / Run.CHECKPOINT if path.is_dir() else path
    try:
        return mg.load(file), file
    except (OSError, ValueError) as error:
        raise CommandError(str(error)) from error


@contextmanager
def fitting(file: Path) -> Iterator[None]:
    """Raises CommandError for what cannot be made of what is saved."""
    try:
        yield
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[:2])
        raise CommandError(f"{file} does not fit the program that wrote it: {reason}") from error


def load(path: Path) -> tuple[Generator, Namespace]:
    """The generator of a run, given its folder or its checkpoint, and the run's arguments.

    Raises CommandError, in one line, where there is none, or none that can be read.
    """
    saved, file = read(path)
    programs = "vae, gan, dcgan, autoencoder, autoregressive, or translation of demos"
    made = f", but of demos.{saved['program']}" if isinstance(saved.get("program"), str) else ""
    unknown = CommandError(f"{file} is no checkpoint of {programs}{made}")
    if not isinstance(saved.get("args"), Mapping):
        raise unknown
    with fitting(file):
        if "model" in saved and "beta" in saved["args"]:
            return _vae(saved)
        if "model" in saved and "code" in saved["args"]:
            return _autoencoder(saved)
        if "gan" in saved:
            return _gan(saved)
        if "game" in saved and saved["args"].get("model") == "text":
            return _text(saved)
    raise unknown


def arguments(parser: ArgumentParser, saved: Mapping[str, Any]) -> Namespace:
    """A run's arguments, on the CPU; what it did not have yet is as by default."""
    return Namespace(**vars(parser.parse_args([])) | dict(saved) | {"device": "cpu"})


def _vae(saved: Mapping[str, Any]) -> tuple[Generator, Namespace]:
    args = arguments(vae.parser(), saved["args"])
    if args.posterior != "gaussian":
        reason = "its single latents have no mean, deviation and KL to show"
        raise CommandError(f"a VAE with --posterior {args.posterior} cannot be explored: {reason}")
    model = vae.build(args, SHAPES[args.dataset])
    model.load_state_dict(saved["model"])
    return VAEGenerator(args, model, SHAPES[args.dataset]), args


def _autoencoder(saved: Mapping[str, Any]) -> tuple[Generator, Namespace]:
    args = arguments(autoencoder.parser(), saved["args"])
    model = autoencoder.build(args, SHAPES[args.dataset])
    model.load_state_dict(saved["model"])
    return AutoencoderGenerator(args, model, SHAPES[args.dataset]), args


def _text(saved: Mapping[str, Any]) -> tuple[Generator, Namespace]:
    args = arguments(translation.parser("text"), saved["args"])
    game = text_gan(SHAPES[args.dataset], len(captions.VOCABULARY), width=args.width)
    game.load_state_dict(saved["game"])
    return CaptionGenerator(game, SHAPES[args.dataset]), args


def _gan(saved: Mapping[str, Any]) -> tuple[Generator, Namespace]:
    if toy := saved["args"].get("toy"):
        raise CommandError(f"a GAN of points (--toy {toy}) has no images to explore")
    program, kind = (dcgan, "DCGAN") if "width" in saved["args"] else (gan, "GAN")
    args = arguments(program.parser(), saved["args"])
    shape = SHAPES[args.dataset]
    if size := getattr(args, "size", None):
        shape = (shape[0], size, size)
    classes = CLASSES[args.dataset] if args.conditional else ()
    game = program.build(args, shape, len(classes))
    game.load_state_dict(saved["gan"])
    return GANGenerator(f"{kind} of {args.dataset}", game, shape, classes), args


def pixels(images: Floats) -> NDArray[np.uint8]:
    """Images (N, C, H, W) in [0, 1] as a canvas has them: bytes (N, H, W, C)."""
    levels = np.rint(np.clip(np.nan_to_num(images), 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(0, 2, 3, 1))


def image(levels: NDArray[Any], shape: tuple[int, int, int]) -> Floats:
    """The inverse for one image: H W C bytes to (C, H, W) in [0, 1]."""
    channels, height, width = shape
    image = levels.reshape(height, width, channels).transpose(2, 0, 1)
    scaled: Floats = np.divide(image, 255, dtype=np.float32)
    return scaled

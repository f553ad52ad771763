"""Autoencoders: networks that reproduce their input through a code of few numbers.

    the encoder   z = f(x): images x (N, C, H, W) to codes z (N, code)
    the decoder   x' = g(z): codes to images

No label is used: the target is the input itself, and the loss the squared error |x - x'|^2, summed
over pixels (in [0, 1]) and averaged over the batch. A denoising autoencoder (Vincent et al. 2008)
gets x with noise, and has to give back x without. Trained, the encoder can be the beginning of a
classifier. Nothing says where codes lie: to draw new images, see models/vae.py.

Four generations, as the lecture has them: linear, linear with a sigmoid, deep, convolutional.
"""

import copy
import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import minigrad as mg
from minigrad import Tensor, nn

from .model import Losses

Shape = tuple[int, ...]


class Encoder(nn.Module):
    """`body` makes `features` numbers of an image, a linear layer the code; `activation` is what
    follows it, if anything."""

    def __init__(
        self, body: nn.Module, features: int, code: int, activation: nn.Sigmoid | None = None
    ) -> None:
        super().__init__()
        self.body = body
        self.code = nn.Linear(features, code)
        self.activation = activation or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) to codes (N, code)."""
        return self.activation(self.code(self.body(x)))


class Autoencoder(nn.Module):
    """An encoder of images, and a decoder of codes (N, code) to images.

    With `noise` it is a denoising one: in training, normal noise of that standard deviation is
    added to the pixels that the encoder sees. ValueError if it is negative.
    """

    def __init__(self, encoder: Encoder, decoder: nn.Sequential, noise: float = 0.0) -> None:
        super().__init__()
        if not noise >= 0:
            raise ValueError(f"Autoencoder: noise must not be negative, got {noise}")
        self.encoder = encoder
        self.decoder = decoder
        self.noise = noise

    @property
    def code(self) -> int:
        """The length of a code."""
        return self.encoder.code.out_features

    def loss(self, x: Tensor, eps: Tensor | None = None) -> Tensor:
        """The squared error of images (N, C, H, W), summed over pixels, averaged over the batch.

        `eps`, of x's shape, is the noise in units of its standard deviation; it is drawn if not
        given.
        """
        squares = (self.decoder(self.encoder(self.noisy(x, eps))) - x).square()
        return squares.flatten(1).sum(1).mean()

    def losses(self, x: Tensor) -> Losses:
        """The `loss` of images by its name."""
        return {"loss": self.loss(x)}

    def noisy(self, x: Tensor, eps: Tensor | None = None) -> Tensor:
        """What the encoder sees of images in training: x itself without noise."""
        if not self.noise:
            return x
        return x + self.noise * (mg.randn_like(x) if eps is None else eps)

    def encode(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) to codes (N, code), off the tape."""
        with mg.no_grad():
            return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """Codes (N, code) to images (N, C, H, W), off the tape; pixels may leave [0, 1]."""
        with mg.no_grad():
            return self.decoder(z)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images to what is left of them after coding and decoding: (N, C, H, W)."""
        return self.decode(self.encode(x))


def classifier(model: Autoencoder, classes: int, on_code: bool = False) -> nn.Sequential:
    """Images (N, C, H, W) to logits (N, classes): a copy of the encoder, then a new linear layer.

    The copy is without the layer that makes the code, unless the new layer is to be `on_code`.
    """
    encoder, code = model.encoder, model.encoder.code
    head = nn.Linear(code.out_features if on_code else code.in_features, classes,
                     dtype=code.weight.dtype)  # fmt: skip
    begun = copy.deepcopy(encoder if on_code else encoder.body)
    return nn.Sequential(begun, head.to(code.weight.device))


# ---- four architectures --------------------------------------------------------------------------


def linear_autoencoder(
    image_shape: Shape = (1, 28, 28), code: int = 32, sigmoid: bool = False, noise: float = 0.0
) -> Autoencoder:
    """A linear layer each way; with `sigmoid`, codes are sigmoids of what the first one gives.

    Whatever the encoder, reconstructions lie in the plane of the decoder's `code` columns: none is
    better on the training images than PCA's. Without sigmoid, the minimum is PCA's plane (Bourlard
    and Kamp 1988; Baldi and Hornik 1989).
    """
    pixels = math.prod(image_shape)
    encoder = Encoder(nn.Flatten(), pixels, code, nn.Sigmoid() if sigmoid else None)
    decoder = nn.Sequential(nn.Linear(code, pixels), nn.Unflatten(1, image_shape))
    return Autoencoder(encoder, decoder, noise)


def deep_autoencoder(
    image_shape: Shape = (1, 28, 28),
    code: int = 32,
    hidden: Sequence[int] = (512, 256),
    noise: float = 0.0,
) -> Autoencoder:
    """Fully connected, pixels-`hidden`-code and back, ReLU between: by default 784-512-256-32."""
    widths = [math.prod(image_shape), *hidden]

    def layers(*sizes: int) -> list[nn.Module]:
        return [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]

    encoder = Encoder(nn.Sequential(nn.Flatten(), *layers(*widths)), widths[-1], code)
    decoder = nn.Sequential(
        *layers(code, *widths[:0:-1]),
        nn.Linear(widths[1] if hidden else code, widths[0]),
        nn.Unflatten(1, image_shape),
    )
    return Autoencoder(encoder, decoder, noise)


def conv_autoencoder(
    image_shape: Shape = (1, 28, 28),
    code: int = 32,
    channels: tuple[int, int] = (32, 64),
    noise: float = 0.0,
) -> Autoencoder:
    """Two 4x4 convolutions of stride 2 and a linear layer down; up, their mirror image, with
    transposed convolutions (the lecture's upconvolution); ReLU between.

    Height and width must be multiples of 4, else ValueError.
    """
    colours, height, width = image_shape
    if height % 4 or width % 4:
        raise ValueError(
            f"conv_autoencoder: needs height and width in multiples of 4, got {image_shape}"
        )
    a, b = channels
    small = (b, height // 4, width // 4)
    body = nn.Sequential(
        nn.Conv2d(colours, a, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(a, b, 4, 2, 1), nn.ReLU(),
        nn.Flatten(),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(code, math.prod(small)), nn.ReLU(), nn.Unflatten(1, small),
        nn.ConvTranspose2d(b, a, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(a, colours, 4, 2, 1),
    )  # fmt: skip
    return Autoencoder(Encoder(body, math.prod(small), code), decoder, noise)


ARCHITECTURES: dict[str, Callable[..., Autoencoder]] = {
    "linear": linear_autoencoder,
    "sigmoid": partial(linear_autoencoder, sigmoid=True),
    "deep": deep_autoencoder,
    "conv": conv_autoencoder,
}

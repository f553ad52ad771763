"""Deep convolutional GANs (Radford et al. 2016, "Unsupervised Representation Learning with Deep
Convolutional Generative Adversarial Networks"), by the five guidelines of its section 3:

    1. convolutions with strides instead of pooling, fractionally-strided ones to make images grow
    2. batch normalization in both networks; the exception in the text: not at the generator's
       output, and not at the discriminator's input
    3. no fully connected hidden layers
    4. ReLU in the generator, tanh at its output
    5. LeakyReLU in the discriminator

    generator       z (N, noise) -> 4w channels, 4x4 -> 2w, 8x8 -> w, 16x16 -> image 32x32
    discriminator   the way back, to one score per image

w being the `width`. The networks play by models/gan.py; each guideline can be undone, to see what
it is good for: `strided=False`, `batch_norm=False`, `hidden=1024`, `leak=0`.
"""

from itertools import pairwise

import minigrad as mg
from minigrad import Tensor, nn

from .gan import Shape

# The sizes that an image has on its way, by its size at the end.
SIZES = {28: (2, 4, 7, 14, 28), 32: (2, 4, 8, 16, 32), 64: (2, 4, 8, 16, 32, 64)}


class DCGANGenerator(nn.Module):
    """Noise (N, noise), and labels (N,) if there are `classes`, to images (N, *shape) in [-1, 1].

    A label is embedded in `classes` numbers, which stand beside the noise. With `start` the image
    begins at that size instead of 4x4. Raises ValueError for a `shape` (C, H, W) that is not square
    or not of one of the SIZES, and for a start that is not on its way.
    """

    def __init__(
        self, noise: int, shape: Shape, width: int = 64, classes: int = 0, *, start: int = 4,
        batch_norm: bool = True, strided: bool = True, hidden: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        sizes = way("DCGANGenerator", shape, start)
        channels = [width * 2**i for i in reversed(range(len(sizes) - 1))]
        double = fractionally_strided if strided else upsampled
        self.embedding = nn.Embedding(classes, classes) if classes else None
        n = noise + classes
        layers: list[nn.Module] = []
        if hidden:
            layers += [nn.Linear(n, hidden), nn.ReLU()]
            n = hidden
        # Of an image of one pixel, so that this is a linear layer: "project and reshape".
        project = nn.ConvTranspose2d(n, channels[0], start, bias=not batch_norm)
        layers += [nn.Unflatten(1, (n, 1, 1)), project]
        for (a, b), size in zip(pairwise(channels), pairwise(sizes), strict=False):
            layers += [*norm(a, batch_norm), nn.ReLU(), *double(a, b, size, bias=not batch_norm)]
        layers += [*norm(width, batch_norm), nn.ReLU(), *double(width, shape[0], sizes[-2:])]
        layers += [nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        initialize(self.layers)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if self.embedding is not None:
            # Without labels it is the embedding that complains; below as well.
            z = mg.concat([z, self.embedding(labels)], 1)  # type: ignore[arg-type]
        return self.layers(z)


class DCGANDiscriminator(nn.Module):
    """Images (N, *shape), and labels (N,) if there are `classes`, to scores (N,).

    The score is linear in the last features h, w·h + b; an embedding of the label takes part in w
    (Miyato and Koyama 2018, equation 3). Features are of `start` x `start` places. At 4x4 each sees
    18 of 28 pixels in a row (22 of 32, 46 of 64), and a sum over places knows little of whether
    they go together; at 2x2, a layer more, each sees all but one. Raises ValueError as
    DCGANGenerator does.
    """

    def __init__(
        self, shape: Shape, width: int = 64, classes: int = 0, *, start: int = 4,
        batch_norm: bool = True, strided: bool = True, hidden: int = 0, leak: float = 0.2,
    ) -> None:  # fmt: skip
        super().__init__()
        sizes = way("DCGANDiscriminator", shape, start)[::-1]
        channels = [width * 2**i for i in range(len(sizes) - 1)]
        halve = strided_down if strided else pooled
        layers: list[nn.Module] = [*halve(shape[0], width, sizes[:2]), nn.LeakyReLU(leak)]
        for (a, b), size in zip(pairwise(channels), pairwise(sizes[1:]), strict=True):
            layers += [*halve(a, b, size, bias=not batch_norm), *norm(b, batch_norm)]
            layers += [nn.LeakyReLU(leak)]
        layers += [nn.Flatten()]
        n = channels[-1] * start**2
        if hidden:
            layers += [nn.Linear(n, hidden), nn.LeakyReLU(leak)]
            n = hidden
        self.features = nn.Sequential(*layers)
        self.score = nn.Linear(n, 1)
        self.embedding = nn.Embedding(classes, n) if classes else None
        initialize(self)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        h = self.features(x)
        scores = self.score(h).squeeze(1)
        if self.embedding is not None:
            scores = scores + (self.embedding(labels) * h).sum(1)  # type: ignore[arg-type]
        return scores


def way(name: str, shape: Shape, start: int) -> tuple[int, ...]:
    """The sizes of an image (C, H, W) from `start` on."""
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] not in SIZES:
        known = ", ".join(f"{size}x{size}" for size in SIZES)
        raise ValueError(f"{name}: images must be (C, H, W) of {known}, got {tuple(shape)}")
    sizes = SIZES[shape[1]]
    if start not in sizes[:-1]:
        raise ValueError(f"{name}: start must be one of {sizes[:-1]}, got {start}")
    return sizes[sizes.index(start) :]


def norm(channels: int, batch_norm: bool) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels)] if batch_norm else []


# ---- from a channels to b, and to twice or half the size (or 4 to 7, 7 to 4) ------------------

Step = tuple[int, ...]  # the size before, and after


def fractionally_strided(a: int, b: int, size: Step, bias: bool = True) -> list[nn.Module]:
    kernel = 4 if size[1] == 2 * size[0] else 3
    return [nn.ConvTranspose2d(a, b, kernel, 2, 1, bias=bias)]


def strided_down(a: int, b: int, size: Step, bias: bool = True) -> list[nn.Module]:
    kernel = 4 if size[0] == 2 * size[1] else 3
    return [nn.Conv2d(a, b, kernel, 2, 1, bias=bias)]


def upsampled(a: int, b: int, size: Step, bias: bool = True) -> list[nn.Module]:
    kernel = 3 if size[1] == 2 * size[0] else 4
    return [nn.Upsample(scale_factor=2), nn.Conv2d(a, b, kernel, 1, 1, bias=bias)]


def pooled(a: int, b: int, size: Step, bias: bool = True) -> list[nn.Module]:
    kernel, padding = (3, 1) if size[0] == 2 * size[1] else (4, 2)
    return [nn.Conv2d(a, b, kernel, 1, padding, bias=bias), nn.MaxPool2d(2)]


def initialize(module: nn.Module) -> None:
    """Weights from N(0, 0.02), a batch normalization's from N(1, 0.02), biases 0.

    The paper's section 4; the scales of batch normalization as in its authors' code.
    """
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            scales = parameter.ndim == 1  # of a batch normalization; all other weights are matrices
            nn.init.normal_(parameter, 1.0 if scales else 0.0, 0.02)

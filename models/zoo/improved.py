"""Two of the "Improved Techniques for Training GANs" of Salimans et al. 2016, and the PacGAN of Lin
et al. 2018: a discriminator that sees one sample at a time cannot see that all of them are alike.

    feature matching            the generator minimises |E f(x) - E f(G(z))|^2, f being what the
                                discriminator's last layer gets
    minibatch discrimination    each sample's features are told how near those of the others are
    packing                     m samples side by side are one input, all data or all from G

Both of the latter need batches of data and of samples to be judged apart, as models/gan.py does.
"""

from collections.abc import Callable

import minigrad as mg
from minigrad import Tensor, nn

from ..adversarial import frozen
from ..gan import GAN
from ..model import Losses


class FeatureMatching(GAN):
    """A GAN whose generator matches the mean features of data; the discriminator, which plays as
    ever, has `features`, a function of its inputs."""

    def train_step(self, x: Tensor, *labels: Tensor) -> Losses:
        """A step of each on data x (N, ...); returns what a GAN does."""
        d, real, fake = self.discriminator_step(x, *labels)
        with frozen(self.discriminator):
            samples = self.generator(self.draw_noise(len(x)), *labels)
            features: Callable[..., Tensor] = self.discriminator.features  # type: ignore[attr-defined]
            of_samples, of_data = (features(v, *labels).mean(0) for v in (samples, x))
            loss = (of_samples - of_data).square().sum()
        return {"d": d, "g": self.move_generator(loss), "real": real, "fake": fake}


class MinibatchDiscrimination(nn.Module):
    """Features (N, A) to (N, A + kernels): beside each sample's own, how near it is to all.

    M = f T in `kernels` rows of `dims` numbers, o_b(i) = sum_j exp(-|M_ib - M_jb|_1), j = i too.
    """

    def __init__(self, features: int, kernels: int = 16, dims: int = 8) -> None:
        super().__init__()
        self.kernels = kernels
        self.project = nn.Linear(features, kernels * dims, bias=False)

    def forward(self, f: Tensor) -> Tensor:
        m = self.project(f).reshape(len(f), self.kernels, -1)
        distances = (m.unsqueeze(0) - m.unsqueeze(1)).abs().sum(3)  # (N, N, kernels)
        return mg.concat([f, (-distances).exp().sum(0)], 1)


class Packed(nn.Module):
    """A discriminator of `pack` samples at once: (N, ...) to N / pack scores. It judges inputs
    (N / pack, pack * C, ...), whose channels (or, of points, numbers) are the samples'."""

    def __init__(self, discriminator: nn.Module, pack: int) -> None:
        super().__init__()
        self.discriminator, self.pack = discriminator, pack

    def forward(self, x: Tensor) -> Tensor:
        together = (len(x) // self.pack, self.pack * x.shape[1], *x.shape[2:])
        scores: Tensor = self.discriminator(x.reshape(*together))
        return scores

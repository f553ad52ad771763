"""Two GANs whose discriminator's features say more than whether an image is real.

    AC-GAN (Odena et al. 2017)    its class. The class's cross entropy is added to both losses, on
                                  data and on samples for D, on samples for G, which is told labels
    InfoGAN (Chen et al. 2016)    the code c that a sample was made from. No labels: part of the
                                  noise is a code, and G and Q maximise a bound of the information
                                  I(c; G(z, c)) >= E[log Q(c|x)] + H(c)

Both have one linear layer more on the discriminator's features: a part of the discriminator in an
AC-GAN, and of the generator's side, which moves it, in an InfoGAN. All terms are in nats.
"""

from typing import Any

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn

from ..adversarial import frozen
from ..gan import GAN
from ..model import descend


class ACGAN(GAN):
    """`head` makes logits (N, classes) of the discriminator's features; `d_optimizer` moves both.

    The generator is told the labels, the discriminator is not: it has `features` and a `score`.
    """

    def __init__(self, *parts: Any, head: nn.Module, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.head = head

    def discriminator_step(self, x: Tensor, *labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Moves the discriminator and its head; returns its loss, and its mean scores."""
        samples = self.samples_off_tape(len(x), *labels)
        real, of_data = self.judged(x)
        fake, of_samples = self.judged(samples)
        loss = self.objective.real(real).mean() + self.objective.fake(fake).mean()
        for logits in (of_data, of_samples):
            loss = loss + F.cross_entropy(logits, labels[0])
        descend(self.d_optimizer, loss)
        return loss.detach(), real.detach().mean(), fake.detach().mean()

    def generator_step(self, n: int, *labels: Tensor) -> Tensor:
        """Moves the generator only, by n samples; returns its loss."""
        with frozen(self.discriminator), frozen(self.head):
            scores, logits = self.judged(self.generator(self.draw_noise(n), *labels))
            loss = self.objective.generator(scores).mean() + F.cross_entropy(logits, labels[0])
        return self.move_generator(loss)

    def judged(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The scores (N,) of images, and their logits (N, classes)."""
        return judged(self.discriminator, self.head, x)


class InfoGAN(GAN):
    """Of the noise (N, noise) the first `categories` numbers are one 1 among zeros, the next
    `continuous` are uniform from -1 to 1, and the others normal.

    `q` makes categories + continuous numbers of the discriminator's features: logits, and means of
    normal distributions with variance 1. `g_optimizer` moves it and the generator. `info` weights
    the information; 0 leaves the code to itself. ValueError for a code longer than the noise.
    """

    def __init__(
        self, *parts: Any, q: nn.Module, categories: int = 10, continuous: int = 0,
        info: float = 1.0, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(*parts, **options)
        if not categories + continuous <= self.noise:
            code = f"{categories} + {continuous}"
            raise ValueError(f"InfoGAN: a code of {code} numbers in noise of {self.noise}")
        self.q, self.categories, self.continuous, self.info = q, categories, continuous, info

    def generator_step(self, n: int, *labels: Tensor) -> Tensor:
        """Moves the generator and Q, by n samples; returns their loss."""
        with frozen(self.discriminator):
            z = self.draw_noise(n)
            scores, read = judged(self.discriminator, self.q, self.generator(z))
            loss = self.objective.generator(scores).mean() + self.info * self.surprise(read, z)
        return self.move_generator(loss)

    def surprise(self, read: Tensor, z: Tensor) -> Tensor:
        """-E[log Q(c|x)] of the codes that noise z has, but for log sqrt(2 pi) for each number."""
        c, end = self.categories, self.categories + self.continuous
        loss = -(z[:, :c] * read[:, :c].log_softmax(1)).sum(1)
        return (loss + 0.5 * (z[:, c:end] - read[:, c:end]).square().sum(1)).mean()

    def draw_noise(self, n: int, category: Tensor | None = None) -> Tensor:
        """z (n, noise), of the categories (n,) if they are given."""
        like = next(iter(self.generator.parameters()))
        how: Any = {"dtype": like.dtype, "device": like.device}
        u = mg.rand(n, self.categories + self.continuous, **how)
        if category is None:  # the place of the largest of n numbers is any of them
            category = u[:, : self.categories].argmax(1)
        kinds = F.one_hot(category, self.categories).to(like.dtype)
        rest = mg.randn(n, self.noise - u.shape[1], **how)
        return mg.concat([kinds, 2 * u[:, self.categories :] - 1, rest], 1)


def judged(discriminator: Any, head: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (N,) by a discriminator, and what a head makes of the same features."""
    h = discriminator.features(x)
    return discriminator.score(h).squeeze(1), head(h)

"""Images of sentences (Reed et al. 2016): a GAN whose networks are told what is to be seen.

    the encoder         phi(t): captions (N, L), words' numbers, 0 for none, to codes (N, code)
    the generator       G(z, t): noise and a caption to images
    the discriminator   D(x, t): a score, high where x looks like data and t is true of it

GAN-CLS, algorithm 1: an image may be bad, or good and not what was said. So that D sees the second
apart from the first, it gets data with wrong captions, too, beside data with right ones:

    L_D = -log D(x, t) - (log(1 - D(x, t_wrong)) + log(1 - D(G(z, t), t))) / 2

GAN-INT, section 4.3: what is between two captions, the mean of their codes, no image belongs to;
that G is to please D there too fills the gaps between the captions that there are.
"""

from typing import Any

import minigrad as mg
from minigrad import Tensor, nn, optim

from .adversarial import frozen, untouched_buffers
from .dcgan import DCGANDiscriminator, DCGANGenerator
from .gan import GAN, Shape
from .model import descend


class TextGAN(GAN):
    """A GAN of images with captions; its networks take captions as others take labels.

    With `matching`, data with wrong captions are among what D is to refuse (GAN-CLS); with
    `between`, G learns captions between two of the batch, besides (GAN-INT).
    """

    discriminator: "TextDiscriminator"

    def __init__(
        self, *args: Any, matching: bool = True, between: bool = False, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.matching, self.between = matching, between

    def discriminator_step(self, x: Tensor, *words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Moves the discriminator only, by images x (N, C, H, W), captions that are true of them,
        and others that are not, (N, L) both."""
        right, wrong = words
        with mg.no_grad(), untouched_buffers(self.generator):
            samples = self.generator(self.draw_noise(len(x)), right)
        d, refused = self.discriminator, self.objective.fake
        h = d.features(x)  # for both captions
        real, fake = d.score(h, right), d(samples, right)
        loss = refused(fake).mean()
        if self.matching:
            loss = (loss + refused(d.score(h, wrong)).mean()) / 2
        loss = self.objective.real(real).mean() + loss
        descend(self.d_optimizer, loss)
        return loss.detach(), real.detach().mean(), fake.detach().mean()

    def generator_step(self, n: int, *words: Tensor) -> Tensor:
        """Moves the generator only, by n samples of the captions that come first."""
        right, *_ = words
        loss = self._loss(n, right)
        if self.between:
            loss = loss + self._loss(n, right, right.roll(1, 0))
        descend(self.g_optimizer, loss)
        if self.average is not None:
            self.average.update(self.generator)
        return loss.detach()

    def _loss(self, n: int, *words: Tensor) -> Tensor:
        with frozen(self.discriminator):
            samples = self.generator(self.draw_noise(n), *words)
            return self.objective.generator_loss(self.discriminator, samples, *words)


# ---- networks ------------------------------------------------------------------------------------


class TextEncoder(nn.Module):
    """Captions (N, L) to codes (N, code): a sum over words, whatever their order, and a layer.

    Of several captions the mean of their codes.
    """

    def __init__(self, vocabulary: int, code: int = 32) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, code, padding_idx=0)
        with mg.no_grad():
            self.embedding.weight.mul_(0.3)  # a caption has some twelve words: a sum of about 1
        self.layer = nn.Linear(code, code)

    def forward(self, *captions: Tensor) -> Tensor:
        codes = [self.layer(self.embedding(words).sum(1)) for words in captions]
        mean: Tensor = sum(codes[1:], codes[0]) / len(codes)
        return mean


class TextGenerator(nn.Module):
    """Noise (N, noise) and captions (N, L) to images (N, *shape) in [-1, 1]: a DCGAN's generator,
    which gets the code beside the noise."""

    def __init__(
        self, noise: int, shape: Shape, vocabulary: int, width: int = 24, code: int = 32
    ) -> None:
        super().__init__()
        self.encoder = TextEncoder(vocabulary, code)
        self.draw = DCGANGenerator(noise + code, shape, width)

    def forward(self, z: Tensor, *captions: Tensor) -> Tensor:
        x: Tensor = self.draw(mg.concat([z, self.encoder(*captions)], 1))
        return x


class TextDiscriminator(nn.Module):
    """Images (N, *shape) and captions (N, L) to scores (N,), w . h + b + (V code) . h of features h
    (N, hidden): a projection (Miyato and Koyama 2018).

    The paper has the code beside features of 4x4 places, and a convolution. Scored on faces alone,
    right captions against wrong ones, that learns more slowly: after 480 steps it knows men from
    women in 80 %, this one in 96 %.

    NOTE: nothing that has seen a caption is normalized over the batch. All captions of a batch are
    right or all are wrong, which its statistics show: such a discriminator tells them apart nearly
    always in training (loss 0.02 instead of 0.5), without knowing what any of them says.
    """

    def __init__(
        self, shape: Shape, vocabulary: int, width: int = 24, code: int = 32, hidden: int = 128
    ) -> None:
        super().__init__()
        body = DCGANDiscriminator(shape, width)
        self.features = nn.Sequential(
            *body.features, nn.Linear(body.score.in_features, hidden), nn.LeakyReLU(0.2)
        )
        self.alone = nn.Linear(hidden, 1)
        self.projection = nn.Linear(code, hidden, bias=False)
        self.encoder = TextEncoder(vocabulary, code)

    def score(self, h: Tensor, *captions: Tensor) -> Tensor:
        """The scores (N,) of images whose features h are known."""
        said = self.projection(self.encoder(*captions))
        scores: Tensor = self.alone(h).squeeze(1) + (said * h).sum(1)
        return scores

    def forward(self, x: Tensor, *captions: Tensor) -> Tensor:
        return self.score(self.features(x), *captions)


def text_gan(
    shape: Shape, vocabulary: int, *, noise: int = 32, width: int = 24, code: int = 32,
    lr: float = 5e-4, d_lr: float = 1e-3, ema: float = 0.999, **how: Any,
) -> TextGAN:  # fmt: skip
    """Both networks for images of a shape and captions of so many words, with Adam for each: at the
    rate `lr` for the generator, at `d_lr` for the discriminator."""
    networks = (
        TextGenerator(noise, shape, vocabulary, width, code),
        TextDiscriminator(shape, vocabulary, width, code),
    )
    adams = (
        optim.Adam(network.parameters(), rate, (0.5, 0.999))
        for network, rate in zip(networks, (lr, d_lr), strict=True)
    )
    return TextGAN(*networks, *adams, noise=noise, ema=ema, **how)

"""Images of sentences: the captions' codes, what D refuses, who moves in which step."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.backend.cpu import CPU
from models.text_to_image import TextEncoder, TextGAN, text_gan
from tests.models.games import steps_of, trace

SHAPE, WORDS = (3, 28, 28), 9


def small(**how) -> TextGAN:
    return text_gan(SHAPE, WORDS, noise=3, width=2, code=4, **how)


def batch(n=4) -> tuple[mg.Tensor, mg.Tensor, mg.Tensor]:
    """Images, captions of three words and a gap, and others."""
    words = mg.randint(1, WORDS, (2, n, 4))
    words[:, :, 3] = 0
    return mg.rand(n, *SHAPE) * 2 - 1, words[0], words[1]


# ---- captions ------------------------------------------------------------------------------------


def test_neither_order_nor_padding_changes_a_code():
    encoder = TextEncoder(WORDS, 4)
    words = mg.tensor([[3, 1, 2, 0, 0], [2, 3, 1, 0, 0], [0, 1, 2, 3, 0], [1, 2, 2, 0, 0]])
    codes = encoder(words).numpy(force=True)
    np.testing.assert_allclose(codes[1:3], codes[[0, 0]], atol=1e-6)
    assert np.abs(codes[3] - codes[0]).max() > 1e-3
    np.testing.assert_allclose(encoder(words[:, :3]).numpy(force=True)[0], codes[0], atol=1e-6)
    encoder(words).sum().backward()
    assert not encoder.embedding.weight.grad[0].numpy().any()


def test_several_captions_have_the_mean_of_their_codes():
    encoder = TextEncoder(WORDS, 4)
    a, b = mg.tensor([[1, 2]]), mg.tensor([[3, 0]])
    mean = (encoder(a) + encoder(b)).numpy(force=True) / 2
    np.testing.assert_allclose(encoder(a, b).numpy(force=True), mean, rtol=1e-6)


# ---- algorithm 1 ---------------------------------------------------------------------------------


@pytest.mark.parametrize("matching", [True, False])
def test_the_discriminator_refuses_samples_and_wrong_captions_by_half_each(matching, monkeypatch):
    gan, (x, right, wrong) = small(matching=matching), batch()
    scored = []
    score = gan.discriminator.score

    def spy(h, words):
        found = score(h, words)
        scored.append((words, found.numpy(force=True)))
        return found

    monkeypatch.setattr(gan.discriminator, "score", spy)
    loss, real, fake = gan.discriminator_step(x, right, wrong)
    said = [
        next(n for n, w in (("right", right), ("wrong", wrong)) if w is words)
        for words, _ in scored
    ]
    softplus = lambda a: np.log1p(np.exp(a)).mean()
    of_data, of_samples, *of_wrong = (values for _, values in scored)
    if matching:
        assert said == ["right", "right", "wrong"]
        refused = (softplus(of_samples) + softplus(of_wrong[0])) / 2
    else:
        assert said == ["right", "right"]
        refused = softplus(of_samples)
    assert loss.item() == pytest.approx(softplus(-of_data) + refused, rel=1e-5)
    assert real.item() == pytest.approx(of_data.mean(), rel=1e-5)
    assert fake.item() == pytest.approx(of_samples.mean(), rel=1e-5)
    assert not any(value.requires_grad for value in (loss, real, fake))


def test_wrong_captions_stand_beside_data(monkeypatch):
    """Not beside samples: the features that they are scored with are those of the images."""
    gan, (x, right, wrong) = small(), batch()
    seen = {}
    score, features = gan.discriminator.score, gan.discriminator.features(x)
    monkeypatch.setattr(
        gan.discriminator, "score", lambda h, words: seen.update({id(words): h}) or score(h, words)
    )
    gan.discriminator_step(x, right, wrong)
    np.testing.assert_allclose(
        seen[id(wrong)].numpy(force=True), features.numpy(force=True), atol=1e-5
    )


def test_each_step_moves_one_network_with_its_own_encoder():
    gan, (x, right, wrong) = small(between=True), batch()
    gan.train_step(x, right, wrong)
    g, d = gan.generator, gan.discriminator
    before = trace(g), trace(d)
    gan.discriminator_step(x, right, wrong)
    assert trace(g) == before[0]
    moved = trace(d)
    assert all(moved[name] != bits for name, bits in before[1].items() if "encoder" in name)
    gan.generator_step(4, right, wrong)
    assert trace(d) == moved
    now = trace(g)
    assert all(now[name] != bits for name, bits in before[0].items() if "encoder" in name)
    assert steps_of(gan.g_optimizer) == steps_of(gan.d_optimizer) == 2


def test_captions_between_others_are_learned_besides(monkeypatch):
    """GAN-INT: the same loss at the mean of two captions' codes, in both networks."""
    gan, (_, right, wrong) = small(between=True), batch()
    asked = []
    monkeypatch.setattr(gan, "_loss", lambda n, *words: asked.append(words) or mg.ones(()))
    monkeypatch.setattr("models.text_to_image.descend", lambda optimizer, loss: asked.append(loss))
    gan.generator_step(4, right, wrong)
    (alone,), (one, other), loss = asked
    assert alone is right is one
    np.testing.assert_array_equal(other.numpy(), np.roll(right.numpy(), 1, 0))
    assert loss.item() == 2


def test_samples_follow_the_caption_and_the_noise():
    gan, (_, right, _) = small(), batch(2)
    z = gan.draw_noise(2)
    images = gan.generate(z, right)
    assert images.shape == (2, *SHAPE) and not images.requires_grad
    again = gan.generate(z, right.roll(1, 0))
    assert (images.numpy() != again.numpy()).any((1, 2, 3)).all()
    between = gan.generate(z, right, right.roll(1, 0))
    assert (between.numpy() != images.numpy()).any()
    assert gan.sample(2, right).shape == images.shape


def test_no_step_waits_for_the_device(monkeypatch):
    def fetch(self, array):
        raise AssertionError("a training step fetched numbers from the device")

    gan, some = small(between=True), batch()
    with monkeypatch.context() as patch:
        patch.setattr(CPU, "to_numpy", fetch)
        gan.train_step(*some)


def test_a_score_does_not_hang_on_the_captions_of_others():
    """All are right or all are wrong: what normalizes over a batch of captions would see which."""
    gan, (x, right, wrong) = small(), batch()
    h = gan.discriminator.features(x)
    some = mg.concat([right[:1], wrong[1:]])
    scores = [gan.discriminator.score(h, words).numpy(force=True) for words in (right, some)]
    assert scores[0][0] == pytest.approx(scores[1][0], rel=1e-5)
    assert np.abs(scores[0][1:] - scores[1][1:]).min() > 0

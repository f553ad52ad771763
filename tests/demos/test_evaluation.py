"""What a trained model makes of a data set: means over images, whatever the batches."""

import numpy as np
import pytest

import minigrad as mg
from demos.common import evaluation
from minigrad.data import DataLoader, ImageDataset
from models.autoencoder import linear_autoencoder
from models.vae import mlp_vae

N = 7
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 1, 3, 3)).astype(np.uint8)
DATA = ImageDataset(IMAGES, np.arange(N), "drawn here", ())
X = mg.tensor(IMAGES.astype(np.float32) / 255)


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch):
    monkeypatch.setattr(evaluation, "EVALUATED_AT_ONCE", 3)


def test_the_parts_of_a_bound():
    mg.manual_seed(0)
    vae = mlp_vae((1, 3, 3), latent=2, hidden=(5,))
    rec, kl = evaluation.mean_terms(vae, DataLoader(DATA, 3))
    with mg.no_grad():
        exact = vae.losses(X)["kl"].item()
        draws = [vae.losses(X)["rec"].item() for _ in range(200)]
    assert kl == pytest.approx(exact, rel=1e-5)
    assert rec == pytest.approx(np.mean(draws), abs=5 * np.std(draws))


def test_a_bound_of_many_samples():
    """With a decoder that does not look at z, and q = p, every sample weighs log p(x)."""
    vae = mlp_vae((1, 3, 3), latent=2, hidden=(5,))
    with mg.no_grad():
        for parameter in vae.parameters():
            parameter.zero_()
    found = evaluation.mean_iwae(vae, DataLoader(DATA, 3), 4)
    assert found == pytest.approx(9 * np.log(2), rel=1e-5)
    seen = []
    vae.iwae = lambda x, k, **options: seen.append((len(x), k, options)) or mg.full((len(x),), -2.0)
    assert evaluation.mean_iwae(vae, DataLoader(DATA, 3), 4, rows=8) == pytest.approx(2)
    assert seen == [(3, 4, {"rows": 8}), (3, 4, {"rows": 8}), (1, 4, {"rows": 8})]


def test_an_autoencoders_loss_and_codes():
    mg.manual_seed(0)
    model = linear_autoencoder((1, 3, 3), code=2)
    with mg.no_grad():
        codes = model.encode(X)
        squares = (model.decode(codes) - X).numpy().reshape(N, 9) ** 2
    assert evaluation.mean_loss(model, DATA) == pytest.approx(squares.sum(1).mean(), rel=1e-5)
    np.testing.assert_allclose(evaluation.codes(model, DATA), codes.numpy(), atol=1e-6)
    np.testing.assert_allclose(evaluation.flat(DATA), X.numpy().reshape(N, 9), atol=1e-7)
    ones = np.eye(2, dtype=np.float32)
    with mg.no_grad():
        drawn = (model.decode(mg.tensor(ones)) - model.decode(mg.zeros(2, 2))).numpy().reshape(2, 9)
    np.testing.assert_allclose(evaluation.columns(model).T, drawn, atol=1e-6)

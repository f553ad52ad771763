"""The grid of the ELBO's derivation: what it holds of q is what the encoder says."""

import numpy as np

import minigrad as mg
from models.measures.derivation import integrate
from models.vae import mlp_vae


def test_the_grids_q_has_the_encoders_mean_and_deviation():
    vae = mlp_vae((1, 3, 3), 2, (6,)).double()
    x = mg.rand(3, 1, 3, 3, dtype=mg.float64)
    with mg.no_grad():
        vae.encoder.logvar.bias.copy_(mg.tensor([-2.0, -1.0], dtype=mg.float64))
        mu, logvar = vae.encoder(x)
    found = integrate(vae, x.numpy(), 121)
    q = np.exp(found.log_q)
    q /= q.sum(1, keepdims=True)
    z = np.asarray(found.places.z)
    mean = q @ z
    deviation = np.sqrt(np.einsum("ng,ngk->nk", q, (z - mean[:, None]) ** 2))
    np.testing.assert_allclose(mean, mu.numpy(), atol=1e-3)
    np.testing.assert_allclose(found.std, deviation, rtol=1e-3)
    np.testing.assert_allclose(found.std, np.exp(0.5 * logvar.numpy()), rtol=1e-12)

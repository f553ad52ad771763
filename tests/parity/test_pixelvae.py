"""Training steps of a PixelVAE against PyTorch, from equal weights and equal noise."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from models import vae
from models.model import Learner
from models.pixelvae import pixel_vae

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
tF = torch.nn.functional
N, STEPS = 4, 3


def masked(p, name, x, context=None):
    """A masked convolution by a whole kernel, as deep below as above, 0 where it is masked."""
    weight = p[f"{name}.conv.weight"]
    rows, columns = weight.shape[2:]
    mask = torch.ones_like(weight)
    mask[:, :, -1, columns // 2 + 1 :] = 0
    if name == "pixels.first":
        mask[:, :, -1, columns // 2] = 0
    whole = tF.pad(weight * mask, (0, 0, 0, rows - 1))
    padding = rows - 1, columns // 2
    out = tF.conv2d(x, whole, p[f"{name}.conv.bias"], padding=padding)
    if context is not None:
        out = out + tF.conv2d(context, p[f"{name}.context.map.weight"])
    return out


def torch_loss(p, x, eps, free):
    """The networks of pixel_vae with two strided convolutions, one block; names as in `p`."""
    linear = lambda name, h: tF.linear(h, p[f"{name}.weight"], p[f"{name}.bias"])
    down = lambda name, h: tF.conv2d(h, p[f"{name}.weight"], p[f"{name}.bias"], 2, 1)
    up = lambda name, h: tF.conv_transpose2d(h, p[f"{name}.weight"], p[f"{name}.bias"], 2, 1)
    h = down("encoder.body.2", down("encoder.body.0", x).relu()).relu().flatten(1)
    h = linear("encoder.body.5", h).relu()
    q = torch.distributions.Normal(linear("encoder.mu", h), (linear("encoder.logvar", h) / 2).exp())
    h = linear("decoder.0", q.loc + q.scale * eps).relu()
    h = linear("decoder.2", h).relu().unflatten(1, (4, 2, 2))
    context = up("decoder.7", up("decoder.5", h).relu())
    h = masked(p, "pixels.first", x, context=context)
    inner = masked(p, "pixels.blocks.0.narrow", h.relu()).relu()
    inner = masked(p, "pixels.blocks.0.masked", inner, context=context).relu()
    h = h + masked(p, "pixels.blocks.0.widen", inner)
    h = masked(p, "pixels.head.3", masked(p, "pixels.head.1", h.relu()).relu())
    rec = tF.binary_cross_entropy_with_logits(h, x, reduction="sum") / len(x)
    prior = torch.distributions.Normal(0, 1)
    kl = torch.distributions.kl_divergence(q, prior).mean(0)
    return rec + kl.clamp(min=free).sum(), rec, kl.sum()


def test_training_steps_are_pytorchs(monkeypatch):
    model = pixel_vae((1, 8, 8), 3, 8, (2, 4), 4, free=0.05).double()
    p = {
        name: torch.tensor(parameter.numpy(force=True)).requires_grad_()
        for name, parameter in model.named_parameters()
    }
    learner = Learner(model, optim.Adam(model.parameters(), lr=1e-3))
    optimizer = torch.optim.Adam(p.values(), lr=1e-3)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        x = (rng.random((N, 1, 8, 8)) < 0.5).astype(np.float64)
        eps = rng.standard_normal((N, 3))
        monkeypatch.setattr(vae.mg, "randn_like", lambda _, eps=eps: mg.tensor(eps))
        found = learner.train_step(mg.tensor(x))
        expected = torch_loss(p, torch.tensor(x), torch.tensor(eps), 0.05)
        optimizer.zero_grad()
        expected[0].backward()
        optimizer.step()
        got = [found[name].item() for name in ("loss", "rec", "kl")]
        assert got == pytest.approx([value.item() for value in expected], rel=1e-9)
        for name, parameter in model.named_parameters():
            theirs = p[name].detach().numpy()
            assert np.allclose(parameter.numpy(force=True), theirs, rtol=1e-7, atol=1e-8), name

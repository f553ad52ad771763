"""A script as a user writes it, who has `mypy --strict` look over the shoulder: a small VAE."""

from collections.abc import Iterator
from typing import NamedTuple, assert_type

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn, optim


class Loss(NamedTuple):
    total: Tensor
    rate: Tensor


class VAE(nn.Module):
    def __init__(self, pixels: int = 64, width: int = 32, latent: int = 2) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(pixels, width), nn.ReLU())
        self.heads = nn.ModuleList([nn.Linear(width, latent) for _ in range(2)])
        self.decoder = nn.Sequential(nn.Linear(latent, width), nn.ReLU(), nn.Linear(width, pixels))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.encoder(x)
        mu, logvar = (head(h) for head in self.heads)
        z = mu + (logvar / 2).exp() * mg.randn_like(mu)
        return self.decoder(z), mu, logvar

    def loss(self, x: Tensor) -> Loss:
        logits, mu, logvar = self(x)
        distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        rate = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()
        return Loss((distortion + rate) / len(x), rate)


def train(model: VAE, optimizer: optim.Optimizer, batches: Iterator[Tensor]) -> list[float]:
    losses: list[float] = []
    for x in batches:
        optimizer.zero_grad()
        loss = model.loss(x).total
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def sample(model: VAE, n: int) -> Tensor:
    model.eval()
    with mg.no_grad():
        return model.decoder(mg.randn(n, 2)).sigmoid().reshape(n, 8, 8)


if __name__ == "__main__":
    mg.manual_seed(0)
    model = VAE()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    schedule = optim.lr_scheduler.StepLR(optimizer, 1)
    losses = train(model, optimizer, ((mg.rand(16, 64) > 0.5).float() for _ in range(5)))
    schedule.step()
    print(len(losses), sample(model, 3).shape)

    # What a checker knows.
    x = mg.rand(4, 64)
    assert_type(model(x), tuple[Tensor, Tensor, Tensor])
    assert_type(model.encoder(x), Tensor)
    assert_type(model.heads[0], nn.Linear)
    assert_type(model.heads[0](model.encoder(x)), Tensor)
    assert_type(optimizer.step(lambda: 1.5), float)
    assert_type(model.state_dict()["heads.0.weight"], Tensor)
    assert_type(x.exp() + 1, Tensor)
    assert_type(1 - x.T @ x, Tensor)
    assert_type(x[0] > 0.5, Tensor)
    assert_type(x.sum(1, keepdim=True), Tensor)
    assert_type(x.float().cpu(), Tensor)
    assert_type(x.max(1).values, Tensor)
    assert_type(x.zero_(), Tensor)
    assert_type(x.grad, Tensor | None)
    assert_type(mg.concat([x, x], 1), Tensor)
    assert_type(F.softplus(F.relu(x)), Tensor)
    w = model.heads[0].weight
    assert_type(mg.grad(w.sum(), w, create_graph=True), tuple[Tensor, ...])
    for row in x:
        assert_type(row, Tensor)

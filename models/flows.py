"""Normalizing flows: posteriors of a VAE that are richer than a diagonal Gaussian.

A sample of a Gaussian goes through invertible maps, each of which may depend on features h of x:

    z_0 ~ N(mu, diag(exp(logvar)))          z_t = f_t(z_{t-1}, h)          t = 1 .. T
    log q(z_T|x) = log q(z_0|x) - sum_t log |det df_t / dz_{t-1}|

    planar                    z + û tanh(w.z + b)             Rezende & Mohamed 2015, equation 10
    inverse autoregressive    sigma z + (1 - sigma) m         Kingma et al. 2016, algorithm 1
    Householder               z - 2 v (v.z) / |v|^2           Tomczak & Welling 2016, equation 8

There is no closed form of KL(q || p(z)) any more: it is log q - log p at the samples. Only samples
of q are ever scored, so that no map has to be inverted.
"""

from collections.abc import Callable
from typing import Any

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn

from .made import MaskedLinear
from .vae import VAE, Encoder, reparameterize

# ---- maps ----------------------------------------------------------------------------------------


class Flow(nn.Module):
    """An invertible map of latents z (..., N, latent), given features h (N, features)."""

    def forward(self, z: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """What z becomes, of its shape, and log |det df/dz| in nats, (..., N)."""
        raise NotImplementedError


class Planar(Flow):
    """z + û tanh(w.z + b): space is stretched along one direction, at one plane.

    û is the u of the network, moved along w until w.û > -1: without that the map folds space, and
    the logarithm is not one of a density (appendix A.1). The determinant 1 + (1 - tanh^2) w.û is
    written as a sum of two positive numbers. w must not be 0.
    """

    def __init__(self, latent: int, features: int) -> None:
        super().__init__()
        self.latent = latent
        self.numbers = nn.Linear(features, 2 * latent + 1)

    def forward(self, z: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        u, w, b = self.numbers(h).split([self.latent, self.latent, 1], -1)
        along = (w * u).sum(-1, keepdim=True)
        above = F.softplus(along)  # 1 + w.û
        u = u + (above - 1 - along) * w / w.square().sum(-1, keepdim=True)
        t = ((w * z).sum(-1, keepdim=True) + b).tanh()
        bend = t.square()
        return z + u * t, (bend + (1 - bend) * above).log().squeeze(-1)


class InverseAutoregressive(Flow):
    """sigma z + (1 - sigma) m, where m_i and sigma_i depend on h and on z_j for j before i only,
    by masks as in MADE: the Jacobian is triangular, and sigma its diagonal.

    Before is to the left, or with `backwards` to the right: steps take turns. sigma is near 1 at
    first, and the map near the identity.
    """

    OPEN = 1.5  # what s begins around: a gate of sigmoid(1.5) = 0.82

    def __init__(
        self, latent: int, features: int, hidden: int = 64, backwards: bool = False
    ) -> None:
        super().__init__()
        place = mg.arange(latent)
        place = place.flip(0) if backwards else place
        # A unit of degree d sees the d first latents; one of degree 0 sees only the context.
        degree = mg.arange(hidden) % latent
        self.context = nn.Linear(features, hidden)
        self.first = MaskedLinear(place < degree.unsqueeze(1))
        self.m = MaskedLinear(degree <= place.unsqueeze(1))
        self.s = MaskedLinear(degree <= place.unsqueeze(1))

    def forward(self, z: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        hidden = F.elu(self.first(z) + self.context(h))
        s = self.s(hidden) + self.OPEN
        sigma = s.sigmoid()
        return sigma * z + (1 - sigma) * self.m(hidden), F.logsigmoid(s).sum(-1)


class Householder(Flow):
    """z - 2 v (v.z) / |v|^2: space is mirrored, which keeps volumes. A diagonal covariance becomes
    a full one by at most `latent` such steps."""

    def __init__(self, latent: int, features: int) -> None:
        super().__init__()
        self.v = nn.Linear(features, latent)

    def forward(self, z: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        v = F.normalize(self.v(h), dim=-1)
        along = (v * z).sum(-1)
        return z - 2 * v * along.unsqueeze(-1), mg.zeros_like(along)


class Flows(Flow):
    """One map after the other."""

    def __init__(self, *flows: Flow) -> None:
        super().__init__()
        self.flows = nn.ModuleList(flows)

    def forward(self, z: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        log_det = mg.zeros_like(z[..., 0])
        for flow in self.flows:
            z, more = flow(z, h)
            log_det = log_det + more
        return z, log_det


# ---- a posterior ---------------------------------------------------------------------------------


class FlowEncoder(Encoder):
    """q(z|x) by flows: `body` makes h of an image, the heads mu and logvar of z_0, and the flow
    takes z_0 to z. Called with images it gives the mu and logvar of z_0."""

    def __init__(self, body: nn.Module, features: int, latent: int, flow: Flow) -> None:
        super().__init__(body, features, latent)
        self.flow = flow

    def code(self, x: Tensor) -> Tensor:
        """Where the flow takes mu: (N, latent)."""
        h = self.body(x)
        z: Tensor = self.flow(self.mu(h), h)[0]
        return z

    def draw(self, x: Tensor, eps: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """A sample z (N, latent) of q(z|x), and log q(z|x) - log p(z) at it, (N,), whose mean is
        the KL from p(z)."""
        z, _, kl = self.weigh(x, 1, None if eps is None else eps.unsqueeze(0))
        return z[0], kl

    def weigh(self, x: Tensor, k: int, eps: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """k samples z (k, N, latent), log p(z) - log q(z|x) at them (k, N), and the KL (N,) by
        their mean."""
        h = self.body(x)
        mu, logvar = self.mu(h), self.logvar(h)
        if eps is None:
            eps = mg.randn(k, *mu.shape, dtype=mu.dtype, device=mu.device)
        z, log_det = self.flow(reparameterize(mu, logvar, eps), h)
        log_ratio = 0.5 * (eps * eps + logvar - z * z).sum(2) + log_det
        return z, log_ratio, -log_ratio.mean(0)


def _autoregressive(step: int, latent: int, features: int, **options: Any) -> Flow:
    return InverseAutoregressive(latent, features, backwards=step % 2 == 1, **options)


# A map for each step, counted from 0, given the numbers of latents and of features.
FLOWS: dict[str, Callable[..., Flow]] = {
    "planar": lambda _, *sizes: Planar(*sizes),
    "iaf": _autoregressive,
    "householder": lambda _, *sizes: Householder(*sizes),
}


def with_flows(vae: VAE, name: str, steps: int, **options: Any) -> VAE:
    """The same VAE, with so many maps of FLOWS after its encoder's Gaussian.

    `options` are the maps' (iaf: hidden). ValueError for an unknown name, for less than one step,
    and where the encoder's heads are not linear.
    """
    if name not in FLOWS or steps < 1:
        known = ", ".join(FLOWS)
        raise ValueError(f"with_flows: needs one of {known} and 1 step or more, got {name} {steps}")
    given = vae.encoder
    if not isinstance(given.mu, nn.Linear):
        raise ValueError("with_flows: needs an encoder with linear heads")
    latent, features = given.latent, given.mu.in_features
    flow = Flows(*(FLOWS[name](step, latent, features, **options) for step in range(steps)))
    vae.encoder = FlowEncoder(given.body, features, latent, flow)
    vae.encoder.to(given.mu.weight.device, given.mu.weight.dtype)
    vae.encoder.mu, vae.encoder.logvar = given.mu, given.logvar
    return vae

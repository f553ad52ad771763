"""The panels of `bound`: for one image, the bound as a waterfall, and q beside the posterior."""

import math
from collections.abc import Mapping

import numpy as np

from demos.common.figures import Axes, dress
from models.measures.derivation import Array, Found


def waterfall(axes: Axes, found: Found, iwae: Mapping[int, Array], i: int) -> None:
    """From the reconstruction down by a KL to the ELBO, and up by the other to log p; the image
    itself is where there is room."""
    rec, elbo, log_p = found.fine.rec[i], found.fine.elbo[i], found.fine.log_p[i]
    axes.bar([1, 2], [elbo - rec, log_p - elbo], 0.7, [rec, elbo], color=["C1", "C2"])
    dress(axes, grid="")
    margin = 0.14 * (rec - elbo)
    for name, at, level, height in (
        ("$E_q[\\log p(x|z)]$", 0.65, rec, 0.25),
        ("ELBO", 0.65, elbo, -0.75),
        ("$\\log p(x)$", 1.65, log_p, 0.25),
    ):
        axes.axhline(level, color="0.6", linewidth=0.8, linestyle=":")
        axes.text(at, level + height * margin, f"{name} = {level:.2f}", fontsize=8)
    ends = (min(iwae), max(iwae))
    for k, bound in iwae.items():
        level = bound[:, i].mean()
        axes.plot(3, level, "C0_", markersize=14, markeredgewidth=1.5)
        if k in ends:  # those between are close
            edge = "top" if k == ends[0] else "bottom"
            axes.text(3.3, level, f"k = {k}", fontsize=7, color="C0", va=edge)
    axes.set(xlim=(0.4, 4), ylim=(elbo - margin, rec + margin))
    ticks = [f"− KL\nto p(z)\n{rec - elbo:.2f}", f"+ KL\nto p(z|x)\n{log_p - elbo:.2f}", "IWAE-k"]
    axes.set_xticks([1, 2, 3], ticks)
    side = math.isqrt(found.x[i].size)
    room = axes.inset_axes((0.62, 0.55, 0.34, 0.34), xticks=[], yticks=[])
    room.imshow(found.x[i].reshape(side, side), cmap="gray")


def posterior(axes: Axes, found: Found, i: int) -> None:
    """Contours of q over the posterior, which is shaded, where they are: half a deviation apart."""
    side = round(math.sqrt(len(found.places.z)))
    z1, z2 = (found.places.z[:, axis].reshape(side, side) for axis in (0, 1))
    log_joint = found.log_likelihood[i] + found.places.log_prior
    p, q = (np.exp(v - v.max()).reshape(side, side) for v in (log_joint, found.log_q[i]))
    levels = np.exp(-0.5 * np.arange(3.0, -0.5, -0.5) ** 2)
    axes.contourf(z1, z2, p, levels=levels, cmap="Greens", extend="neither")
    axes.contour(z1, z2, q, levels=levels[:-1], colors="C3", linewidths=0.8)
    seen = (p > 0.005) | (q > 0.005)
    for limits, z in ((axes.set_xlim, z1), (axes.set_ylim, z2)):
        middle = (z[seen].min() + z[seen].max()) / 2
        # At least the place itself, where all of both is in one place of the grid.
        half = max(np.ptp(z1[seen]), np.ptp(z2[seen]), math.sqrt(found.places.area)) / 2 * 1.1
        limits(middle - half, middle + half)
    axes.set_aspect("equal")
    axes.set_xlabel("z1")
    axes.tick_params(labelsize=8)

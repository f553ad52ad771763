"""What each measure gives of the same drawn data: numbers in docs/ are of these measures."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from models.made import MADE
from models.measures import (
    bounds,
    derivation,
    distances,
    energies,
    equations,
    exact,
    faces,
    factors,
    game,
    gradients,
    linear,
    mmd,
    modes,
    paths,
    spectrum,
)
from models.measures.faces import Reader
from models.vae import mlp_vae
from tests.defaults import lines
from tests.measures.test_arguments import LABELS, MEASURES, OTHERS, ROWS, X
from tests.models.games import game as some_game
from tests.values import close, told

RNG = np.random.default_rng


def vae() -> tuple[Any, Any]:
    """A VAE of nine pixels and two latents, and three images."""
    mg.manual_seed(0)
    model = mlp_vae((1, 3, 3), 2, (6,), nn.Tanh).double()
    return model, RNG(0).integers(0, 2, (3, 1, 3, 3)).astype(float)


def of_vae(measure: Callable[..., Any], *settings: Any) -> Any:
    model, x = vae()
    mg.manual_seed(1)
    return measure(model, mg.tensor(x), *settings)


def of_images(measure: Callable[..., Any], *settings: Any) -> Any:
    return measure(*vae(), *settings)


def drawn(n: int, seed: int) -> dict[str, Any]:
    """The factors of n faces."""
    rng = RNG(seed)
    return {name: rng.uniform(*ends, n) for name, ends in faces.RANGES.items()}


def reader() -> Reader:
    mg.manual_seed(0)
    return Reader(4).eval()


def grey(z: np.ndarray) -> np.ndarray:
    """Latents (N, noise) to images of one grey."""
    return np.broadcast_to(z.mean(1)[:, None, None, None], (len(z), 3, 32, 32))


def solution() -> list[Any]:
    read = lambda x: drawn(len(x), len(x))
    pool = equations.sampled(5000, 5, grey, read, RNG(0))
    found = equations.solve(equations.EQUATIONS["smiling man"], pool, grey, read, RNG(1), 9, 2)
    return [(way.numbers(), way.images[:, 0, 0, 0]) for way in found.ways.values()]


T_ = np.linspace(-4, 4, 81)
NORMALS = distances.Normal(0.3, 0.8).density(T_), distances.Normal(-0.5, 1.2).density(T_)
MORE: dict[str, Callable[[], Any]] = {
    "bounds.elbo": lambda: of_vae(bounds.elbo),
    "bounds.bounds": lambda: of_vae(bounds.bounds, 2, 20, 0),
    "bounds.active_units": lambda: of_vae(bounds.active_units),
    "bounds.lost_with_anothers": lambda: of_vae(bounds.lost_with_anothers),
    "derivation.grid": lambda: derivation.grid(7, 2.0).log_prior,
    "derivation.codes": lambda: of_images(derivation.codes),
    "derivation.integrate": lambda: derivation.summary(
        of_images(derivation.integrate, 31), {3: of_vae(derivation.iwae_bounds, 3, 12)}
    ),
    "derivation.by_samples_of_prior": lambda: derivation.by_samples_of_prior(
        of_images(derivation.integrate, 31), 50
    ),
    "derivation.controls": lambda: derivation.controls(of_images(derivation.integrate, 31), 50),
    "distances.closest_normal": lambda: distances.closest_normal(
        lambda r: r * r.log(),
        distances.Mixture((0.4, 0.6), (distances.Normal(-1, 0.5), distances.Normal(1, 0.7))),
        T_,
    ),
    "distances.divergence_of_intervals": lambda: distances.divergence_of_intervals(0.3, 1.0),
    "distances.power": lambda: distances.power(np.arange(1.0, 9), np.arange(1.0, 9) ** 1.7),
    "distances.f_divergence": lambda: distances.f_divergence(lambda r: r * r.log(), *NORMALS, T_),
    "energies.log_z": lambda: [energies.log_z(u, 101) for u in energies.ENERGIES.values()],
    "equations.solve": solution,
    "exact.total_probability": lambda: exact.total_probability(
        exact.disturbed(MADE((1, 2, 2), (6,)))
    ),
    "exact.seen_from_the_middle": lambda: exact.seen_from_the_middle(MADE((1, 3, 3), (20,))),
    "faces.read": lambda: faces.read(reader(), RNG(0).random((3, 3, 32, 32), np.float32)),
    "faces.features": lambda: faces.features(reader(), RNG(0).random((3, 3, 32, 32), np.float32)),
    "faces.scaled": lambda: faces.scaled(drawn(6, 2)),
    "faces.redrawn": lambda: faces.redrawn(drawn(6, 2)),
    "faces.strangeness": lambda: faces.strangeness(faces.redrawn(drawn(6, 2)), drawn(6, 6)),
    "game.against_best": lambda: game.against_best(T_, *NORMALS, T_),
    "game.gradients": lambda: game.gradients(some_game(), mg.randn(5, 3)),
    "game.slope": lambda: [game.slope(name, 0.3) for name in ("minimax", "non-saturating")],
    "gradients.check_kl": lambda: gradients.check_kl(0.8, -0.3, 50),
    "gradients.noise": lambda: gradients.noise(gradients.Quadratic(3, 0.7), 50),
    "linear.balanced": lambda: linear.balanced(LABELS, 8, RNG(0)),
    "linear.pca": lambda: np.abs(linear.pca(ROWS, 3).encode(OTHERS)),  # but for signs
    "mmd.floor": lambda: mmd.floor(40, 3),
    "mmd.norm_of_normal": lambda: mmd.norm_of_normal(7),
    "modes.controls": lambda: [modes.controls(name, RNG(0)) for name in modes.MIXTURES],
    "modes.mixtures": lambda: [make().modes for make in modes.MIXTURES.values()],
    "paths.share_done": lambda: paths.share_done(ROWS.reshape(4, 10, 6)),
    "paths.unevenness": lambda: paths.unevenness(ROWS.reshape(4, 10, 6)),
    "spectrum.high_frequencies": lambda: spectrum.high_frequencies(X),
    "spectrum.frequencies": lambda: spectrum.frequencies(6, 7),
    "factors.by_factor": lambda: factors.measure(*MEASURES["factors.measure"][1:]).by_factor(),
}
VALUES = """
wasserstein_1d: 0.52317
jensen_shannon: 0.090464
energies.U1: 5.3008 116.72
energies.U2: 3.4889 79.44
energies.U3: 3.905 88.384
energies.U4: 2.6309 58.508
equations.as_long: 0.81495 -10.054
factors.measure: 0.015662 -0.026172 0.0095139 0.015122 0.018349 0.034951
factors.turned: 0.0030655 0.0032763
frechet_distance: 0.54159
gaussian_distance: 7.5141
kernel_distance: 0.053961 0.20366
classifier_score: 1.3396
pca: 0.33572
pca of few samples: 0.0077717
principal_angles: 79.034 121.56
nearest_neighbour_error: 0.725
class_means: 0.29042 -0.13536 1.5 5
linear_probe_error: 0.775
logistic_regression: 0.38344 0.02065
logistic_regression that goes on: 0.48899 3.2974
mmd.to_normal: 0.042574 0.028906
mmd.moments: 0.29395 0.89316 1.1486 0.328 2.2752 3.6355 2.4
mmd.whitened: 0.80072 -5.8537
squared_mmd: 0.018508
modes.coverage: 0 0 0 inf
kl_to_uniform: 0.37489
nearest: 17.725 354.6 1.5733 34.197
memorisation: 1.589 1.5686
memoriser: 0.4878 529.16
paths.linear: 0.70237 -27.594
paths.spherical: 0.83509 -27.109
paths.movement: 1.1004 1.278 0.84914
spectrum.power: 0.083267 6.145
spectrum.relative: 0.9912 1.0012 0.9905
spectrum.radial: 0.29167 1.2639 0.083128 0.29266
spectrum.blurred: 0.49049 530.75
translations.squared_error: 0.167
translations.absolute_error: 0.33261
translations.controls: 0.49049 530.92 0.50092 540.77 0.50092 545.62
translations.spread_of_backgrounds: 0.04626
bounds.elbo: 6.4771 0.10259
bounds.bounds: 6.5797 6.4771 0.10259 6.4004 6.5292 0.10951 6.4457 0.13685 2 1
bounds.active_units: 1
bounds.lost_with_anothers: 0.20785
derivation.grid: 3.6157 -90.391
derivation.codes: 0.2335 0.027466 0.94651 3.1554
derivation.integrate: 3 6.339 6.339 6.339 6.339 6.339 6.4539 0.10259 6.5565 0.21744 2.138e-09
    2.4983e-09 2.3791e-09 6.4801 0.14108 0.10277 0.17666 0 0.84817
derivation.by_samples_of_prior: 6.3621 -12.706
derivation.controls: 0.46708 9.4572e-06 1.1754e-05 6.3621
distances.closest_normal: 0.2 1.1636
distances.divergence_of_intervals: 0.20792
distances.power: 1.7
distances.f_divergence: 0.34992
energies.log_z: 1.8775 2.1429 2.7025 2.7715
equations.solve: 0.11111 0.60429 0.17639 -0.39079 0.11111 0.60878 0.44653 -0.2115 0.11111 0.5524
    0.049551 0.2357
exact.total_probability: 1
exact.seen_from_the_middle: 0.44444 1.1111
faces.read: 0.060933 0.12088 0.018895 0.037661 0.5032 1.0074 0.45565 0.91013 0.49956 1 0.54211
    1.0841 0.5341 1.0697 0.51988 1.0395 0.97668 1.9533 0.0063579 0.013967 0.047699 -0.095772
faces.features: 0.017876 3.4583
faces.scaled: 0.47347 2.0852
faces.redrawn: 0.545 5044.6
faces.strangeness: 0.17574
game.against_best: 0.5 28.809 0.31107 15.631 0.98765 40.988 0.94499 1.2515 1.189
game.gradients: 0.42993 0.025182 0.033295 1.3222
game.slope: 0.3 0.7
gradients.check_kl: 0.34041 0.44908 1.2426
gradients.noise: 3 0.7 1.2901 23.896 7.8254 18.522 6.0656
linear.balanced: 21.5 98.25
linear.pca: 0.79766 47.752
mmd.floor: 0.026762
mmd.norm_of_normal: 2.5532
modes.controls: 8 8 0.9856 0.00067043 4 0 0.002 0.74726 25 25 0.9856 0.0044991 20 0 0.0188 0.36825
modes.mixtures: 0.60355 -1.7071 2.4 24
paths.share_done: 0.50459 6.6785
paths.unevenness: 1.278
spectrum.high_frequencies: 0.83434
spectrum.frequencies: 0.38434 8.8184
factors.by_factor: 0.0052184 0.0078121 0.0034933 0.010362 0.011216 0.033204
"""


def measured(name: str) -> Any:
    mg.manual_seed(0)
    if name in MORE:
        return MORE[name]()
    measure, *arguments = MEASURES[name]
    return measure(*arguments)


@pytest.mark.parametrize("line", lines(VALUES))
def test_a_measure_gives_what_it_gave(line):
    name, expected = line.split(": ")
    close(told(measured(name)), expected)


def test_no_measure_is_forgotten():
    assert [line.split(": ")[0] for line in lines(VALUES)] == [*MEASURES, *MORE]

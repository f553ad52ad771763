"""The reader of faces, with readers that are known; and equations of faces in a plane."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.data import ImageDataset
from minigrad.data.faces import draw_faces, draw_factors, labels
from models.measures import equations, faces
from models.measures.equations import EQUATIONS, Pool, Way, as_long, choose, sampled, solve
from models.measures.faces import RANGES, Person, Reader, quality, read, redrawn, scaled


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Knowing(nn.Module):
    """Reads the next rows of what it is told, whatever it is shown."""

    def __init__(self, factors: np.ndarray) -> None:
        super().__init__()
        self.rest = factors

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        rows, self.rest = self.rest[: len(x)], self.rest[len(x) :]
        return mg.from_numpy(np.ascontiguousarray(rows))


# ---- who is asked for ----------------------------------------------------------------------------

SMILES = np.array([-0.2, -0.14, 0.14, 0.15, 0.2, 0.6, 0.61])
GIVEN = {
    "smile": np.tile(SMILES, 4),
    "gender": np.repeat([0.05, 0.6], 14),
    "glasses": np.tile(np.repeat([0.45, 0.95], 7), 2),
}


def among(*asked: bool | None, sure: bool = False) -> list[int]:
    return np.flatnonzero(Person(*asked).among(GIVEN, sure=sure)).tolist()


def test_who_is_among_faces():
    assert among(True) == list(range(14, 28))
    assert among(False) == list(range(14))
    assert among(False, None, True) == list(range(7, 14))
    assert among(True, None, False) == list(range(14, 21))
    assert among(False, True, False) == [4, 5, 6]
    assert among(True, False, True) == [22, 23]


def test_who_is_surely_among_them():
    assert among(True, sure=True) == []
    assert among(False, sure=True) == list(range(14))
    assert among(False, True, True, sure=True) == [13]
    assert among(False, False, True, sure=True) == [8, 9]
    assert among(False, None, False, sure=True) == []
    half = {"gender": np.array([0.5, 0.9, 0.1]), "smile": np.zeros(3)}
    assert Person(True).among(half).tolist() == [False, True, False]
    assert not Person(True).among(half, sure=True).any()


def test_clarity_is_the_least_of_what_is_asked():
    given = {name: np.array([value]) for name, value in
             {"gender": 0.8, "smile": 0.3, "glasses": 0.6}.items()}  # fmt: skip

    def clarity(*asked):
        return Person(*asked).clarity(given).item()

    assert clarity(True) == 0.8
    assert clarity(False) == pytest.approx(0.2)
    assert clarity(True, True) == 0.3
    assert clarity(True, False) == pytest.approx(0.4)
    assert clarity(True, None, True) == 0.6
    assert clarity(True, None, False) == pytest.approx(0.4)
    given["smile"] = -given["smile"]
    assert clarity(True, False) == pytest.approx(0.4)  # sad is not neutral
    assert clarity(True, True) == -0.3


# ---- the reader ----------------------------------------------------------------------------------


def test_the_ranges_are_those_of_the_data():
    factors = draw_factors(rng(), 5000)
    assert list(factors) == list(RANGES)
    for name, (low, high) in RANGES.items():
        within = 1e-3 * (high - low)
        assert low <= factors[name].min() <= low + within, name
        assert high - within <= factors[name].max() <= high, name


def test_read_undoes_scaled(monkeypatch):
    monkeypatch.setattr(faces, "AT_ONCE", 3)
    factors = draw_factors(rng(), 7)
    numbers = scaled(factors)
    assert numbers.dtype == np.float32 and numbers.shape == (7, 11)
    assert np.abs(numbers).max() <= 1 and np.abs(numbers).max(0).min() > 0.5
    found = read(Knowing(numbers), np.zeros((7, 3, 32, 32), np.float32))
    for name, values in factors.items():
        np.testing.assert_allclose(found[name], values, atol=1e-6, err_msg=name)
    far = read(Knowing(np.full((1, 11), -3, np.float32)), np.zeros((1, 3, 32, 32), np.float32))
    assert [far[name].item() for name in RANGES] == pytest.approx(
        [low for low, _ in RANGES.values()]
    )


def test_the_loss_weights_the_smile_and_adds_noise(monkeypatch):
    reader = Reader(2)
    assert reader(mg.rand(2, 3, 32, 32)).shape == (2, 11)
    reader.layers = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 11, bias=False))
    with mg.no_grad():
        reader.layers[1].weight.copy_(mg.eye(11, 3 * 32 * 32))  # reads the first pixels
    images, factors = mg.full((200, 3, 32, 32), 51, dtype=mg.uint8), mg.full((200, 11), 0.2)
    # The mean of 2,200 squares of N(0, 1) is 1 to 0.03.
    noise = reader.losses(images, factors)["loss"].item()
    assert noise == pytest.approx(13 / 11 * 0.05**2, rel=0.15)
    monkeypatch.setattr(faces, "NOISE", 0)
    factors[:, 0] = 1
    loss = reader.losses(images, factors + 0.1)["loss"].item()
    assert loss == pytest.approx((3 * 0.9**2 + 10 * 0.1**2) / 11, rel=1e-5)


def test_a_face_drawn_again_is_the_face():
    images, factors = draw_faces(rng(), 4)
    given = images / np.float32(255)
    unsure = {**factors, **{n: np.clip(factors[n], 0.4, 0.6) for n in faces.SWITCHES}}
    again = redrawn(unsure)
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again, given)
    away = np.array([0.1, 0.2, 0.3, -0.6], np.float32)[:, None, None, None]
    assert faces.strangeness(given, factors) == 0
    assert faces.strangeness(given + away, factors) == pytest.approx(0.25)


def test_the_quality_of_a_reader_that_errs():
    images, factors = draw_faces(rng(), 8)
    data = ImageDataset(images, labels(factors), "drawn", ("a", "b", "c", "d"), factors)
    numbers = scaled(factors)
    perfect = quality(Knowing(numbers), data)
    assert [perfect[f"accuracy of {name}"] for name in faces.SWITCHES] == [1, 1, 1]
    assert perfect["strangeness of drawn faces"] < 1e-2
    for name in ("smile", "pose"):
        assert perfect[f"mean error of {name}"] < 1e-6
    names = list(RANGES)
    numbers[:2, names.index("glasses")] *= -1
    numbers[:, names.index("smile")] = 0
    wrong = quality(Knowing(numbers), data)
    assert wrong["accuracy of glasses"] == 0.75
    assert wrong["mean error of smile"] == pytest.approx(np.abs(factors["smile"]).mean())
    assert wrong["strangeness of drawn faces"] > perfect["strangeness of drawn faces"]


# ---- equations -----------------------------------------------------------------------------------


def of_places(places: np.ndarray) -> dict[str, np.ndarray]:
    """Places (N, 2) as "faces" whose gender and smile are their coordinates."""
    gender, smile = places.T
    return {"gender": gender, "smile": smile, "glasses": np.zeros(len(places))}


def pool_of(z: np.ndarray) -> Pool:
    return Pool(z, z.copy(), of_places(z), of_places(z))


CORNERS = np.array([[1.0, 1], [1, 0], [0, 0]])  # smiling woman, neutral woman, neutral man


def test_the_equations_add_up():
    for plus, minus, base, result, names in EQUATIONS.values():
        assert len(names) == 3
        for field in ("woman", "smiling", "glasses"):
            values = [getattr(person, field) for person in (plus, minus, base, result)]
            if None in values:
                assert values == [None] * 4
            else:
                a, b, c, d = values
                assert a - b + c == d


def test_corners_of_a_square_are_solved_exactly():
    pool = pool_of(np.tile(CORNERS, (5, 1)))
    found = solve(EQUATIONS["smiling man"], pool, np.copy, of_places, rng(), trials=4, exemplars=2)
    assert [e.tolist() for e in found.exemplars] == [[c, c] for c in CORNERS.tolist()]
    assert found.means.tolist() == CORNERS.tolist()
    for name in ("latents", "pixels"):
        assert found.ways[name].images.tolist() == [[0, 1]] * 4
        assert found.ways[name].right.tolist() == [True] * 4
    wander = found.ways["random vector"].images
    np.testing.assert_allclose(np.linalg.norm(wander, axis=1), 1)  # from a base at 0
    assert len(np.unique(wander[:, 0])) == 4


def test_sums_of_pixels_are_cut_off():
    z = np.tile(CORNERS, (5, 1))
    pool = pool_of(z)._replace(images=z * [[3, 1]] - [[0, 0.25]])
    found = solve(EQUATIONS["smiling man"], pool, np.copy, of_places, rng(), trials=2, exemplars=1)
    assert found.ways["pixels"].images.tolist() == [[0, 0.75]] * 2


def test_the_chosen_are_sure_and_the_clearest(monkeypatch):
    monkeypatch.setattr(equations, "CHOICE", 3)
    sure = [0.95, 0.91, 0.99, 0.2, 0.93]
    pool = pool_of(np.stack([sure, np.zeros(5)], axis=1))
    around = of_places(np.stack([[0.5, 0.7, 0.6, 1.0, 0.8], np.zeros(5)], axis=1))
    chosen = choose(pool._replace(around=around), Person(True), 50, 2, rng())
    assert chosen.shape == (50, 2)
    assert set(chosen.ravel().tolist()) == {1, 2, 4}
    assert (chosen[:, 0] != chosen[:, 1]).all()
    assert choose(pool, Person(True), 1, 3, rng()).shape == (1, 3)
    with pytest.raises(ValueError, match=r"4 of 5 samples are surely a .*, of 5 that are needed"):
        choose(pool, Person(True), 1, 5, rng())


def test_samples_and_what_is_around_them():
    pool = sampled(2000, 2, lambda z: 2 * z, of_places, rng())
    assert pool.z.dtype == np.float32
    np.testing.assert_array_equal(pool.images, 2 * pool.z)
    np.testing.assert_array_equal(pool.factors["smile"], 2 * pool.z[:, 1])
    away = pool.around["smile"] - pool.factors["smile"]
    # The mean of 8 nudges, each twice a draw of N(0, 1).
    assert away.std() == pytest.approx(2 / np.sqrt(8), rel=0.1)


def test_as_long():
    x, y = np.array([[3.0, 4], [0, 2]]), np.array([[0.0, 1], [5, 12]])
    assert as_long(x, y).tolist() == pytest.approx(np.array([[0.6, 0.8], [0, 13]]))


def test_a_ways_numbers():
    images, factors = draw_faces(rng(), 4)
    way = Way(images / np.float32(255), factors, np.array([True, False, True, True]))
    assert way.numbers() == {"success": 0.75, "strangeness": 0}

"""What is shown of latents: arithmetic, paths between them, and samples of a class."""

from functools import partial

import numpy as np
import pytest

from demos.common.kept import Setting
from demos.common.run import CommandError
from demos.experiments import arithmetic, conditional
from demos.experiments import interpolation as experiment
from demos.experiments.arithmetic import ReaderRecipe
from demos.experiments.dcgans import dcgan, decode
from demos.experiments.judge import judge_of
from minigrad import data
from models.measures import equations, paths
from models.measures import faces as attributes
from models.measures.faces import Person
from models.measures.linear import class_means

pytestmark = pytest.mark.slow

TINY = {"epochs": 1, "width": 4, "limit": 64}

# ---- arithmetic ----------------------------------------------------------------------------------


def draw(z):
    """A generator that is linear: each colour is a factor."""
    return np.broadcast_to(0.5 + z[:, :, None, None] / 16, (len(z), 3, 32, 32)).astype(np.float32)


def read(images):
    smile, gender, glasses = (16 * (images.mean((2, 3)) - 0.5)).T
    others = dict.fromkeys(attributes.RANGES, 0 * smile + 1)
    return {**others, "smile": smile, "gender": gender + 0.5, "glasses": glasses + 0.5}


@pytest.fixture
def pool():
    """Faces that are one of two in each factor, and nearly the same otherwise."""
    rng = np.random.default_rng(0)
    z = rng.choice([-0.6, 0.6], (400, 3)) + rng.normal(0, 0.02, (400, 3))
    z[:, 0] += 0.6 - 0.25 * (z[:, 0] > 0)  # neutral, or a smile
    images = draw(z)
    return equations.Pool(z.astype(np.float32), images, read(images), read(images))


@pytest.mark.parametrize("name", equations.EQUATIONS)
def test_arithmetic_is_exact_where_the_generator_is_linear(pool, name):
    equation, rng = equations.EQUATIONS[name], np.random.default_rng(0)
    found = equations.solve(equation, pool, draw, read, rng)
    success = {way: w.numbers()["success"] for way, w in found.ways.items()}
    assert success["latents"] == success["pixels"] == 1
    assert success["random vector"] < 0.6
    assert [len(w.images) for w in found.ways.values()] == [equations.TRIALS] * 3
    for images, mean in zip(found.exemplars, found.means, strict=True):
        np.testing.assert_allclose(images.mean(0), mean, atol=1e-6)


def test_exemplars_are_of_the_kind_and_differ(pool):
    person = Person(woman=True, smiling=True, glasses=False)
    chosen = equations.choose(pool, person, 50, 3, np.random.default_rng(0))
    assert chosen.shape == (50, 3)
    assert all(len(set(some)) == 3 for some in chosen)
    assert (pool.factors["gender"][chosen] > 0.9).all()
    assert (pool.factors["glasses"][chosen] < 0.1).all()
    assert len(np.unique(chosen)) > 20


def test_exemplars_are_the_clearest(pool):
    person = Person(woman=True, smiling=True, glasses=False)
    around = {**pool.factors, "gender": np.linspace(0, 1, len(pool.z))}
    chosen = equations.choose(
        pool._replace(around=around), person, 500, 3, np.random.default_rng(0)
    )
    fitting = np.flatnonzero(person.among(pool.factors, sure=True))
    assert len(fitting) > equations.CHOICE
    assert np.unique(chosen).tolist() == fitting[-equations.CHOICE :].tolist()


def test_what_is_around_a_sample_is_a_mean_over_its_neighbours():
    found = equations.sampled(500, 3, draw, read, np.random.default_rng(0))
    off = found.around["smile"] - found.factors["smile"]
    assert off.std() == pytest.approx(equations.NUDGES**-0.5, rel=0.1)
    assert abs(off.mean()) < 0.1
    np.testing.assert_array_equal(draw(found.z), found.images)


def test_too_few_exemplars_are_an_error(pool):
    read_in = read(pool.images[:2])
    few = equations.Pool(pool.z[:2], pool.images[:2], read_in, read_in)
    with pytest.raises(ValueError, match=r"2 samples are surely a Person.*of 3 that are needed"):
        equations.choose(few, Person(woman=True), 5, 3, np.random.default_rng(0))


def test_the_random_vector_is_as_long():
    x, other = np.random.default_rng(0).normal(size=(2, 5, 7))
    scaled = equations.as_long(x, other)
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), np.linalg.norm(other, axis=1))
    np.testing.assert_allclose(scaled / x, (scaled / x)[:, :1].repeat(7, 1))


def test_the_picture_of_arithmetic(pool):
    solved = {
        name: equations.solve(e, pool, draw, read, np.random.default_rng(0), trials=4)
        for name, e in equations.EQUATIONS.items()
    }
    titles = [axes.get_title() for axes in arithmetic.picture(solved).axes]
    assert titles[0] == "smiling woman\n− neutral woman + neutral man"
    assert titles[1] == "= smiling man\n100% as wanted"
    assert len(titles) == 8


def test_a_gan_that_has_learned_nothing_has_no_exemplars(tmp_path):
    said = "samples are surely a Person.*: the GAN has learned too little"
    with pytest.raises(CommandError, match=said):
        arithmetic.run(Setting(0, tmp_path), samples=20, reader_epochs=1, **TINY)


# ---- the reader of attributes --------------------------------------------------------------------


def test_a_person_is_told_by_far_or_by_half():
    factors = {
        "gender": np.array([1.0, 0.6, 0.4, 1.0, 1.0]),
        "glasses": np.array([0.0, 0.0, 0.0, 1.0, 0.0]),
        "smile": np.array([0.9, 0.5, 0.9, 0.9, -0.9]),
    }
    smiling = Person(woman=True, smiling=True, glasses=False)
    assert smiling.among(factors).tolist() == [True, True, False, False, False]
    assert smiling.among(factors, sure=True).tolist() == [True, False, False, False, False]
    assert smiling.clarity(factors).tolist() == pytest.approx([0.9, 0.5, 0.4, 0, -0.9])
    neutral = Person(woman=False, smiling=False, glasses=True)
    assert neutral.clarity(factors).tolist() == pytest.approx([-0.8, 0, -0.8, -0.8, -0.8])
    sad = Person(woman=True, smiling=False)
    assert not sad.among(factors).any()
    assert Person(woman=False).among(factors).tolist() == [False, False, True, False, False]


def test_faces_are_not_strange_and_mixtures_of_faces_are():
    faces = data.load("faces", limit=40)
    images, _ = faces[:]
    assert attributes.strangeness(images, faces.factors) == 0
    half = {name: (values + values[::-1]) / 2 for name, values in faces.factors.items()}
    assert attributes.strangeness((images + images[::-1]) / 2, half) > 0.05


def test_factors_are_scaled_to_their_ranges():
    faces = data.load("faces", limit=500)
    scaled = attributes.scaled(faces.factors)
    assert scaled.dtype == np.float32
    assert scaled.shape == (500, len(attributes.RANGES))
    assert set(attributes.RANGES) == set(faces.factors)
    np.testing.assert_allclose(scaled.min(0), -1, atol=0.02)
    np.testing.assert_allclose(scaled.max(0), 1, atol=0.02)


@pytest.mark.slow
def test_a_reader_learns_to_read_and_is_kept(tmp_path):
    faces, setting = data.load("faces", limit=50), Setting(0, tmp_path)
    recipe = ReaderRecipe(limit=50, epochs=30)
    reader = arithmetic.trained_reader(setting, faces, recipe)
    found = attributes.quality(reader, faces)
    assert found["accuracy of glasses"] > 0.9
    assert found["accuracy of gender"] > 0.9
    again = arithmetic.trained_reader(setting, faces, recipe)
    assert attributes.quality(again, faces) == found


# ---- interpolation -------------------------------------------------------------------------------


def test_lines_and_arcs_have_their_ends_and_lengths():
    a, b = np.random.default_rng(0).normal(size=(2, 4, 6))
    t = np.linspace(0, 1, 5)
    for path in (paths.linear(a, b, t), paths.spherical(a, b, t)):
        np.testing.assert_allclose(path[:, 0], a, atol=1e-12)
        np.testing.assert_allclose(path[:, -1], b, atol=1e-12)
    np.testing.assert_allclose(paths.linear(a, b, t)[:, 2], (a + b) / 2)
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    arc = paths.spherical(a, b, t)
    np.testing.assert_allclose(np.linalg.norm(arc, axis=2), 1)
    angles = np.arccos((arc[:, 1:] * arc[:, :-1]).sum(2))
    np.testing.assert_allclose(angles, angles[:, :1].repeat(4, 1))


def test_an_arc_between_parallel_ends_is_the_line():
    a = np.array([[3.0, 4.0]])
    t = np.linspace(0, 1, 5)
    np.testing.assert_allclose(paths.spherical(a, a, t), a[:, None].repeat(5, 1), rtol=1e-4)


def test_unevenness_is_1_without_and_the_number_of_steps_with_a_single_jump():
    t = np.linspace(0, 1, 33)[None, :, None]
    assert paths.unevenness(t * np.array([3.0, 4.0])) == pytest.approx(1)
    assert paths.unevenness((t > 0.5) * 1.0) == pytest.approx(32)
    assert paths.unevenness(0 * t) == pytest.approx(1)


def test_movement_of_known_paths():
    t = np.linspace(0, 1, 33)[None, :, None]
    features = np.concatenate([t, 2 - t])  # from 0 to 1, and from 2 to 1
    found = paths.movement(features)
    assert found["largest of 8 steps over the mean"] == pytest.approx(1)
    assert found["largest of 32 steps over the mean"] == pytest.approx(1)
    assert found["largest of 8 steps over a distance"] == pytest.approx(1 / 8)


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    train, test = (
        data.load("glyphs", split, limit=n) for split, n in (("train", 128), ("test", 50))
    )
    return judge_of(Setting(0, tmp_path_factory.mktemp("judge")), (train, test), epochs=1)


def test_interpolation_from_training_to_picture(tmp_path, judge):
    found = experiment.run(Setting(0, tmp_path), paths=6, midpoints=20, judge=judge, **TINY)
    assert found.numbers["arc"]["length of z"] > found.numbers["line"]["length of z"]
    assert found.numbers["line"]["largest of 32 steps over the mean"] >= 1
    assert found.control["test images"]["distance to data"] > 0
    assert len(found.figure.axes) == 3


def test_the_memoriser_has_training_images_only(tmp_path, judge):
    gan = dcgan(Setting(0, tmp_path), **TINY).model
    a, b = np.random.default_rng(0).standard_normal((2, 2, gan.noise), np.float32)
    walks = paths.walked(partial(decode, gan), judge, a, b)
    known = {image.tobytes() for image in judge.train[:][0]}
    assert all(image.tobytes() in known for path in walks["memoriser"] for image in path)
    middle = (walks["line"][:, 0] + walks["line"][:, -1]) / 2
    np.testing.assert_allclose(walks["pixels"][:, 16], middle, atol=1e-6)
    np.testing.assert_allclose(walks["arc"][:, 0], walks["line"][:, 0], atol=1e-5)


# ---- conditional samples -------------------------------------------------------------------------


def test_nearest_neighbours_of_test_images(judge):
    images, labels = judge.test[:]
    assert conditional.neighbour_error(images, labels, judge.test) == 0
    assert conditional.neighbour_error(images, (labels + 1) % 10, judge.test) == 1


def test_means_of_classes():
    images = np.arange(4.0).reshape(4, 1, 1, 1)
    means, labels = class_means(images, np.array([2, 5, 2, 5]))
    assert (means.ravel().tolist(), labels.tolist()) == ([1.0, 2.0], [2, 5])


def test_conditional_from_training_to_picture(tmp_path, judge):
    found = conditional.run(Setting(0, tmp_path), samples=50, judge=judge, **TINY)
    by_class = found.numbers["agreement by class"]
    assert list(by_class) == list("0123456789")
    overall = found.numbers["agreement with the asked label"]
    assert overall == pytest.approx(np.mean(list(by_class.values())))
    assert 0 <= found.control["1-NN error, trained on data"] <= 1
    labels = [text.get_text() for text in found.figure.axes[0].get_yticklabels()]
    assert labels == [f"{name}   {share:.1%}" for name, share in by_class.items()]

"""The judge of images: trained once, and its measures tell real data from spoilt."""

import json

import numpy as np
import pytest

import minigrad as mg
from demos.common import datasets
from demos.common.kept import Setting
from demos.common.run import CommandError
from demos.experiments.judge import judge_of
from minigrad import data
from minigrad.data import ImageDataset
from models.measures.frechet import classifier_score, frechet_distance
from models.model import Learner

pytestmark = pytest.mark.slow

TRAIN, TEST = 1500, 500


@pytest.fixture(scope="module")
def glyphs():
    return data.load("glyphs", "train", limit=TRAIN), data.load("glyphs", "test", limit=TEST)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("judge")


@pytest.fixture(scope="module")
def judge(glyphs, folder):
    return judge_of(Setting(0, folder), glyphs, epochs=3)


@pytest.fixture(scope="module")
def controls(judge):
    return judge.controls()


def test_it_reads_what_it_learned(judge, glyphs):
    assert judge.accuracy > 0.9
    images, labels = glyphs[1][:]
    assert (judge.predictions(images) == labels).mean() == judge.accuracy
    assert judge.features(images).shape == (TEST, 64)
    assert judge.probabilities(images).shape == (TEST, 10)


def test_it_is_trained_once(judge, glyphs, folder, monkeypatch):
    def never(*args):
        raise AssertionError("trained again")

    monkeypatch.setattr(Learner, "train_step", never)
    again = judge_of(Setting(0, folder), glyphs, epochs=3)
    assert again.accuracy == judge.accuracy
    np.testing.assert_array_equal(again.reference, judge.reference)
    np.testing.assert_array_equal(again.reference, judge.features(glyphs[0][:][0]))
    for name, tensor in judge.model.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), again.model.state_dict()[name].numpy())


def test_others_random_numbers_are_as_if_it_were_not_there(glyphs, tmp_path):
    few = [ImageDataset(d.images[:64], d.labels[:64], d.name, d.classes) for d in glyphs]

    def drawn_after():
        mg.manual_seed(3)
        judge_of(Setting(0, tmp_path), few, epochs=1)
        return mg.randn(4).numpy()

    found = [drawn_after(), drawn_after()]  # once it is trained, once only read
    mg.manual_seed(3)
    np.testing.assert_array_equal(found, np.stack([mg.randn(4).numpy()] * 2))


def test_a_folder_belongs_to_one_data_set(judge, folder):
    faces = [data.load("faces", split, limit=100) for split in ("train", "test")]
    with pytest.raises(CommandError, match="does not fit"):
        judge_of(Setting(0, folder), faces)


def test_measures_of_spoilt_images_are_worse(controls):
    real, noisy, dropped = controls.values()
    assert real["n"] == noisy["n"] == TEST and 0.8 * TEST < dropped["n"] < TEST
    assert noisy["frechet"] > 1.5 * real["frechet"]
    assert dropped["frechet"] > 1.5 * real["frechet"]
    assert noisy["kernel"] - real["kernel"] > real["kernel_std"]
    assert dropped["score"] < real["score"]
    assert dropped["classes"]["9"] < 0.02 < 0.05 < real["classes"]["9"]
    assert 1 < real["score"] < 10
    assert sum(real["classes"].values()) == pytest.approx(1)


def test_controls_of_as_many_as_asked_for(judge, controls):
    few = judge.controls(200)
    assert list(few) == ["real", "real with noise 0.1", "real without 9"]
    assert [control["n"] for control in few.values()] == [200, 200, 200]
    # Fewer are further away, which is why controls should be as many as the samples.
    assert few["real"]["frechet"] > controls["real"]["frechet"]


def test_measures_are_those_of_all_training_and_test_images(judge, glyphs, controls):
    train, test = (split[:][0] for split in glyphs)
    real = controls["real"]
    features = judge.features(train), judge.features(test)
    assert real["frechet"] == pytest.approx(frechet_distance(*features), rel=1e-6)
    assert real["score"] == pytest.approx(classifier_score(judge.probabilities(test)))
    shares = [(judge.predictions(test) == digit).mean() for digit in range(10)]
    assert real["classes"] == dict(zip("0123456789", shares))
    json.dumps(controls, allow_nan=False)


def test_images_of_another_size_are_refused(judge):
    with pytest.raises(ValueError, match=r"needs images \['N', 1, 28, 28\], got \[5, 1, 32, 32\]"):
        judge.measure(np.zeros((5, 1, 32, 32)))


def test_the_setting_chooses_the_data_and_the_folder(tmp_path, monkeypatch):
    def limited(name, data_dir=None, limit=None):
        return data.load(name, "train", limit=64), data.load(name, "test", limit=32)

    monkeypatch.setattr(datasets, "load", limited)
    assert judge_of(Setting(7, tmp_path)).train.name.startswith("glyphs")
    assert judge_of(Setting(7, tmp_path, "faces")).train.name.startswith("faces")
    folders = {path.name for path in tmp_path.iterdir()}
    # Not the experiment's seed.
    assert folders == {"classifier-glyphs-seed0", "classifier-faces-seed0"}

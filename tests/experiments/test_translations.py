"""The experiments on translations and captions, at a small size."""

import json

import numpy as np
import pytest

import minigrad as mg
from demos.common.kept import Setting
from demos.experiments import captions, cyclegan, pix2pix, translations
from demos.experiments.arithmetic import ReaderRecipe
from demos.experiments.finding import perform
from minigrad.data.captions import VOCABULARY, encode
from models.text_to_image import text_gan

pytestmark = pytest.mark.slow

READER = ReaderRecipe(limit=100, epochs=1)


@pytest.fixture
def small(tmp_path, monkeypatch) -> Setting:
    for module in (cyclegan, pix2pix):
        monkeypatch.setattr(module, "TESTED", 20)
    translations.faces_of.cache_clear()
    translations.reference.cache_clear()
    return Setting(0, tmp_path)


def done(name: str, experiment, setting: Setting, **how) -> dict:
    perform(name, lambda s: experiment.run(s, reader=READER, jobs=1, width=2, **how), setting)
    assert (setting.folder / f"{name}.png").exists()
    return json.loads((setting.folder / f"{name}.json").read_text())


def test_cycles_are_measured_against_hidden_pairs(small):
    found = done("cyclegan", cyclegan, small, seeds=1, steps=2, limit=16, patch_width=2)
    table = found["numbers"]["tables"]["faces and negatives"]
    assert list(table) == [cyclegan.CYCLE, cyclegan.ALONE, cyclegan.KNOWN]
    for row in table.values():
        (first,) = row["each seed"]
        assert 0.01 < min(first["forth"], first["back"]) < 1
        assert 0 <= first["attributes"] <= 1
    hidden = found["numbers"]["faces and lines"]
    assert hidden["cycle"] != hidden["cycle with noise"]
    control = found["control"]
    assert 0 < control["mean image"] < control["wrong pairs"] < control["identity"]


def test_each_part_of_pix2pixs_loss_is_left_out_once(small):
    found = done("pix2pix", pix2pix, small, seeds=1, steps=2, limit=40, tested=20, patch_width=2)
    table = found["numbers"]["tables"]["faces of lines"]
    assert list(table) == list(pix2pix.VARIANTS)
    errors = {row["l1"]["mean"] for row in table.values()}
    assert len(errors) >= 3  # two steps of Adam hardly depend on the weight of the GAN
    assert all(row["noise"]["mean"] > 0 for row in table.values())
    control = found["control"]
    assert control["true faces"]["l1"] == 0 < control["mean image"]["l1"]
    assert control["true faces"]["sharpness"] == control["true faces"]["backgrounds"] == 1
    assert control["blurred by 0.7 pixels"]["sharpness"] < 0.5
    assert control["mean image"]["backgrounds"] == pytest.approx(0, abs=1e-5)


def test_what_is_read_in_faces_is_what_was_asked(small):
    setting, how = small, {"epochs": 1, "limit": 40, "batch": 8}
    perform("captions", lambda s: captions.run(s, tested=20, reader=READER, width=2, **how), small)
    found = json.loads((setting.folder / "captions.json").read_text())
    assert list(found["numbers"]) == list(captions.VARIANTS)
    seen = {name: numbers["seen"]["background"] for name, numbers in found["numbers"].items()}
    assert all(0 <= rate <= 1 for rate in seen.values())
    assert found["control"]["real faces"]["gender"] > 0.4
    folders = sorted(p.name for p in setting.folder.glob("text-faces-*"))
    assert [f.split("limit40-")[1] for f in folders] == ["no-matching-width2-seed0", "width2-seed0"]


def test_a_caption_becomes_another_by_equal_steps():
    mg.manual_seed(0)
    gan = text_gan((3, 32, 32), len(VOCABULARY), noise=4, width=2, code=4)
    images = captions.between(gan, 2).reshape(2, captions.PARTS + 1, 3, 32, 32)
    for i, caption in ((0, 0), (-1, 1)):
        ends = captions.of_words(gan, encode([captions.BETWEEN[caption]] * 2))
        np.testing.assert_allclose(images[:, i], ends, atol=1e-5)
    assert (images[:, 1:] != images[:, :-1]).any(axis=(0, 2, 3, 4)).all()

"""The explorer of models that make images of an image: completions and translations."""

import numpy as np
import pytest

import minigrad as mg
from demos import autoregressive, translation
from demos.common.run import CommandError
from demos.common.training import Trainer
from demos.explore import __main__ as explore
from demos.explore.opening import opened
from minigrad import data
from minigrad.data import pairs
from tests.explore.browser import Browser, opened_page, picture
from tests.explore.serving import ask, serving

pytestmark = pytest.mark.slow

SMALL = {
    "pixelcnn": (autoregressive, "--channels 4 --layers 1 --first 5"),
    "made": (autoregressive, "--model made --hidden 8 --conditional"),
    "cyclegan": (translation, "--width 2"),
    "coloured": (translation, "--dataset glyphs --pairs coloured --width 2"),
    "pix2pix": (translation, "--model pix2pix --pairs edges --width 2"),
}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Opens a run of one of SMALL, which has not learned anything."""

    def stopped(*_):
        raise KeyboardInterrupt

    def run(name):
        monkeypatch.setattr(Trainer, "_train_epoch", stopped)  # the first checkpoint is written
        program, argv = SMALL[name]
        how = ["--limit", "20", "--batch-size", "10", "--out", str(tmp_path / name)]
        assert program.main([*argv.split(), *how]) > 0
        return opened(tmp_path / name)

    return run


def images(answer: bytes, api) -> np.ndarray:
    """(K, 3, H, W) of an answer."""
    _, height, width = api.generator.shape
    return np.frombuffer(answer, np.uint8).reshape(-1, height, width, 3).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("name", ["made", "cyclegan", "coloured", "pix2pix"])
def test_what_is_made_has_its_names_and_shapes(made, name):
    api = made(name)
    model = api.model()
    shape = (model["channels"], model["height"], model["width"])
    assert shape == api.generator.shape
    pixels = list(api.image({"index": 3}))
    assert len(pixels) == np.prod(shape)
    found = images(api.make({"pixels": pixels, "rows": model["height"] // 2}), api)
    assert len(found) == len(model["made"])


def test_the_rows_that_are_given_stay_and_the_rest_is_drawn_in_several_ways(made):
    api = made("pixelcnn")
    x = np.frombuffer(api.image({"index": 3}), np.uint8).reshape(28, 28)
    found = images(api.make({"pixels": x.ravel().tolist(), "rows": 20}), api)
    black_and_white = 255 * (x / 255 > 0.5)
    assert (found[:, :, :20] == black_and_white[:20]).all()
    assert len(np.unique(found[:, 0, 20:].reshape(8, -1), axis=0)) == 8


def test_a_completion_of_each_class(made):
    api = made("made")
    assert api.model()["made"] == tuple("0123456789")


def test_cyclegan_goes_there_and_back(made):
    api = made("cyclegan")
    x = data.load("faces", "test", limit=4).images[3]
    assert api.image({"index": 3}) == x.transpose(1, 2, 0).tobytes()
    there, back = images(api.make({"pixels": x.transpose(1, 2, 0).ravel().tolist()}), api)
    forth, home = api.generator.steps
    with mg.no_grad():
        y = forth(mg.tensor(x[None] / 127.5 - 1, dtype=mg.float32))
        again = home(y)
    for got, expected in ((there, y), (back, again)):
        levels = np.clip((expected.numpy()[0] + 1) / 2, 0, 1) * 255
        assert np.abs(got - levels).max() <= 0.51


def test_lines_are_drawn_white_on_black_and_go_in_black_on_white(made):
    api = made("pix2pix")
    lines = pairs.edges(data.load("faces", "test", limit=4).images[3:])
    shown = np.frombuffer(api.image({"index": 3}), np.uint8)
    assert np.array_equal(shown, 255 - lines.ravel())
    seen = []
    api.generator.steps = (lambda x: seen.append(x.numpy()) or x,)
    api.make({"pixels": shown.tolist()})
    assert np.allclose(seen[0], lines / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("make", {"pixels": [0] * 783}, "pixels must be 784 numbers, got shape (783,)"),
        ("make", {"pixels": [256] * 784}, "pixels must have numbers from 0 to 255 only"),
        ("make", {"pixels": [0] * 784, "rows": 29}, "rows must be a whole number from 0 to 28"),
        ("make", {"pixels": [0] * 784, "rows": True}, "rows must be a whole number from 0 to 28"),
        ("image", {"index": 200}, "index must be a whole number from 0 to below 200"),
    ],
)
def test_what_cannot_be_made_is_told(made, path, body, said):
    with serving(made("pixelcnn")) as served:
        answer = ask(served, f"/api/{path}", body)
        assert (answer.status, answer.error) == (400, said)
        assert ask(served, "/api/decode", {"z": [[0, 0]]}).status == 404
        assert b"Images of an image" in ask(served, "/").content


def test_without_its_data_it_can_be_drawn_on(made, monkeypatch):
    def gone(*_):
        raise FileNotFoundError("mnist is not there")

    monkeypatch.setattr("demos.explore.examples.read", gone)
    api = made("pixelcnn")
    assert (api.model()["count"], api.model()["note"]) == (0, "mnist is not there")


def test_a_checkpoint_that_does_not_fit_its_arguments(made, tmp_path):
    made("pixelcnn")
    file = tmp_path / "pixelcnn/checkpoint.safetensors"
    saved = mg.load(file)
    mg.save({**saved, "args": {**saved["args"], "channels": 6}}, file)
    with pytest.raises(CommandError, match="does not fit the program that wrote it"):
        opened(file)


def test_only_latents_are_measured(made, tmp_path, capsys):
    made("cyclegan")
    assert explore.main([str(tmp_path / "cyclegan"), "--measure"]) == 2
    assert "--measure is for models with latents" in capsys.readouterr().err


def test_the_page_completes_what_is_drawn(browser: Browser, made):
    api = made("pixelcnn")
    api.generator.make = lambda x, rows: np.stack([x * (i + 1) / 8 for i in range(8)])  # at once
    with serving(api) as served, opened_page(browser, served.url) as page:
        test_image = "document.getElementById('x-is').textContent === 'x: test image 0'"
        assert page.wait(test_image)
        assert page.wait("document.querySelectorAll('#made canvas').length === 8")
        page.drag("#drawing", (0.3, 0.25), (0.7, 0.25), (0.45, 0.8))
        assert page.wait("document.getElementById('x-is').textContent === 'x: drawn'")
        drawn = np.array(picture(page, "#drawing"))
        assert drawn.max() == 255 and drawn.min() == 0
        last = "#made figure:nth-child(8) canvas"
        page.wait("document.getElementById('working').hidden")
        assert np.array_equal(picture(page, last), drawn)
        page.run("document.getElementById('index').value = 999")
        page.run("document.getElementById('index').dispatchEvent(new Event('input'))")
        said = "document.getElementById('index-label').textContent"
        assert page.wait(said) == "there are 0 to 199"

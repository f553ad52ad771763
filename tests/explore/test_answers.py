"""The explorer's server: its answers are the model's."""

import http.client
import json
import re
from concurrent.futures import ThreadPoolExecutor

import matplotlib.image
import numpy as np
import pytest

import minigrad as mg
from demos import autoencoder, dcgan, gan
from demos.common import cli
from demos.common.run import CommandError, Run
from demos.explore import checkpoint, examples, server
from demos.explore.opening import opened
from docs import pictures as readme
from minigrad import data
from minigrad.data import captions
from models.likelihoods import LIKELIHOODS
from tests.explore.serving import (
    ask,
    save_autoencoder,
    save_gan,
    save_text,
    save_vae,
    serving,
)

pytestmark = pytest.mark.slow


def test_the_page_and_its_files(served):
    page = ask(served, "/")
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    named = re.findall(r'(?:href|src)="(/[^"]+)"', page.content.decode())
    assert {"/app.js", "/style.css", "/icon.svg"} <= set(named)
    imported = [
        f"/{name}"
        for file in server.PAGE.glob("*.js")
        for name in re.findall(r'from "\./([\w.]+)"', file.read_text("utf-8"))
    ]
    for path in {*named, *imported}:
        assert ask(served, path).status == 200, path


def test_the_page_asks_no_other_machine():
    for file in server.PAGE.iterdir():
        addresses = re.findall(r"https?://[\w./]+", file.read_text("utf-8"))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, file


def test_the_model(served):
    assert ask(served, "/api/model").json == {
        "name": "VAE (mlp) of glyphs",
        "latent": 2,
        "channels": 1,
        "height": 28,
        "width": 28,
        "classes": [],
        "caption": "",
        "encodes": True,
        "posterior": True,
        "reach": 3.0,
    }


def test_decoded_pixels_are_the_models(served, api):
    z = [[0.5, -1.25], [3, 0], [0, 100]]
    images = api.generator.model.decode(mg.tensor(z)).numpy()
    expected = np.rint(images * 255).astype(np.uint8)
    answer = ask(served, "/api/decode", {"z": z})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.content == expected.tobytes()
    assert len(set(expected.reshape(3, -1)[:, 0])) > 1


def test_colours_are_the_last_axis(tmp_path):
    api = opened(save_vae(tmp_path, "--dataset", "faces", "--latent", "2"))
    image = api.generator.model.decode(mg.tensor([[1.0, 2.0]])).numpy()[0]
    got = np.frombuffer(api.decode({"z": [[1, 2]]}), np.uint8).reshape(32, 32, 3)
    assert np.array_equal(got.transpose(2, 0, 1), np.rint(image * 255))


def test_the_posterior_is_the_encoders(served, api):
    x, _ = api.shown.images[5:6]
    mu, logvar = (t.detach() for t in api.generator.model.encoder(mg.tensor(x)))
    kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1)
    logits = api.generator.model.decoder(mu).detach().numpy().astype(np.float64)
    log_p = (x * logits - np.logaddexp(0, logits)).sum()
    pixels = (x[0, 0] * 255).round().astype(int).ravel().tolist()
    answer = ask(served, "/api/encode", {"pixels": pixels}).json
    assert list(answer) == ["mu", "std", "kl", "log_p"]
    assert answer["mu"] == mu.numpy()[0].tolist()
    assert answer["std"] == pytest.approx((logvar / 2).exp().numpy()[0].tolist(), rel=1e-6)
    assert answer["kl"] == pytest.approx(kl.numpy()[0].tolist(), rel=1e-3, abs=1e-6)
    assert answer["log_p"] == pytest.approx(log_p, rel=1e-5)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_likelihood(tmp_path, likelihood):
    folder = save_vae(tmp_path, "--dataset", "faces", "--latent", "2", likelihood=likelihood)
    api = opened(folder)
    assert len(api.decode({"z": [[0, 0], [1, 2]]})) == 2 * 3 * 32 * 32
    assert np.isfinite(api.encode({"pixels": [100] * (3 * 32 * 32)})["log_p"])


def test_colours_go_in_as_they_come_out(tmp_path):
    api = opened(save_vae(tmp_path, "--dataset", "faces", "--latent", "3"))
    pixels = list(api.image({"index": 4}))
    mu = api.shown.mu[4].tolist()
    assert api.encode({"pixels": pixels})["mu"] == pytest.approx(mu, rel=1e-5, abs=1e-5)


def test_test_images(served):
    expected = data.load("glyphs", "test", limit=8).images[7]
    assert ask(served, "/api/image", {"index": 7}).content == expected.tobytes()


def test_codes_and_attributes(served, api):
    answer = ask(served, "/api/data").json
    images = data.load("glyphs", "test", limit=examples.COUNT)
    assert answer["count"] == len(images) == len(answer["codes"])
    assert answer["labels"] == images.labels.tolist()
    assert answer["classes"] == list("0123456789")
    assert answer["note"] == ""
    mu = np.array(answer["codes"])
    assert np.allclose(mu, api.shown.mu, atol=6e-4)
    found = {attribute["name"]: attribute for attribute in answer["attributes"]}
    assert {"like a 3", "more slant", "more thickness"} <= set(found)
    assert "style" not in found and "digit" not in found
    has = images.labels == 3
    expected = api.shown.mu[has].mean(0) - api.shown.mu[~has].mean(0)
    assert found["like a 3"]["direction"] == pytest.approx(expected.tolist(), abs=1e-6)
    assert found["like a 3"]["images"] == has.sum()


def test_attributes_of_faces():
    images = data.load("faces", "test", limit=200)
    found = examples.attributes(images)
    assert np.array_equal(found["glasses"], images.factors["glasses"] == 1)
    assert found["more smile"].sum() == 100
    assert images.factors["smile"][found["more smile"]].min() > np.median(images.factors["smile"])
    assert "more hair colour" in found
    assert "style" not in found


def test_an_attribute_of_all_or_none_is_left_out():
    images = data.load("glyphs", "test", limit=1)
    assert examples.attributes(images) == {}


def test_one_picture_after_another_on_one_connection(served):
    connection = http.client.HTTPConnection("127.0.0.1", served.server_port, timeout=30)
    headers = {"Content-Type": "application/json"}
    for z in (0, 1, 101, 2):  # an error among them
        connection.request("POST", "/api/decode", json.dumps({"z": [[z, z]]}), headers)
        with connection.getresponse() as response:
            assert response.status == (400 if z == 101 else 200)
            response.read()
        assert connection.sock is not None
    connection.close()


@pytest.mark.parametrize("program", [gan, dcgan], ids=["gan", "dcgan"])
def test_a_gan_with_labels(tmp_path, program):
    small = ("--hidden", "8") if program is gan else ("--width", "2")
    api = opened(save_gan(tmp_path, program, *small))
    assert api.model()["classes"] == tuple("0123456789")
    assert api.model()["latent"] == 3
    assert not api.model()["encodes"]
    z = mg.tensor([[0.5, -1.0, 2.0]])
    with serving(api) as served:
        for label in (2, 7):
            image = api.generator.game.generate(z, mg.tensor([label])).numpy()
            expected = np.rint(np.clip((image + 1) / 2, 0, 1) * 255).astype(np.uint8)
            body = {"z": z.numpy().tolist(), "label": label}
            assert ask(served, "/api/decode", body).content == expected.tobytes()
        for label in (None, -1, 10, 1.5, True, "3", [3]):
            answer = ask(served, "/api/decode", {"z": [[0, 0, 0]], "label": label})
            assert answer.status == 400
            assert answer.error == "label must be a whole number from 0 to 9"
        assert ask(served, "/api/encode", {"pixels": [0] * 784}).status == 400
        assert ask(served, "/api/data").json == {"note": "", "count": 0, "attributes": []}


def test_enlarged_images(tmp_path):
    args = dcgan.parser().parse_args(["--size", "32", "--width", "2", "--dataset", "faces"])
    game = dcgan.build(args, (3, 32, 32), 0)
    Run(tmp_path).save({"args": cli.saved_arguments(args), "gan": game.state_dict()})
    assert opened(tmp_path / "checkpoint.safetensors").model()["width"] == 32


def test_an_autoencoders_codes_are_counted_from_their_mean(tmp_path):
    api = opened(save_autoencoder(tmp_path))
    assert (api.model()["encodes"], api.model()["posterior"]) == (True, False)
    model, images = api.generator.model, data.load("glyphs", "test", limit=examples.COUNT)
    codes = model.encode(mg.tensor(images[:][0])).numpy()
    mean, std = codes.mean(0), codes.std(0)
    assert np.allclose(api.data()["codes"], (codes - mean) / std, atol=2e-3)
    assert api.data()["kl"] is None
    assert {"like a 3", "more slant"} <= {a["name"] for a in api.data()["attributes"]}
    expected = model.decode(mg.tensor((mean + std * [1, -2]).astype(np.float32)[None])).numpy()
    got = np.frombuffer(api.decode({"z": [[1, -2]]}), np.uint8).astype(int)
    assert np.abs(got - np.rint(np.clip(expected, 0, 1).ravel() * 255)).max() <= 1
    answer = api.encode({"pixels": list(api.image({"index": 4}))})
    assert answer["mu"] == pytest.approx(api.shown.mu[4].tolist(), abs=1e-5)
    x = mg.tensor(images[4:5][0])
    assert answer["error"] == pytest.approx((model.reconstruct(x) - x).square().sum().item())
    assert list(answer) == ["mu", "error"]


def test_a_gan_of_captions(tmp_path):
    api = opened(save_text(tmp_path))
    example = api.model()["caption"]
    assert (api.model()["latent"], api.model()["encodes"]) == (32, False)
    z = np.random.default_rng(0).standard_normal((2, 32)).round(3)
    said = captions.encode([example] * 2), captions.encode(["a sad man"] * 2)
    with serving(api) as served:
        answers = []
        for words, text in zip(said, (example, "A sad man."), strict=True):
            images = api.generator.game.generate(
                mg.tensor(z, dtype=mg.float32), mg.tensor(words)
            ).numpy()
            levels = np.rint(np.clip((images + 1) / 2, 0, 1) * 255).astype(np.uint8)
            answer = ask(served, "/api/decode", {"z": z.tolist(), "label": text})
            assert answer.content == levels.transpose(0, 2, 3, 1).tobytes()
            answers.append(answer.content)
        assert answers[0] != answers[1]
        unknown = ask(served, "/api/decode", {"z": z.tolist(), "label": "a purple cow"})
        assert (unknown.status, "no word of a caption: cow" in unknown.error) == (400, True)
        for label in (None, 3, ["a man"], "a" * 201):
            answer = ask(served, "/api/decode", {"z": z.tolist(), "label": label})
            assert (answer.status, answer.error) == (
                400, "label must be a caption of at most 200 letters"
            )  # fmt: skip


def test_an_adversarial_autoencoders_z_are_codes(tmp_path):
    how = ["--adversarial", "--code", "3", "--limit", "20", "--epochs", "1"]
    assert autoencoder.main([*how, "--out", str(tmp_path)]) == 0
    api = opened(tmp_path)
    assert api.model()["latent"] == 3
    codes = api.generator.model.encode(mg.tensor(api.shown.images[:5][0])).numpy()
    assert np.allclose(api.data()["codes"][:5], codes, atol=2e-3)
    images = api.generator.model.decode(mg.tensor([[0.5, -1.0, 2.0]])).numpy()
    expected = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    assert api.decode({"z": [[0.5, -1, 2]]}) == expected.tobytes()


# ---- many at a time ------------------------------------------------------------------------------


def test_concurrent_requests_each_get_their_own_answer(served, api):
    zs = [[i / 10, -i / 7] for i in range(48)]
    expected = [api.decode({"z": [z]}) for z in zs]
    assert len(set(expected)) == len(zs)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda z: ask(served, "/api/decode", {"z": [z]}), zs))
    assert [answer.content for answer in answers] == expected
    assert mg.is_grad_enabled()


def test_the_readmes_picture_is_drawn_from_two_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("demos.common.pictures.FONT", 9)  # which is another there
    runs = save_vae(tmp_path / "many"), save_vae(tmp_path / "two", "--latent", "2")
    readme.main(*runs, tmp_path / "vae.png")
    height, width, _ = matplotlib.image.imread(tmp_path / "vae.png").shape
    assert 2.5 < width / height < 3


# ---- the data ------------------------------------------------------------------------------------


def test_without_the_data_there_are_no_test_images(tmp_path, monkeypatch):
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    api = opened(save_vae(tmp_path, "--dataset", "mnist", "--data-dir", str(tmp_path)))
    assert "mnist" in api.data()["note"]
    assert api.data()["count"] == 0
    assert len(api.decode({"z": [[0] * 20]})) == 784
    with serving(api) as served:
        assert "from 0 to below 0" in ask(served, "/api/image", {"index": 0}).error


def test_without_the_data_nobody_knows_where_an_autoencoders_codes_lie(tmp_path, monkeypatch):
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    how = ("--dataset", "mnist", "--data-dir", str(tmp_path))
    with pytest.raises(CommandError, match="only test images say where"):
        opened(save_autoencoder(tmp_path, *how))
    adversarial = opened(save_autoencoder(tmp_path / "other", *how, "--adversarial"))
    assert "mnist" in adversarial.data()["note"]


def test_real_data_from_another_folder(tmp_path, data_dir):
    folder = data_dir("mnist").parent
    api = opened(save_vae(tmp_path, "--dataset", "mnist", "--data-dir", "gone"), str(folder))
    assert api.data()["count"] == examples.COUNT


def test_shapes_and_classes_are_those_of_the_data():
    assert set(checkpoint.SHAPES) == set(checkpoint.CLASSES) == set(data.NAMES)
    for name in ("glyphs", "faces"):
        images = data.load(name, "test", limit=1)
        assert images.images.shape[1:] == checkpoint.SHAPES[name]
        assert images.classes == checkpoint.CLASSES[name]


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar-10", "binarized-mnist"])
def test_shapes_and_classes_are_those_of_the_real_data(name, data_dir):
    images = data.load(name, "test", data_dir=data_dir(name).parent, limit=1, download=False)
    assert images.images.shape[1:] == checkpoint.SHAPES[name]
    assert images.classes == checkpoint.CLASSES[name]

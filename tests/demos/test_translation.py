"""The program of translations on tiny runs: files, numbers, an exact continuation, captions."""

from pathlib import Path

import numpy as np
import pytest

from demos import translation
from models.cyclegan import CycleGAN
from models.text_to_image import TextGAN
from tests.demo_runs import contents, interrupted_at, summary

pytestmark = pytest.mark.slow

TINY = [
    *("--limit", "12", "--batch-size", "3", "--epochs", "1", "--width", "2"),
    *("--checkpoint-every", "1"),
]
FILES = [
    *("checkpoint.safetensors", "curves.png", "film.gif", "metrics.csv", "samples.png"),
    "samples/epoch-001.png",
]


def train(folder: Path, *argv: str) -> int:
    return translation.main([*TINY, "--out", str(folder), *argv])


def test_a_stopped_cyclegan_ends_with_the_same_bytes(tmp_path, capsys):
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    assert train(straight) == 0
    with interrupted_at(2, CycleGAN, "train_step"):
        assert train(stopped) == 130
    assert translation.main(["--resume", "--out", str(stopped)]) == 0
    assert contents(stopped) == contents(straight)
    assert sorted(contents(straight)) == FILES
    found = summary(straight)
    for name in ("test_forth", "test_back", "test_cycle"):
        assert 0 < found[name] < 1
    assert found["args"]["pairs"] == "negative"
    # And it draws no sentences.
    assert translation.main(["--out", str(straight), "--caption", "a man"]) == 2
    assert "--model is text, was cyclegan" in capsys.readouterr().err


def test_a_caption_trains_once_and_then_draws(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    said = ("--caption", "a smiling woman with glasses")
    assert translation.main([*TINY, *said]) == 0
    first = (tmp_path / "runs/translation/caption.png").read_bytes()
    monkeypatch.setattr(TextGAN, "train_step", lambda *_: pytest.fail("trained again"))
    assert translation.main(["--caption", "a serious man"]) == 0
    assert (tmp_path / "runs/translation/caption.png").read_bytes() != first
    assert "runs/translation/caption.png: a serious man" in capsys.readouterr().out
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == ["translation"]
    assert translation.main(["--caption", "a purring cat"]) == 2
    error = capsys.readouterr().err
    assert "no word of a caption: purring, cat; there are: a, man" in error
    assert error.count("\n") == 1


def test_each_model_has_what_is_usual_for_it():
    for model, usual in translation.USUAL.items():
        args = translation.parser(model).parse_args([])
        assert (args.model, args.epochs, args.batch_size) == (model, *usual[:2])
        assert (args.lr, args.width, args.dataset) == (*usual[2:], "faces")
    assert translation.parser("pix2pix").parse_args([]).pairs == "edges"


def test_edges_are_what_pix2pix_starts_from(tmp_path, monkeypatch):
    seen = []
    prepared = translation.Paired.prepared
    monkeypatch.setattr(
        translation.Paired,
        "prepared",
        lambda self, *batch: seen.append([x.shape for x in batch]) or prepared(self, *batch),
    )
    assert train(tmp_path, "--model", "pix2pix", "--limit", "3") == 0
    assert seen == [[(3, 1, 32, 32), (3, 3, 32, 32)]]
    assert sorted(contents(tmp_path)) == FILES
    assert 0 < summary(tmp_path)["test_noise"] < summary(tmp_path)["test_l1"] < 1


def test_glyphs_in_colours_and_weights(tmp_path, monkeypatch):
    losses = []
    step = CycleGAN.train_step
    monkeypatch.setattr(
        CycleGAN, "train_step", lambda self, *b: losses.append(step(self, *b)) or losses[-1]
    )
    argv = ("--limit", "6", "--dataset", "glyphs", "--pairs", "coloured", "--cycle", "0")
    assert train(tmp_path, *argv) == 0
    assert list(losses[0]) == ["g", "d"]
    assert all(np.isfinite(value.item()) for some in losses for value in some.values())


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--pairs", "coloured"), "'coloured': need grey images, got 3 colours"),
        (("--model", "text", "--dataset", "glyphs"), "glyphs/train (first 12 of 40,000) has no"),
        (("--model", "pix2pix", "--dataset", "glyphs"), "sides of (28, 28) are no multiples of 8"),
        (("--limit", "1"), "unpaired: needs two images or more, got 1"),
    ],
)
def test_data_that_do_not_fit_are_an_error_in_one_line(argv, said, tmp_path, capsys):
    assert train(tmp_path, *argv) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1

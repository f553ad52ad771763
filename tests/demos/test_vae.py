"""The VAE's program, end to end on tiny runs: files, numbers, SIGKILL, Ctrl-C, errors."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import minigrad as mg
from demos import vae
from demos.common import datasets, pictures
from minigrad import data
from minigrad.serialization import load
from models.model import Learner
from models.vae import conv_vae
from tests.demo_runs import ROOT, WRITING, contents, interrupted_at, run_and_kill, summary

pytestmark = pytest.mark.slow

# 50 images in batches of 16: the last batch of an epoch is one of 2.
TINY = [
    *("--limit", "50", "--batch-size", "16", "--epochs", "3", "--hidden", "8", "--latent", "3"),
    *("--checkpoint-every", "3", "--iwae-k", "4"),
]


def run(folder: Path, *argv: str) -> int:
    return vae.main([*TINY, "--out", str(folder), *argv])


def numbers(folder: Path) -> dict:
    """What summary.json says of the model."""
    return {k: v for k, v in summary(folder).items() if k not in ("seconds", "args")}


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("straight")
    assert run(folder) == 0
    return folder


# ---- what a run writes ---------------------------------------------------------------------------


def test_the_files_of_a_run(straight):
    assert sorted(contents(straight)) == [
        "checkpoint.safetensors",
        "curves.png",
        "film.gif",
        "metrics.csv",
        "reconstructions.png",
        "samples.png",
        *(f"samples/epoch-00{i}.png" for i in (1, 2, 3)),
        "traversal.png",
    ]


def test_the_summary(straight):
    found = summary(straight)
    assert list(found) == [
        *("test_nelbo", "test_rec", "test_kl", "test_iwae", "iwae_k"),
        *("seconds", "args", "version"),
    ]
    assert found["test_nelbo"] == pytest.approx(found["test_rec"] + found["test_kl"])
    assert found["test_iwae"] < found["test_nelbo"]  # a tighter bound: by 4 samples
    assert found["iwae_k"] == 4
    assert found["version"] == mg.__version__
    assert found["args"]["likelihood"] == "bernoulli"
    assert found["args"]["hidden"] == [8]
    assert 0 < found["seconds"] < 600


def test_the_metrics(straight):
    with (straight / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    for row in rows:
        for split in ("train", "test"):
            nelbo, rec, kl = (float(row[f"{split}_{name}"]) for name in ("nelbo", "rec", "kl"))
            assert nelbo == pytest.approx(rec + kl, rel=1e-5)
            assert 0 < kl < rec < 784
    assert float(rows[-1]["test_nelbo"]) == pytest.approx(summary(straight)["test_nelbo"], rel=1e-6)
    assert float(rows[2]["train_nelbo"]) < float(rows[0]["train_nelbo"])


def test_the_checkpoint_holds_weights_under_their_names(straight):
    saved = load(straight / "checkpoint.safetensors")
    assert saved["model"]["encoder.mu.weight"].shape == (3, 8)
    assert saved["args"]["latent"] == 3
    assert "out" not in saved["args"]
    assert saved["epoch"] == 3


def test_pictures_are_sharp(straight):
    """Every pixel of an image is a block of equal pixels, at its place."""
    image = matplotlib.image.imread(straight / "reconstructions.png")[..., :3]
    x, _ = data.load("glyphs", "test", limit=10)[:10]
    expected = np.rint(x[0, 0].repeat(2, 0).repeat(2, 1) * 255) / 255
    windows = np.lib.stride_tricks.sliding_window_view(image, expected.shape, axis=(0, 1))
    probe = (slice(None),) * 3 + (slice(None, None, 11),) * 2  # few pixels first: it is faster
    near = np.abs(windows[probe] - expected[::11, ::11]).max((2, 3, 4)) < 1e-3
    places = [at for at in np.argwhere(near) if np.allclose(windows[*at], expected, atol=1e-3)]
    assert len(places) == 1


def test_tiles():
    images = np.zeros((3, 1, 1, 2))
    images[2, 0, 0] = (2.0, np.nan)  # what leaves [0, 1] is clipped
    picture = pictures.tiles(images, columns=2, scale=1, gap=1)[..., 0]
    assert picture.tolist() == [
        [0, 0, 255, 0, 0],
        [255, 255, 255, 255, 255],
        [255, 0, 255, 255, 255],
    ]


def test_names_of_classes_that_lie_on_each_other_do_not():
    rng = np.random.default_rng(0)
    at = rng.standard_normal((900, 2)) + np.repeat([(0, 0), (0, 0), (9, 9)], 300, axis=0)
    labels = np.repeat([0, 1, 3], 300)
    places = pictures.places_of_names(at, labels, 5)
    assert list(places) == [0, 1, 3]
    for i in (0, 3):
        assert np.array_equal(places[i], np.median(at[labels == i], 0))
    assert places[1] in at[labels == 1]
    assert np.linalg.norm((places[1] - places[0]) / np.ptp(at, 0)) >= 0.06
    same = pictures.places_of_names(np.zeros((4, 2)), np.arange(4), 4)  # nowhere else to go
    assert all(np.array_equal(place, [0, 0]) for place in same.values())


def test_two_latents_have_a_manifold_and_a_map(tmp_path):
    assert run(tmp_path, "--latent", "2", "--epochs", "1", "--model", "conv") == 0
    assert {"manifold.png", "codes.png"} <= contents(tmp_path).keys()
    assert "traversal.png" not in contents(tmp_path)


def test_colour_images_have_a_gaussian_likelihood(tmp_path):
    assert run(tmp_path, "--dataset", "faces", "--epochs", "1", "--limit", "20") == 0
    assert summary(tmp_path)["args"]["likelihood"] == "gaussian"


def test_bytes_have_a_likelihood_in_bits_per_dimension(tmp_path):
    argv = ("--dataset", "faces", "--likelihood", "logistic", "--epochs", "2", "--limit", "20")
    assert run(tmp_path, *argv) == 0
    found = summary(tmp_path)
    expected = found["test_nelbo"] / (3 * 32 * 32) / np.log(2)
    assert found["test_bpd"] == pytest.approx(expected, rel=1e-6)
    assert 4 < found["test_bpd"] < 9  # that of bytes drawn evenly is 8
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0].endswith("test_bpd")


def test_burdas_network_and_objective(tmp_path):
    """Two hidden layers of tanh units, black and white pixels, the IWAE bound of 3 samples."""
    argv = ("--hidden", "9", "7", "--activation", "tanh", "--binarize", "--k", "3")
    assert run(tmp_path, *argv) == 0
    saved = load(tmp_path / "checkpoint.safetensors")
    assert saved["model"]["encoder.body.3.weight"].shape == (7, 9)
    assert saved["args"]["hidden"] == [9, 7]
    found = summary(tmp_path)
    assert found["test_nelbo"] == pytest.approx(found["test_rec"] + found["test_kl"])
    # It goes on only with the same arguments.
    assert vae.main(["--resume", "--out", str(tmp_path), "--hidden", "9", "--epochs", "4"]) == 2


def test_a_posterior_through_flows(tmp_path):
    """Begun for one epoch and gone on with, it ends as if it had never been stopped."""
    argv = ("--posterior", "iaf", "--flows", "2", "--limit", "20", "--epochs")
    assert run(tmp_path / "whole", *argv, "2") == 0
    assert run(tmp_path / "parts", *argv, "1") == 0
    assert vae.main(["--resume", "--out", str(tmp_path / "parts"), "--epochs", "2"]) == 0
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    assert "traversal.png" in contents(tmp_path / "whole")
    found = summary(tmp_path / "whole")
    assert found["test_nelbo"] == pytest.approx(found["test_rec"] + found["test_kl"])
    assert found["test_iwae"] < found["test_nelbo"]
    saved = load(tmp_path / "whole" / "checkpoint.safetensors")["model"]
    assert len({name.split(".")[3] for name in saved if "encoder.flow.flows." in name}) == 2


def test_pixels_are_drawn_anew_at_every_use(tmp_path, monkeypatch):
    seen = []

    def spy(learner, x):
        seen.append(x.numpy())
        return train_step(learner, x)

    train_step = Learner.train_step
    monkeypatch.setattr(Learner, "train_step", spy)
    argv = ("--binarize", "--limit", "1", "--epochs", "3", "--hidden", "4")
    assert run(tmp_path, *argv) == 0
    assert all(set(np.unique(x)) == {0.0, 1.0} for x in seen)
    assert not np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[1], seen[2])


def test_test_images_are_drawn_once():
    images = data.load("glyphs", "train", limit=30)
    drawn = datasets.binarized(images, 3)
    assert np.array_equal(drawn.images, datasets.binarized(images, 3).images)
    assert set(np.unique(drawn.images)) == {0, 255}
    grey = images.images / 255
    off = drawn.images / 255 - grey
    assert abs(off.mean()) < 4 * np.sqrt((grey * (1 - grey)).mean() / grey.size)


def test_one_image_is_enough(tmp_path):
    assert run(tmp_path, "--limit", "1", "--epochs", "1", "--batch-size", "500") == 0
    assert np.isfinite(list(summary(tmp_path).values())[:4]).all()


def test_another_seed_is_another_run(straight, tmp_path):
    assert run(tmp_path, "--seed", "1") == 0
    assert numbers(tmp_path) != numbers(straight)


def test_evaluation_and_samples_leave_training_as_it_was(tmp_path, straight, monkeypatch):
    """With other pictures, and none of the evaluation's noise, the same model comes out."""
    monkeypatch.setattr(vae, "evaluate", lambda *_: {"test_nelbo": 0, "test_rec": 0, "test_kl": 0})
    monkeypatch.setattr(vae, "SAMPLES", 3)
    assert run(tmp_path) == 0
    got, expected = (load(f / "checkpoint.safetensors") for f in (tmp_path, straight))
    assert np.array_equal(got["random"]["cpu"], expected["random"]["cpu"])
    for name, tensor in expected["model"].items():
        assert np.array_equal(got["model"][name].numpy(), tensor.numpy())


# ---- killed, stopped, resumed --------------------------------------------------------------------


def test_a_killed_run_ends_with_the_same_bytes(straight, tmp_path):
    """Killed early, then four times more in the worst places, then let be."""

    def kill(function: str, n: int, *argv: str) -> None:
        run_and_kill("demos.vae", function, n, *argv, "--out", str(tmp_path))

    kill("models.model.Learner.train_step", 3, *TINY)
    assert not (tmp_path / "metrics.csv").exists()
    kill("models.model.Learner.train_step", 7, "--resume")
    kill(WRITING, 3, "--resume")
    # The checkpoint is written, the table not.
    kill("demos.common.run.Run.write_table", 6, "--resume")
    kill("demos.vae.latents.save_traversal", 1, "--resume")
    done = subprocess.run(
        [sys.executable, "-m", "demos.vae", "--resume", "--out", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path) == contents(straight)
    assert numbers(tmp_path) == numbers(straight)


def test_ctrl_c_saves_and_says_how_to_go_on(straight, tmp_path, capsys):
    with interrupted_at(6, Learner, "train_step"):
        assert run(tmp_path) == 130
    said = capsys.readouterr().err
    assert "stopped in epoch 2, after batch 2 of 4; everything is saved" in said
    assert f"python -m demos.vae --resume --out {tmp_path}" in said
    assert vae.main(["--resume", "--out", str(tmp_path)]) == 0
    assert contents(tmp_path) == contents(straight)
    assert numbers(tmp_path) == numbers(straight)


def test_ctrl_c_while_evaluating_says_how_to_go_on(straight, tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(vae, "mean_iwae", interrupted)
        assert run(tmp_path) == 130
    assert "go on from the last checkpoint with" in capsys.readouterr().err
    assert vae.main(["--resume", "--out", str(tmp_path)]) == 0
    assert numbers(tmp_path) == numbers(straight)


# ---- errors: one message, status 2, no traceback -------------------------------------------------


def error_of(capsys, *argv: str) -> str:
    try:
        status = vae.main(list(argv))
    except SystemExit as stopped:  # argparse's own
        status = stopped.code
    assert status == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_a_folder_with_a_run_in_it_is_an_error(straight, capsys):
    said = error_of(capsys, "--out", str(straight))
    assert said == (
        f"python -m demos.vae: error: {straight} holds a run already: "
        "go on with --resume, or choose another --out\n"
    )


def test_resuming_with_other_arguments_is_an_error(straight, capsys):
    argv = ("--resume", "--out", str(straight), "--latent", "4", "--model", "mlp")
    said = error_of(capsys, *argv)
    assert "--latent is 4, was 3. Leave them out" in said


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    said = error_of(capsys, "--out", str(tmp_path / "file" / "run"))
    assert "error: cannot write to" in said
    assert said.count("\n") == 1


def test_missing_data_are_an_error_that_says_what_is_wanted(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    load_quietly = data.load
    monkeypatch.setattr(
        data, "load", lambda *args, **how: load_quietly(*args, **how, download=False)
    )
    argv = ("--dataset", "mnist", "--data-dir", str(tmp_path), "--out", str(tmp_path / "run"))
    said = error_of(capsys, *argv)
    assert "the files of mnist (train) were not found" in said
    assert "train-images-idx3-ubyte.gz" in said


def test_a_device_that_is_not_there_is_an_error(tmp_path, capsys, monkeypatch):
    def unavailable(name):
        raise RuntimeError("cuda: no CUDA device was found")

    monkeypatch.setattr(mg, "device", unavailable)
    said = error_of(capsys, "--device", "cuda", "--out", str(tmp_path))
    assert said == "python -m demos.vae: error: --device cuda: no CUDA device was found\n"


def test_an_unknown_device_is_an_error(tmp_path, capsys):
    assert "invalid choice: 'tpu'" in error_of(capsys, "--device", "tpu", "--out", str(tmp_path))


def test_a_diverging_run_is_an_error(tmp_path, capsys):
    with np.errstate(all="ignore"):
        argv = ("--out", str(tmp_path), *TINY, "--lr", "1e30")
        said = error_of(capsys, *argv)
    assert "in epoch" in said and "a smaller --lr usually helps" in said


def test_images_that_a_model_cannot_take_are_an_error(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(vae, "conv_vae", lambda shape, *args, **how: conv_vae((1, 30, 30)))
    said = error_of(capsys, *TINY, "--model", "conv", "--out", str(tmp_path))
    assert "needs height and width in multiples of 4" in said


def test_arguments_that_do_not_go_together_are_an_error(tmp_path, capsys):
    out = ("--out", str(tmp_path))
    said = error_of(capsys, *TINY, *out, "--dataset", "faces", "--binarize")
    assert "--binarize goes with --likelihood bernoulli, not gaussian" in said
    said = error_of(capsys, *TINY, *out, "--model", "conv", "--hidden", "8", "9")
    assert "--model conv has one hidden layer, got --hidden 8 9" in said
    said = error_of(capsys, *TINY, *out, "--k", "5", "--beta", "2")
    assert "k must be at least 1, and 1 with a beta; got 5, beta 2.0" in said


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as stopped:
        vae.main(["--help"])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    names = (
        "dataset data-dir model latent beta likelihood epochs batch-size lr device seed out "
        "resume limit no-verify iwae-k hidden activation binarize k posterior flows"
    )
    for name in names.split():
        assert f"--{name}" in said


# ---- the real data -------------------------------------------------------------------------------


def test_mnist_can_be_learned_from(data_dir, tmp_path):
    folder = data_dir("mnist").parent
    argv = ("--dataset", "mnist", "--data-dir", str(folder), "--limit", "2000", "--hidden", "64")
    assert run(tmp_path, *argv, "--epochs", "4", "--lr", "3e-3") == 0
    # Bernoulli marginals of the pixels have 206 nats.
    assert summary(tmp_path)["test_nelbo"] < 195

"""The explorer's command line, and the runs that it can and cannot open."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from demos import autoencoder, dcgan, gan, translation, vae
from demos.common.run import CommandError
from demos.common.training import Trainer
from demos.explore import __main__ as explore
from demos.explore.opening import opened
from demos.explore.server import Server

pytestmark = pytest.mark.slow


ROOT = Path(__file__).resolve().parents[2]


def error_of(capsys, *argv: object) -> str:
    assert explore.main([str(argument) for argument in argv]) == 2
    said = capsys.readouterr().err
    assert said.startswith("python -m demos.explore: error: ")
    assert said.count("\n") == 1
    return said


def test_no_checkpoint_is_an_error(tmp_path, capsys):
    assert "there is no file" in error_of(capsys, tmp_path / "nothing")
    assert "there is no file" in error_of(capsys, tmp_path)


def test_another_file_is_an_error(tmp_path, run, capsys):
    whole = (run / "checkpoint.safetensors").read_bytes()
    for content in (b"", b"text", whole[:500], whole[:-1]):
        (tmp_path / "checkpoint.safetensors").write_bytes(content)
        assert "is damaged, or no safetensors file" in error_of(capsys, tmp_path)


def test_another_checkpoint_is_an_error(tmp_path, capsys):
    path = tmp_path / "checkpoint.safetensors"
    for other in ({"weight": mg.ones(3)}, {"args": {}, "model": {}}, {"args": 3, "gan": {}}):
        mg.save(other, path)
        assert "is no checkpoint of vae, gan, " in error_of(capsys, path)


def test_a_run_of_another_program_is_an_error(tmp_path, capsys):
    mg.save({"program": "paint", "args": {}}, tmp_path / "c.safetensors")
    assert error_of(capsys, tmp_path / "c.safetensors").endswith(", but of demos.paint\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden": [9]}, "encoder.body.1.weight"),
        ({"hidden": "wide"}, "does not fit the program that wrote it"),
        ({"latent": 0}, "does not fit the program that wrote it"),
        ({"dataset": "somebody's"}, "somebody's"),
        ({"model": "conv"}, "entries do not fit"),
        ({"likelihood": "none"}, "unknown likelihood 'none'"),
        ({"posterior": "iaf"}, "a VAE with --posterior iaf cannot be explored"),
    ],
)
def test_a_checkpoint_that_does_not_fit_its_arguments(tmp_path, run, capsys, change, said):
    saved = mg.load(run / "checkpoint.safetensors")
    mg.save({**saved, "args": {**saved["args"], **change}}, tmp_path / "checkpoint.safetensors")
    assert said in error_of(capsys, tmp_path)


def test_a_gan_of_points_is_an_error(tmp_path, capsys):
    mg.save({"args": {"toy": "ring"}, "gan": {}}, tmp_path / "checkpoint.safetensors")
    assert "a GAN of points (--toy ring) has no images to explore" in error_of(capsys, tmp_path)


def test_a_port_in_use_is_an_error(served, run, capsys):
    said = error_of(capsys, run, "--port", served.server_port)
    assert f"port {served.server_port} of 127.0.0.1: it is in use. Choose another" in said


@pytest.mark.parametrize("text", ["-1", "65536", "x", "1.5", ""])
def test_what_is_no_port(text, run, capsys):
    with pytest.raises(SystemExit) as stopped:
        explore.main([str(run), f"--port={text}"])
    assert stopped.value.code == 2
    assert "is not a number from 0 to 65535" in capsys.readouterr().err


def test_it_listens_on_this_machine_alone(served):
    assert served.socket.getsockname()[0] == "127.0.0.1"
    assert served.url == f"http://127.0.0.1:{served.server_port}/"
    with pytest.raises(CommandError, match="cannot serve on port"):
        Server(served.api, served.server_port)


def test_measuring_says_how_many_pictures_a_second(run, capsys, monkeypatch):
    monkeypatch.setattr(explore, "MEASURED", 0.05)
    assert explore.main([str(run), "--measure"]) == 0
    found = re.fullmatch(r"(\d+) pictures a second over HTTP, .*\n", capsys.readouterr().out)
    assert int(found[1]) > 0


def test_ctrl_c_ends_it(run):
    process = subprocess.Popen(
        [sys.executable, "-m", "demos.explore", str(run), "--port", "0"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        found = re.search(r"open http://127\.0\.0\.1:(\d+)/ \(Ctrl-C ends it\)", line)
        assert found, line or process.stderr.read()
        port = int(found[1])
        with socket.create_connection(("127.0.0.1", port)):  # a browser that stays connected
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert errors == "\nstopped\n"


@pytest.mark.parametrize(
    ("program", "argv"),
    [
        (vae, ["--model", "conv", "--hidden", "8", "--latent", "4"]),
        (gan, ["--hidden", "8", "--noise", "4"]),
        (dcgan, ["--width", "2", "--noise", "4", "--conditional", "--size", "32"]),
        (autoencoder, ["--code", "4"]),
        (translation, ["--model", "text", "--width", "2"]),
    ],
    ids=["vae", "gan", "dcgan", "autoencoder", "text"],
)
def test_what_the_programs_write_can_be_explored(program, argv, tmp_path, monkeypatch):
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_train_epoch", stopped)  # the first checkpoint is written by then
    assert program.main([*argv, "--limit", "20", "--batch-size", "10", "--out", str(tmp_path)]) > 0
    api = opened(tmp_path)
    label = {"label": 3} if "--conditional" in argv else {"label": api.generator.caption or None}
    z = [[0.0] * api.generator.latent]
    assert len(api.decode({"z": z, **label})) == np.prod(api.generator.shape)

"""Checkpoints written by earlier versions still load: what is in one has the names of then.

The names were read off checkpoints of the version before models/model.py, in which each program had
an --experiment, which went into the checkpoint's arguments.
"""

from importlib import import_module

import pytest

from minigrad import Tensor
from minigrad.serialization import load, save

pytestmark = pytest.mark.slow

HARNESS = {"args", "version", "epoch", "rows", "means", "loader", "random"}
MLP = {"layers.0", "layers.2", "layers.4", "layers.6"}
# By program: what follows the data's arguments, and the modules in each network's state.
BEFORE = {
    "vae": (
        ("--hidden", "8", "--latent", "3", "--iwae-k", "2"),
        {"model": {"encoder.body.1", "encoder.mu", "encoder.logvar", "decoder.0", "decoder.2"}},
        {"optimizer"},
    ),
    "autoencoder": (
        (),
        {
            "model": {
                *("encoder.body.1", "encoder.body.3", "encoder.code"),
                *("decoder.0", "decoder.2", "decoder.4"),
            }
        },
        {"optimizer"},
    ),
    "gan": (
        ("--hidden", "8"),
        {"generator": MLP, "discriminator": MLP, "average": MLP},
        {"g_optimizer", "d_optimizer"},
    ),
    "dcgan": (
        ("--width", "2"),
        {
            "generator": (layers := {f"layers.{i}" for i in (1, 2, 4, 5, 7, 8, 10)}),
            "discriminator": {*(f"features.{i}" for i in (0, 2, 3, 5, 6)), "score"},
            "average": layers,
        },
        {"g_optimizer", "d_optimizer"},
    ),
}


@pytest.mark.parametrize("program", BEFORE)
def test_a_run_of_an_earlier_version_goes_on(program, tmp_path):
    argv, networks, optimizers = BEFORE[program]
    main = import_module(f"demos.{program}").main
    out = ("--out", str(tmp_path))
    assert main(["--limit", "20", "--batch-size", "10", "--epochs", "1", *argv, *out]) == 0
    path = tmp_path / "checkpoint.safetensors"
    saved = load(path)
    assert saved.pop("program") == program  # of now
    state = saved
    if "gan" in program:
        assert set(saved) == {*HARNESS, "gan"}
        state = saved["gan"]
    assert set(state) - HARNESS == {*networks, *optimizers}
    for name in optimizers:
        assert set(state[name]) == {"state", "param_groups"}
        assert set(state[name]["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    for name, modules in networks.items():
        tensors = state[name]["module"] if name == "average" else state[name]
        assert {tensor.rpartition(".")[0] for tensor in tensors} == modules
        assert all(isinstance(tensor, Tensor) for tensor in tensors.values())
    assert "steps" in state.get("average", {"steps": 0})

    saved["args"]["experiment"] = None
    save(saved, path)
    assert main(["--resume", "--epochs", "2", *out]) == 0
    resumed = load(path)
    assert resumed["epoch"] == 2
    assert "experiment" not in resumed["args"]

"""A run's folder: what in it is refused, and what is written to it."""

import json
import re

import numpy as np
import pytest

import minigrad as mg
from demos.common.run import CommandError, Run
from demos.common.training import Trainer
from minigrad import nn
from minigrad.data import DataLoader, TensorDataset
from tests.demos.test_training import Game


def test_a_checkpoint_of_another_program_is_an_error(tmp_path):
    Game(tmp_path, epochs=1).fit()
    run = Run(tmp_path, resume=True)
    loader = DataLoader(TensorDataset(np.zeros(3, np.float32)))
    with pytest.raises(CommandError, match=r"does not fit this program: 'other'"):
        Trainer(run, loader, {"other": nn.Linear(2, 2)}, {}, epochs=1)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("epoch", "1", "'epoch' is '1', and should be of type int"),
        ("epoch", True, "'epoch' is True, and should be of type int"),
        ("rows", {"a": 1}, "'rows' is {'a': 1}, and should be of type list"),
        ("first", [1, 2], "does not fit this program"),
        ("adam", 3, "does not fit this program"),
        ("means", None, "does not fit this program"),
        ("loader", {"batches": "x"}, "does not fit this program"),
        ("random", {"cpu": "x"}, "does not fit this program"),
        ("random", {"tpu": [1]}, "does not fit this program"),
    ],
)
def test_a_field_of_another_type_is_an_error_of_one_line(tmp_path, field, value, message):
    Game(tmp_path, epochs=1).fit()
    file = tmp_path / Run.CHECKPOINT
    mg.save({**mg.load(file), field: value}, file)
    with pytest.raises(CommandError, match=re.escape(message)) as error:
        Game(tmp_path, resume=True)
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


def test_a_damaged_checkpoint_is_an_error_that_names_it(tmp_path):
    Game(tmp_path, epochs=1).fit()
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CommandError, match=r"checkpoint\.safetensors is damaged"):
        Run(tmp_path, resume=True)


def test_another_programs_checkpoint_is_an_error(tmp_path):
    from minigrad.serialization import save

    save({"weight": mg.ones(2)}, tmp_path / "checkpoint.safetensors")
    with pytest.raises(CommandError, match=r"checkpoint\.safetensors is no checkpoint of a run"):
        Run(tmp_path, resume=True)


def test_a_summary_is_json_whatever_was_measured(tmp_path):
    Run(tmp_path).write_summary({"kl": float("inf"), "nelbo": float("nan"), "n": 3, "x": 0.1})
    text = (tmp_path / "summary.json").read_text()
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert found == {"kl": None, "nelbo": None, "n": 3, "x": 0.1}


def test_a_file_where_the_folder_should_be_is_an_error(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(CommandError, match=r"cannot write to .*taken"):
        Run(tmp_path / "taken")

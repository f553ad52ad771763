"""What all experiments share: kept results, files, the command line."""

import json
import math
import os
import signal

import numpy as np
import pytest
from matplotlib.figure import Figure

from demos.common.kept import Setting
from demos.common.run import CommandError, Run
from demos.common.seeds import mean_and_spread
from demos.common.store import measured, write_json
from demos.common.training import Stopped
from demos.experiments import __main__ as everything
from demos.experiments import k_steps, tables
from demos.experiments.finding import Finding
from demos.experiments.vaes import VAERecipe

pytestmark = pytest.mark.slow


def test_results_are_kept_and_not_made_again(tmp_path):
    file = tmp_path / "runs.json"
    arguments = {"a": {"x": 2}, "b": {"x": 3}}
    made = []

    def square(x: int) -> dict[str, float]:
        made.append(x)
        if x == 3 and len(made) == 2:
            raise KeyboardInterrupt
        return {"square": x * x}

    with pytest.raises(KeyboardInterrupt):
        measured(file, square, arguments, jobs=1)
    found = measured(file, square, arguments, jobs=1)
    assert {name: numbers["square"] for name, numbers in found.items()} == {"a": 4, "b": 9}
    assert all(numbers["core seconds"] >= 0 for numbers in found.values())
    assert made == [2, 3, 3]
    changed = measured(file, square, {**arguments, "a": {"x": 5}}, jobs=1)
    assert changed["a"]["square"] == 25


def test_each_device_and_length_keeps_its_own(tmp_path):
    usual = Setting(0, tmp_path)
    others = [usual, usual._replace(longer=2.5), usual._replace(device="cuda")]
    assert [setting.runs("a").name for setting in others] == [
        "a-runs.json", "a-longer2.5-runs.json", "a-cuda-runs.json",
    ]  # fmt: skip
    recipes = [setting.recipe(VAERecipe, epochs=2) for setting in others]
    assert [recipe.epochs for recipe in recipes] == [2, 5, 2]
    networks = [s.network(recipe).name for s, recipe in zip(others, recipes, strict=True)]
    assert networks == ["vae-glyphs-epochs2-seed0", "vae-glyphs-epochs5-seed0",
                        "vae-glyphs-epochs2-seed0-cuda"]  # fmt: skip
    assert usual._replace(longer=0.01).times(20) == 1


def test_arrays_are_kept_beside_the_numbers(tmp_path):
    file, arguments = tmp_path / "runs.json", {"a": {"n": 2}, "b": {"n": 3}}
    play = lambda n: {"n": n, "squares": np.arange(n, dtype=np.float32) ** 2}
    first = measured(file, play, arguments, jobs=1)
    again = measured(file, None, arguments, jobs=1)
    for name, found in first.items():
        np.testing.assert_array_equal(again[name]["squares"], found["squares"])
        assert again[name]["n"] == found["n"]
    assert json.loads(file.read_text())["b"]["numbers"].keys() == {"n", "core seconds"}
    # A table whose arrays are gone is made anew.
    file.with_suffix(".safetensors").unlink()
    with pytest.raises(TypeError):
        measured(file, None, arguments, jobs=1)


def test_processes_compute_with_one_thread_and_give_the_same(tmp_path):
    arguments = {str(seed): {"k": 1, "seed": seed, "updates": 2, "rules": {}} for seed in (0, 1)}
    before = dict(os.environ)
    together = measured(tmp_path / "two.json", k_steps.play, arguments, jobs=2)
    alone = measured(tmp_path / "one.json", k_steps.play, arguments, jobs=1)
    for numbers in (*together.values(), *alone.values()):
        del numbers["core seconds"]
    assert together == alone
    assert dict(os.environ) == before


def test_mean_and_spread():
    found = mean_and_spread([1.0, 2.0, 6.0])
    assert found == {"mean": 3.0, "std": pytest.approx(math.sqrt(7))}
    assert mean_and_spread([2.0])["std"] == 0


# ---- the command line ----------------------------------------------------------------------------


def some(found):
    def experiment(setting):
        found.append(setting)
        return Finding("claim", "result", "beside", {"x": 1.0, "none": math.inf}, {}, Figure())

    return experiment


@pytest.fixture
def there_are(monkeypatch):
    """Sets what experiments there are."""

    def there_are(**experiments):
        some = {name: everything.Entry("some", run) for name, run in experiments.items()}
        monkeypatch.setattr(everything, "entries", lambda: some)

    return there_are


@pytest.fixture
def two(there_are):
    found = []
    there_are(a=some(found), b=some(found))
    return found


def test_a_folder_that_cannot_be_written_to(two, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert everything.main(["a", "--out", str(tmp_path / "file" / "below")]) == 2
    assert "cannot write to" in capsys.readouterr().err


def test_the_list_fits_the_terminal_and_says_what_each_costs(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")
    assert everything.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) < 90
    words = {
        line.split()[0]: line.split() for line in lines if line.startswith("  ") and line[2] != " "
    }
    assert set(words) == set(everything.entries())
    assert [name for name, found in words.items() if "quick" in found] == [*everything.QUICK]
    assert words["dcgan"][2] == "min+" and words["modes"][2] == "min"


def test_a_result_that_cannot_be_is_said_and_kept(there_are, tmp_path, capsys):
    def experiment(setting):
        holds = {"a bound is below": False, "sums are 1": True, "it is finite": False}
        return Finding("claim", "result", "beside", {}, {}, Figure(), holds)

    there_are(a=experiment, b=some([]))
    assert everything.main(["all", "--out", str(tmp_path)]) == 2
    said = "a: THE RESULT IS WRONG: it does not hold that a bound is below, nor that it is finite"
    assert said in capsys.readouterr().err
    assert json.loads((tmp_path / "a.json").read_text())["invariants"]["sums are 1"] is True
    assert (tmp_path / "b.json").exists()


def test_experiments_are_found_by_their_names(two, tmp_path):
    argv = ("all", "--seed", "3", "--out", str(tmp_path))
    assert everything.main([*argv, "--dataset", "faces"]) == 0
    assert [(s.seed, s.dataset) for s in two] == [(3, "faces")] * 2
    written = json.loads((tmp_path / "b.json").read_text())
    assert written["numbers"] == {"x": 1.0, "none": None}
    assert written["command"] == "python -m demos.experiments b --dataset faces --seed 3"
    assert everything.main(["b", "--out", str(tmp_path)]) == 0
    assert (two[-1].seed, two[-1].dataset) == (0, None)


def test_seeds_are_for_experiments_of_several(there_are, tmp_path, capsys):
    found = []

    def several(setting, *, seeds=2):
        found.append(seeds)
        return Finding("claim", "result", "beside", {}, {}, Figure())

    there_are(a=several, b=some([]))
    out = ("--out", str(tmp_path))
    assert everything.main(["a", *out]) == 0
    assert everything.main(["all", "--seeds", "5", *out]) == 2
    assert everything.main(["a", "--seeds", "5", *out]) == 0  # is done
    assert found == [2, 5]
    assert "b: --seeds: it has one training of each kind" in capsys.readouterr().err
    written = json.loads((tmp_path / "a.json").read_text())
    assert written["command"] == "python -m demos.experiments a --seed 0 --seeds 5"


def test_data_that_cannot_be_read_stop_one_experiment_only(there_are, tmp_path, capsys):
    found = []

    def without_data(setting):
        raise CommandError("no data")

    there_are(one=without_data, two=some(found))
    assert everything.main(["all", "--out", str(tmp_path)]) == 2
    assert len(found) == 1
    assert "one: no data" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(there_are, tmp_path, capsys):
    def stopped(setting):
        raise KeyboardInterrupt

    there_are(one=stopped)
    assert everything.main(["one", "--out", str(tmp_path)]) == 130
    assert "same command goes on" in capsys.readouterr().err


def test_a_training_that_a_signal_stopped_is_told_in_a_line(there_are, tmp_path, capsys):
    def stopped(setting):
        raise Stopped("stopped in epoch 2; everything is saved", signal.SIGTERM)

    there_are(one=stopped)
    assert everything.main(["one", "--out", str(tmp_path)]) == 128 + signal.SIGTERM
    said = "stopped in epoch 2; everything is saved; the same command goes on from there\n"
    assert capsys.readouterr().err == said


def test_what_is_done_is_not_done_again(two, tmp_path, capsys):
    out = ("--out", str(tmp_path))
    assert everything.main(["a", *out]) == 0
    assert everything.main(["all", *out]) == 0
    assert len(two) == 2
    assert "a is done" in capsys.readouterr().out
    assert everything.main(["all", "--seed", "1", *out]) == 0
    assert everything.main(["a", "--seed", "1", "--dataset", "faces", *out]) == 0
    assert [(s.seed, s.dataset) for s in two[2:]] == [(1, None)] * 2 + [(1, "faces")]


def test_what_was_done_by_a_program_is_done(two, tmp_path, capsys):
    out = ("--out", str(tmp_path))
    everything.main(["a", *out])
    path = tmp_path / "a.json"
    found = json.loads(path.read_text())
    write_json(path, {**found, "command": "python -m demos.gan --experiment a --seed 0"})
    assert everything.main(["a", *out]) == 0
    assert len(two) == 1
    everything.main(["--table", *out])
    assert "`python -m demos.experiments a --seed 0`" in capsys.readouterr().out


def test_the_table_has_a_row_for_each_result(two, tmp_path, capsys):
    out = ("--out", str(tmp_path))
    assert everything.main(["--table", *out]) == 2
    assert "has no results" in capsys.readouterr().err
    everything.main(["b", *out])
    capsys.readouterr()
    Run(tmp_path / "net", resume=True).write_table(
        "times.csv",
        [{"epoch": 0, "batch": 5, "seconds": 2.0}, {"epoch": 1, "batch": 0, "seconds": 3.14}],
    )
    runs = {name: {"numbers": {"core seconds": took}} for name, took in (("a", 1000), ("b", 0.7))}
    write_json(tmp_path / "b-runs.json", runs)
    assert everything.main(["--table", *out]) == 0
    _, _, row, _, _, _, *kept = capsys.readouterr().out.splitlines()
    assert kept == ["| `net` | 1 epochs | 3 |", "| `b-runs.json` | 2 runs | 1,001 of one core |"]
    command = "`python -m demos.experiments b --seed 0`"
    assert row == f"| claim | result | beside | {command} | 0; its runs 1,001 of one core |"


def test_what_was_measured_over_seeds_has_a_table():
    row = {"modes": {"mean": 7.6, "std": 0.54772}, "kl": None, "each seed": [8, 8, 7]}
    found = {"experiment": "modes", "numbers": {"tables": {"ring": {"first": row, "none": {}}}}}
    assert tables.spreads(found) == [
        "| modes: ring | modes |\n| --- | --- |\n| first | 7.6 ± 0.55 |\n| none |  |"
    ]
    assert tables.spreads({"numbers": {}}) == []


def test_a_name_that_is_none(two, capsys):
    assert everything.main(["c"]) == 2
    assert "no experiment 'c'; there are a, b" in capsys.readouterr().err

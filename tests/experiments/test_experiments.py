"""What all experiments share: kept results, files, the command line."""

import json
import math
import os
from argparse import ArgumentParser

import pytest
from matplotlib.figure import Figure

from demos import cli
from demos.experiments import __main__ as everything
from demos.experiments import k_steps, runs, tables
from demos.experiments.finding import Finding, write_json
from demos.run import CommandError, Run

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
        runs.measured(file, square, arguments, jobs=1)
    found = runs.measured(file, square, arguments, jobs=1)
    assert {name: numbers["square"] for name, numbers in found.items()} == {"a": 4, "b": 9}
    assert all(numbers["core seconds"] >= 0 for numbers in found.values())
    assert made == [2, 3, 3]
    changed = runs.measured(file, square, {**arguments, "a": {"x": 5}}, jobs=1)
    assert changed["a"]["square"] == 25


def test_processes_compute_with_one_thread_and_give_the_same(tmp_path):
    arguments = {str(seed): {"k": 1, "seed": seed, "updates": 2, "rules": {}} for seed in (0, 1)}
    before = dict(os.environ)
    together = runs.measured(tmp_path / "two.json", k_steps.play, arguments, jobs=2)
    alone = runs.measured(tmp_path / "one.json", k_steps.play, arguments, jobs=1)
    for numbers in (*together.values(), *alone.values()):
        del numbers["core seconds"]
    assert together == alone
    assert dict(os.environ) == before


def test_mean_and_spread():
    found = runs.mean_and_spread([1.0, 2.0, 6.0])
    assert found == {"mean": 3.0, "std": pytest.approx(math.sqrt(7))}
    assert runs.mean_and_spread([2.0])["std"] == 0


# ---- the command line ----------------------------------------------------------------------------


def command(experiments, *argv):
    parser = ArgumentParser("python -m demos.some")
    cli.common_arguments(parser, epochs=1, batch_size=1, lr=1.0)
    cli.experiment_argument(parser, experiments)
    return cli.main(parser, lambda args, run: None, argv, experiments=experiments)


def some(found):
    def experiment(setting):
        found.append(setting)
        return Finding("claim", "result", "beside", {"x": 1.0, "none": math.inf}, {}, Figure())

    return experiment


def test_a_folder_that_cannot_be_written_to(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "file" / "below")
    assert command({"one": some([])}, "--experiment", "one", "--out", out) == 2
    assert "cannot write to" in capsys.readouterr().err


def test_experiments_are_found_by_their_names(tmp_path):
    found = []
    experiments = {"one": some(found), "two": some(found)}
    argv = ("--experiment", "all", "--seed", "3", "--out", str(tmp_path))
    assert command(experiments, *argv, "--dataset", "faces") == 0
    assert [(s.seed, s.dataset) for s in found] == [(3, "faces")] * 2
    written = json.loads((tmp_path / "two.json").read_text())
    assert written["numbers"] == {"x": 1.0, "none": None}
    assert written["command"] == "python -m demos.some --experiment two --dataset faces --seed 3"
    assert command(experiments, "--experiment", "two", "--out", str(tmp_path)) == 0
    assert (found[-1].seed, found[-1].dataset) == (0, None)


def test_what_an_experiment_does_not_read_is_refused(tmp_path, capsys):
    argv = ("--experiment", "one", "--epochs", "3", "--out", str(tmp_path))
    assert command({"one": some([])}, *argv) == 2
    assert "--experiment goes without --epochs" in capsys.readouterr().err


def test_data_that_cannot_be_read_stop_one_experiment_only(tmp_path, capsys):
    found = []

    def without_data(setting):
        raise CommandError("no data")

    experiments = {"one": without_data, "two": some(found)}
    assert command(experiments, "--experiment", "all", "--out", str(tmp_path)) == 2
    assert len(found) == 1
    assert "one: no data" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(tmp_path, capsys):
    def stopped(setting):
        raise KeyboardInterrupt

    assert command({"one": stopped}, "--experiment", "one", "--out", str(tmp_path)) == 130
    assert "same command goes on" in capsys.readouterr().err


# ---- all of them ---------------------------------------------------------------------------------


@pytest.fixture
def two_programs(monkeypatch):
    found = []
    experiments = {name: everything.Entry("python -m demos.some", some(found)) for name in "ab"}
    monkeypatch.setattr(everything, "entries", lambda: experiments)
    return found


def test_what_is_done_is_not_done_again(two_programs, tmp_path, capsys):
    out = ("--out", str(tmp_path))
    assert everything.main(["a", *out]) == 0
    assert everything.main(["all", *out]) == 0
    assert len(two_programs) == 2
    assert "a is done" in capsys.readouterr().out
    assert everything.main(["all", "--seed", "1", *out]) == 0
    assert everything.main(["a", "--seed", "1", "--dataset", "faces", *out]) == 0
    assert [(s.seed, s.dataset) for s in two_programs[2:]] == [(1, None)] * 2 + [(1, "faces")]


def test_the_table_has_a_row_for_each_result(two_programs, tmp_path, capsys):
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
    command = "`python -m demos.some --experiment b --seed 0`"
    assert row == f"| claim | result | beside | {command} | 0; its runs 1,001 of one core |"


def test_what_was_measured_over_seeds_has_a_table():
    row = {"modes": {"mean": 7.6, "std": 0.54772}, "kl": None, "each seed": [8, 8, 7]}
    found = {"experiment": "modes", "numbers": {"tables": {"ring": {"first": row, "none": {}}}}}
    assert tables.spreads(found) == [
        "| modes: ring | modes |\n| --- | --- |\n| first | 7.6 ± 0.55 |\n| none |  |"
    ]
    assert tables.spreads({"numbers": {}}) == []


def test_a_name_that_is_none(two_programs, capsys):
    assert everything.main(["c"]) == 2
    assert "no experiment 'c'; there are a, b" in capsys.readouterr().err

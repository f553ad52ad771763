"""Arguments of the programs: kept, compared when a run goes on, refused."""

import argparse
import errno
import os
import signal
import subprocess
import sys

import pytest

import minigrad as mg
from demos.common import cli
from demos.common.run import CommandError, Run, one_writer
from tests.data.test_real import write_mnist
from tests.demo_runs import ROOT


def demo_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m demos.game")
    cli.common_arguments(parser, epochs=3, batch_size=4, lr=0.01)
    return parser


def begin(tmp_path, *argv: str) -> argparse.Namespace:
    args, run = cli.arguments(demo_parser(), ["--out", str(tmp_path), *argv], cli.FREE)
    if run.checkpoint is None:
        run.save({"args": cli.saved_arguments(args)})
    return args


def test_a_continued_run_keeps_its_arguments(tmp_path):
    begin(tmp_path, "--lr", "0.5", "--epochs", "7", "--limit", "9", "--data-dir", "there")
    args = begin(tmp_path, "--resume", "--epochs", "8", "--lr", "0.5")
    assert (args.lr, args.epochs, args.limit, args.data_dir) == (0.5, 8, 9, "there")
    assert (args.batch_size, args.resume, args.out) == (4, True, str(tmp_path))


def test_resuming_with_other_arguments_is_an_error_that_names_them(tmp_path):
    begin(tmp_path, "--lr", "0.5")
    with pytest.raises(CommandError) as error:
        begin(tmp_path, "--resume", "--lr", "0.25", "--batch-size", "4", "--seed", "3")
    assert "--lr is 0.25, was 0.5; --seed is 3, was 0. Leave them out" in str(error.value)
    assert "batch" not in str(error.value)


def test_resume_where_there_is_nothing_begins(tmp_path):
    assert begin(tmp_path / "new", "--resume").epochs == 3


def test_a_run_that_was_killed_before_its_first_checkpoint_keeps_its_arguments(tmp_path):
    def killed(args, run):
        raise KeyboardInterrupt  # while data are read, say

    out = ["--out", str(tmp_path)]
    cli.main(demo_parser(), killed, ["--lr", "0.5", "--limit", "9", *out])
    args, run = cli.arguments(demo_parser(), ["--resume", "--limit", "8", *out], cli.FREE)
    assert run.checkpoint is None
    assert (args.lr, args.limit) == (0.5, 8)  # nothing was done yet that is of 9 images
    run.save({"args": cli.saved_arguments(args)})
    assert begin(tmp_path, "--resume").limit == 8
    assert [path.name for path in tmp_path.iterdir()] == [Run.CHECKPOINT]


def test_a_program_without_its_extras_says_in_a_line_what_to_install():
    script = "import sys; sys.modules['matplotlib'] = sys.modules['PIL'] = None; import demos.vae"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    said = "the demos need matplotlib, pillow besides: pip install '.[demos]'"
    assert done.stderr == f"{said}\n"


def test_the_default_folder_is_the_next_free_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for expected in ("runs/game", "runs/game-2", "runs/game-3"):
        args, run = cli.arguments(demo_parser(), [], cli.FREE)
        assert args.out == expected
        run.save({"args": {}})
    args, run = cli.arguments(demo_parser(), ["--resume"], cli.FREE)
    assert args.out == "runs/game-3"
    assert run.checkpoint is not None


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [("program", "vae", "vae of minigrad"), ("version", "9.9", "game of minigrad 9.9")],
)
def test_a_checkpoint_of_another_program_or_version_is_refused(tmp_path, field, value, named):
    args = begin(tmp_path)
    file = tmp_path / Run.CHECKPOINT
    mg.save({**mg.load(file), field: value}, file)
    here = f"not game of minigrad {mg.__version__}"
    with pytest.raises(CommandError, match=rf"{file} was written by {named}.*, {here}"):
        begin(tmp_path, "--resume")
    mg.save({"args": cli.saved_arguments(args)}, file)  # as before programs wrote who they are
    begin(tmp_path, "--resume")


def test_a_saved_argument_of_another_type_is_an_error(tmp_path):
    args = cli.saved_arguments(begin(tmp_path))
    mg.save({"args": {**args, "epochs": "3"}}, tmp_path / Run.CHECKPOINT)
    with pytest.raises(CommandError, match="--epochs is '3', a str, where this program has 3"):
        begin(tmp_path, "--resume")


def test_two_programs_do_not_work_in_one_folder(tmp_path, capsys):
    argv = ["--out", str(tmp_path / "run")]
    with one_writer(tmp_path / "run"):
        assert cli.main(demo_parser(), lambda args, run: None, argv) == 2
        said = capsys.readouterr().err
    assert f"error: {tmp_path}/run is in use by process {os.getpid()} on" in said
    assert cli.main(demo_parser(), lambda args, run: None, argv) == 0


def test_files_of_ones_own_are_read_where_one_says_so(tmp_path):
    write_mnist(tmp_path, n=3)
    write_mnist(tmp_path, n=2, images="train-images-idx3-ubyte", labels="train-labels-idx1-ubyte")
    argv = ("--dataset", "mnist", "--data-dir", str(tmp_path))
    with pytest.raises(CommandError, match="wrong count or size"):
        cli.load_data(begin(tmp_path / "checked", *argv))
    train, test = cli.load_data(begin(tmp_path / "own", *argv, "--no-verify"))
    assert (len(train), len(test)) == (2, 3)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--epochs", "0"], "--epochs: must be at least 1, got 0"),
        (["--batch-size", "x"], "--batch-size: 'x' is not a whole number"),
        (["--lr", "-1"], "--lr: must be positive and finite, got -1"),
        (["--lr", "nan"], "--lr: must be positive and finite, got nan"),
        (["--lr", "fast"], "--lr: 'fast' is not a number"),
        (["--seed", "-1"], "--seed: must be at least 0, got -1"),
        (["--dataset", "cats"], "invalid choice: 'cats'"),
        (["--out", ""], "--out: a folder needs a name, got an empty one"),
        (["--device", "tpu"], "invalid choice: 'tpu'"),
    ],
)
def test_wrong_arguments_are_named(argv, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.arguments(demo_parser(), argv, cli.FREE)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_finished_run_is_not_made_shorter(tmp_path):
    args, run = cli.arguments(demo_parser(), ["--out", str(tmp_path)], cli.FREE)
    run.save({"args": cli.saved_arguments(args), "epoch": 3})
    assert begin(tmp_path, "--resume", "--epochs", "3").epochs == 3
    with pytest.raises(CommandError, match="has done 3 epochs: --epochs 1"):
        begin(tmp_path, "--resume", "--epochs", "1")


def test_nought_in_all_its_spellings():
    assert [cli.not_negative(text) for text in ("0", "0.00", "0e5", ".0", "-0")] == [0.0] * 5
    assert cli.not_negative("0.5") == 0.5
    for text in ("-1", "nan", "inf", "x", ""):
        with pytest.raises(argparse.ArgumentTypeError):
            cli.not_negative(text)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x.csv"), "No space left on device"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "x.csv"), "x.csv"),
        (PermissionError(errno.EACCES, "Permission denied", "x.csv"), "Permission denied"),
        (MemoryError(), "out of memory"),
        (MemoryError("Unable to allocate 9 GiB"), "9 GiB"),
    ],
)
def test_what_the_machine_lacks_is_a_line_and_a_status(tmp_path, capsys, error, said):
    def program(args: argparse.Namespace, run: Run) -> None:
        raise error

    assert cli.main(demo_parser(), program, ["--out", str(tmp_path)]) == 2
    (line, *rest) = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m demos.game: error: ")
    assert said in line
    assert rest == [f"  python -m demos.game --resume --out {tmp_path}"]


PRINTING = """
import sys
from tests.demos.test_arguments import cli, demo_parser

def program(args, run):
    for _ in range(10_000):
        print(sys.argv[2])

sys.exit(cli.main(demo_parser(), program, ["--out", sys.argv[1]]))
"""


def printed(tmp_path, text: str, encoding: str, read: int) -> tuple[int, bytes, bytes]:
    """The status, what was read of the output before it was closed, and the errors."""
    command = [sys.executable, "-c", PRINTING, str(tmp_path), text]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        found = process.stdout.read(read)
        process.stdout.close()
        return process.wait(60), found, process.stderr.read()


def test_a_closed_pipe_is_a_line_and_a_status(tmp_path):
    status, found, errors = printed(tmp_path, "row", "utf-8", 4)
    assert (status, found) == (128 + signal.SIGPIPE, b"row\n")
    assert errors.startswith(b"the output was closed; ")
    assert b"Traceback" not in errors
    assert b"ignored" not in errors


def test_a_terminal_without_a_letter_stops_nothing(tmp_path):
    status, found, errors = printed(tmp_path, "\N{GREEK SMALL LETTER SIGMA}", "ascii:strict", -1)
    assert (status, errors) == (0, b"")
    assert found == b"\\u03c3\n" * 10_000

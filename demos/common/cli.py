"""The command line that all demos share: common arguments, continuing a run, errors in one line."""

import argparse
import io
import os
import shlex
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import minigrad as mg
from demos.common import datasets
from demos.common.run import CommandError, Run, holds_run, one_writer
from demos.common.training import Stopped, Trainer
from minigrad import data
from models.model import Stateful

Program = Callable[[Namespace, Run], None]

DATASET = "glyphs"  # where none is asked for

# What may differ when a run is continued: none of it changes what was computed so far.
FREE = frozenset({"out", "resume", "data_dir", "epochs", "checkpoint_every", "eager"})


def parser(module: str, doc: str | None) -> ArgumentParser:
    """The command line of `python -m module`, whose docstring is its help as it stands."""
    return ArgumentParser(
        f"python -m {module}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def whole(least: int) -> Callable[[str], int]:
    """An argument's type: an int of at least that size."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if number < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, got {number}")
        return number

    return parse


def positive(text: str) -> float:
    """An argument's type: a finite float above 0."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be positive and finite, got {text}")
    return number


def folder_name(text: str) -> str:
    """An argument's type: what a folder may be called."""
    if not text.strip():
        raise argparse.ArgumentTypeError("a folder needs a name, got an empty one")
    return text


def not_negative(text: str) -> float:
    """An argument's type: a finite float of at least 0."""
    try:
        return 0.0 if float(text) == 0 else positive(text)
    except ValueError:
        return positive(text)  # which says what is wrong


def common_arguments(parser: ArgumentParser, *, epochs: int, batch_size: int, lr: float) -> None:
    """Adds what every demo has: the data, the training, the run's folder."""
    add = parser.add_argument_group("data").add_argument
    add(
        "--dataset",
        choices=data.NAMES,
        default=DATASET,
        help="glyphs and faces are drawn, the others are read (default: %(default)s)",
    )
    add(
        "--data-dir",
        metavar="DIR",
        help="where the real data are (default: $MINIGRAD_DATA, else the user's cache folder, "
        "to which they are downloaded)",
    )
    add("--limit", type=whole(1), metavar="N", help="only the first N images of each split")
    add(
        "--no-verify",
        action="store_true",
        help="the files are your own, in the format of --dataset: not checked to be the published",
    )

    add = parser.add_argument_group("training").add_argument
    default = {"metavar": "N", "help": "(default: %(default)s)"}
    add("--epochs", type=whole(1), default=epochs, **default)
    add("--batch-size", type=whole(1), default=batch_size, **default)
    add("--lr", type=positive, default=lr, metavar="X", help="learning rate (default: %(default)s)")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="(default: %(default)s)")
    add(
        "--eager",
        action="store_true",
        help="on a GPU, launch each kernel by itself instead of a whole step as one CUDA graph",
    )
    add("--seed", type=whole(0), default=0, **default)

    add = parser.add_argument_group("the run's folder").add_argument
    folder = f"runs/{name_of(parser)}"
    add(
        "--out",
        type=folder_name,
        metavar="DIR",
        help=f"(default: {folder} or the first free of {folder}-2, ...; with --resume the last "
        "of these that is not)",
    )
    add(
        "--resume",
        action="store_true",
        help="go on where the run in --out was stopped or killed, with its arguments; --epochs may "
        "be larger. Begins a run where there is none",
    )
    add(
        "--checkpoint-every",
        type=whole(0),
        default=500,
        metavar="N",
        help="batches between checkpoints besides those after each epoch, 0 for none "
        "(default: %(default)s)",
    )


def name_of(parser: ArgumentParser) -> str:
    """vae, for a parser of `python -m demos.vae`."""
    return parser.prog.rpartition(".")[2]


def arguments(
    parser: ArgumentParser, argv: Sequence[str] | None, free: Set[str]
) -> tuple[Namespace, Run]:
    """The arguments and the run: what was not given is what the continued run had, or the default.

    Raises CommandError if an argument that is not `free` differs from that of the continued run.
    """
    defaults = vars(parser.parse_args([]))
    given = given_arguments(parser, argv)
    resume = given.get("resume", False)
    folder = folder_of(parser, given)
    run = Run(folder, resume, program=name_of(parser))
    if resume and run.checkpoint is None:
        how = ", as it was begun before" if run.begun else ""
        print(f"there is no run in {folder} to go on with: it begins here{how}", flush=True)
    before: dict[str, Any] = run.checkpoint["args"] if run.checkpoint else run.begun
    begun = {name: value for name, value in before.items() if name in defaults}
    for name, value in begun.items():
        if not _alike(value, defaults.get(name)):
            kinds = f"a {type(value).__name__}, where this program has {defaults[name]!r}"
            raise CommandError(f"{folder}/{Run.CHECKPOINT}: --{name} is {value!r}, {kinds}")
    changed = [
        f"--{name.replace('_', '-')} is {value}, was {begun[name]}"
        for name, value in given.items()
        if name in begun and name not in free and value != begun[name]
    ]
    if changed and run.checkpoint:
        raise CommandError(
            f"the run in {folder} was begun with other arguments: {'; '.join(changed)}. "
            "Leave them out, or choose another --out"
        )
    done, wanted = (run.checkpoint or {}).get("epoch"), given.get("epochs")
    if isinstance(done, int) and wanted is not None and wanted < done:
        raise CommandError(
            f"the run in {folder} has done {done} epochs: --epochs {wanted} takes none of them back"
        )
    return Namespace(**defaults | begun | given | {"out": folder}), run


def _alike(value: Any, default: Any) -> bool:
    """Whether a saved argument is of the type that the default has, if it shows one."""
    kinds = {type(value), type(default)}
    return default is None or len(kinds) == 1 or kinds == {int, float}


def folder_of(parser: ArgumentParser, given: Mapping[str, Any]) -> str:
    """The run's folder: --out, or the default."""
    default = default_folder(name_of(parser), given.get("resume", False))
    folder: str = given.get("out") or default
    return folder


def given_arguments(parser: ArgumentParser, argv: Sequence[str] | None) -> dict[str, Any]:
    """The arguments that the command line has, without defaults."""
    unset = object()
    names = vars(parser.parse_args([]))
    typed = vars(parser.parse_args(argv, Namespace(**dict.fromkeys(names, unset))))
    return {name: value for name, value in typed.items() if value is not unset}


def default_folder(name: str, resume: bool) -> str:
    """runs/NAME or the first free of runs/NAME-2, ...; to resume, the last that is not free."""
    names = [f"runs/{name}"]
    while holds_run(Path(names[-1])):
        names.append(f"runs/{name}-{len(names) + 1}")
    return names[-2] if resume and len(names) > 1 else names[-1]


def saved_arguments(args: Namespace) -> dict[str, Any]:
    """What belongs into a checkpoint: all but where it is, and how it was begun."""
    return {name: value for name, value in vars(args).items() if name not in ("out", "resume")}


def load_data(args: Namespace) -> tuple[data.ImageDataset, data.ImageDataset]:
    """The train and test splits of --dataset."""
    return datasets.load(args.dataset, args.data_dir, args.limit, not args.no_verify)


def trainer(
    args: Namespace, run: Run, loader: data.DataLoader, state: Mapping[str, Stateful]
) -> Trainer:
    """What trains as the arguments say."""
    return Trainer(
        run,
        loader,
        state,
        saved_arguments(args),
        epochs=args.epochs,
        seed=args.seed,
        device=args.device,
        checkpoint_every=args.checkpoint_every,
        eager=args.eager,
    )


def write_summary(args: Namespace, trainer: Trainer, numbers: Mapping[str, Any]) -> None:
    """Writes summary.json: what was measured, how long it took, and what was asked for."""
    seconds = round(trainer.clock.seconds(), 1)
    trainer.run.write_summary(
        {**numbers, "seconds": seconds, "args": vars(args), "version": mg.__version__}
    )


def check_device(name: str) -> None:
    """Raises CommandError, which says why, if a device cannot be used."""
    try:
        mg.device(name)
    except (RuntimeError, ImportError) as error:
        raise CommandError(f"--device {error}") from error


# What ends a program with a line: a full disk, a folder that was deleted, too little memory.
ERRORS = (CommandError, OSError, MemoryError)


def told(parser: ArgumentParser, error: Exception, again: str = "") -> int:
    """Says in a line on stderr what went wrong, and how to go on; returns the exit status."""
    then = f"; {again}" if again else ""
    if isinstance(error, BrokenPipeError):  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes
        print(f"the output was closed{then}", file=sys.stderr)
        return 128 + signal.SIGPIPE
    then = "" if isinstance(error, CommandError) else then
    print(f"{parser.prog}: error: {str(error) or 'out of memory'}{then}", file=sys.stderr)
    return 2


def spell_out() -> None:
    """Lets stdout spell a letter that the terminal lacks, which else would stop the program."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def main(
    parser: ArgumentParser,
    program: Program,
    argv: Sequence[str] | None = None,
    free: Set[str] = frozenset(),
) -> int:
    """Runs a program.

    Returns 2 for what the caller can put right (a full disk and too little memory too), and 128 + N
    after signal N.
    """
    again = "nothing was begun"
    spell_out()
    try:
        with one_writer(folder_of(parser, given_arguments(parser, argv))):
            args, run = arguments(parser, argv, FREE | free)
            resume = f"{parser.prog} --resume --out {shlex.quote(args.out)}"
            again = f"go on from the last checkpoint with:\n  {resume}"
            check_device(args.device)
            if run.checkpoint is None:
                run.begin(saved_arguments(args))
            program(args, run)
            sys.stdout.flush()
    except ERRORS as error:
        return told(parser, error, again)
    except Stopped as stopped:
        print(f"{stopped}; {again}", file=sys.stderr)
        return 128 + stopped.signum
    except KeyboardInterrupt:
        print(f"\nstopped; {again}", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0

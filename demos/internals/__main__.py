"""python -m demos.internals: lists the lessons, or runs some."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path

from demos import internals
from demos.common import cli
from demos.common.run import CommandError
from demos.internals.chapter import chapter

LESSONS = sorted(path.stem for path in Path(__file__).parent.glob("lesson_*.py"))


def title(name: str) -> str:
    """The first line of a lesson's docstring."""
    return (import_module(f"{internals.__name__}.{name}").__doc__ or "").partition("\n")[0]


def lesson(text: str) -> int:
    """An argument's type: the number of a lesson."""
    if not (text.isdecimal() and 1 <= int(text) <= len(LESSONS)):
        raise argparse.ArgumentTypeError(f"there are lessons 1 to {len(LESSONS)}, not {text!r}")
    return int(text)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m demos.internals",
        description="Lessons on what happens inside. Without a number: lists them.",
    )
    made.add_argument(
        "lessons", type=lesson, nargs="*", metavar="N", help=f"1 to {len(LESSONS)}: runs these"
    )
    made.add_argument(
        "--out", metavar="DIR", default="runs/internals",
        help="where the pictures go (default: %(default)s)",
    )  # fmt: skip
    made.add_argument("--bare", action="store_true", help="print the results alone")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    cli.spell_out()
    try:
        teach(args)
        sys.stdout.flush()
    except cli.ERRORS as error:
        return cli.told(parser(), error)
    return 0


def teach(args: argparse.Namespace) -> None:
    """Runs the lessons that were asked for, or lists them."""
    if not args.lessons:
        for number, name in enumerate(LESSONS, 1):
            print(f"{number:>3}  {title(name)}")
        print("\npython -m demos.internals N runs one, and prints it as a chapter.")
        return
    out = Path(args.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"--out {out}: {error.strerror}") from error
    for number in args.lessons:
        name = LESSONS[number - 1]
        print(f"{number}. {title(name)} (demos/internals/{name}.py)\n")
        before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
        module = import_module(f"{internals.__name__}.{name}")
        if args.bare:
            module.main(out)
        else:
            with redirect_stdout(StringIO()) as said:
                module.main(out)
            source = Path(str(module.__file__)).read_text("utf-8").partition("\n")
            print(chapter('"""' + source[2].lstrip(), said.getvalue().splitlines()))
        drawn = [p for p in sorted(out.iterdir()) if before.get(p) != p.stat().st_mtime_ns]
        print("\npictures: " + ", ".join(map(str, drawn)))


if __name__ == "__main__":
    sys.exit(main())

"""Runs what a Markdown file shows, so that it cannot go stale.

Conventions, in README.md and every other page:

- The ```python blocks of a file run in order, in one namespace, in a fresh interpreter with
  warnings as errors. Every line that a block prints stands in it as a comment that starts with
  `# →` or `# ->`, in order, and nothing else does; runs of spaces count as one, so that columns
  may be aligned:

      print(x.grad)  # → [2. 4.]
      print(2 * x)  # by hand  # → [2. 4.]

- The ```sh and ```bash blocks hold commands; in a ```console block they are the lines after
  `$ `. They are not run, and nor is what stands in a line as `python -m ...` or `make ...`: their
  make targets, modules and extras must exist, and a program's own parser must take its arguments.
- A line `<!-- not run: why -->` right above a ```python block: it must only compile.
"""

import ast
import io
import os
import re
import shlex
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from demos.common.run import CommandError

ROOT = Path(__file__).resolve().parent.parent
NOT_CHECKED = {"cd", "git", "ls", "nvidia-smi", "open", "pytest"}
MEANT = {"N": "1", "M": "1", "NAME": "all"}  # an example of what stands for any
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.M | re.S)
_INLINE = re.compile(r"`((?:python -m|make|pip|\.ci/\w+)(?: [^`\n]*)?)`")
_IN_HELP = re.compile(r"^ {4}(python -m .*?)(?: {2}.*)?$", re.M)
_SEPARATOR = "\0block "


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and text, the line its text starts on, whether it is run."""

    language: str
    text: str
    line: int
    run: bool = True


def blocks(markdown: str) -> list[Block]:
    found = []
    for m in _FENCE.finditer(markdown):
        above = markdown[: m.start()].rstrip("\n").rpartition("\n")[2]
        line = markdown.count("\n", 0, m.start(2)) + 1
        found.append(Block(m[1], m[2], line, not above.startswith("<!-- not run:")))
    return found


def shown_output(code: str) -> list[str]:
    """The lines that a block says it prints."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    comments = [t.string for t in tokens if t.type == tokenize.COMMENT]
    return [m[1] for c in comments if (m := re.search(r"(?:^|  )# ?(?:→|->) ?(.*)", c))]


def _plain(line: str) -> str:
    return " ".join(line.split())


def python_faults(name: str, markdown: str, folder: Path) -> list[str]:
    """What is wrong with the python blocks of a page, run in `folder`; empty if all is well."""
    python = [b for b in blocks(markdown) if b.language == "python"]
    for b in python:
        compile(b.text, name, "exec")
    python = [b for b in python if b.run]
    # The line numbers of a traceback are those of the page.
    padded = [(b.line - 1) * "\n" + b.text for b in python]
    script = "".join(
        f"print({_SEPARATOR!r}); exec(compile({text!r}, {name!r}, 'exec'))\n" for text in padded
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode:
        return [f"{name}: {done.stderr}"]
    faults = []
    for b, text in zip(python, done.stdout.split(_SEPARATOR + "\n")[1:], strict=True):
        printed = [_plain(line) for line in text.splitlines()]
        shown = [_plain(line) for line in shown_output(b.text)]
        if printed != shown:
            faults.append(f"{name}:{b.line}: prints {printed}, but shows {shown}")
    return faults


def commands(block: Block) -> list[list[str]]:
    """The simple commands of a shell block, as words; environment settings in front are dropped."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    found = []
    for line in lines:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)  # drops comments
        lexer.whitespace_split = True
        for is_operator, words in groupby(lexer, lambda word: set(word) <= set("&|;<>")):
            command = list(words)
            while command and re.match(r"[A-Z_]+=", command[0]):
                del command[0]
            if command and not is_operator:
                found.append(command)
    return found


def inline(markdown: str) -> list[Block]:
    """The commands that stand in lines, each as a block; what is in fenced blocks is left out."""
    plain = _FENCE.sub(lambda m: "\n" * m[0].count("\n"), markdown)
    return [
        Block("sh", m[1].replace("\\|", "|"), plain.count("\n", 0, m.start()) + 1)
        for m in _INLINE.finditer(plain)
    ]


def in_help(path: Path) -> list[Block]:
    """The commands that the docstring of a module shows, one a line, with a remark behind each."""
    said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return [Block("sh", m[1], said.count("\n", 0, m.start()) + 1) for m in _IN_HELP.finditer(said)]


def shell_faults(name: str, markdown: str) -> list[str]:
    """What the commands of a page name that does not exist, in its shell blocks and in lines."""
    shell = [b for b in blocks(markdown) if b.language in ("sh", "bash", "console")]
    return faults_of(name, shell + inline(markdown))


def faults_of(name: str, shell: list[Block]) -> list[str]:
    """What is wrong with the commands of some blocks."""
    return [
        f"{name}:{b.line}: {' '.join(c)}: {fault}"
        for b in shell
        for c in commands(b)
        if (fault := _command_fault(c))
    ]


def _command_fault(words: list[str]) -> str | None:
    match words:
        case ["make", *arguments]:
            missing = [a for a in arguments if "=" not in a and a not in make_targets()]
            return f"no such make target: {missing}" if missing else None
        case ["python" | "python3", "-m", "pip", *arguments] | ["pip", *arguments]:
            named = re.findall(r"(?:^|\s)(?:\.|minigrad)\[([\w,]+)\]", " ".join(arguments))
            missing = [e for group in named for e in group.split(",") if e not in extras()]
            return f"no such extra: {missing}" if missing else None
        case ["python" | "python3", "-m", module, *arguments]:
            return _program_fault(module, arguments)
        case [program, *_] if program in NOT_CHECKED or Path(program).is_relative_to(".ci"):
            exists = program in NOT_CHECKED or (ROOT / program).is_file()
            return None if exists else "no such file"
    return "a command that tests/readme_blocks.py does not know how to check"


def _program_fault(module: str, arguments: list[str]) -> str | None:
    if not is_module(module):
        return f"no such module: {module}"
    if module == "tests.fakecuda" and arguments:  # runs another
        return _program_fault(arguments[0], arguments[1:])
    said = io.StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(io.StringIO()):
            args = parser_of(module)([MEANT.get(a, a) for a in arguments])
        if module == "demos.experiments":
            experiments = import_module("demos.experiments.__main__")
            experiments.chosen(args.names, experiments.entries())
    except SystemExit as stopped:
        return said.getvalue().splitlines()[-1] if stopped.code else None
    except CommandError as error:
        return str(error)
    return None


@cache
def parser_of(module: str) -> Callable[[list[str]], Any]:
    """What parses a program's arguments; one that does so without a parser must name its options
    in its docstring."""
    name = f"{module}.__main__" if ROOT.joinpath(*module.split(".")).is_dir() else module
    source = ROOT.joinpath(*name.split(".")).with_suffix(".py").read_text("utf-8")
    for made in re.findall(r"^def (parser|arguments)\(", source, re.M):
        found = getattr(import_module(name), made)
        return found if made == "arguments" else found().parse_args
    named = ast.get_docstring(ast.parse(source)) or ""

    def by_docstring(arguments: list[str]) -> None:
        if missing := [a for a in arguments if a.startswith("-") and a not in named]:
            raise CommandError(f"its docstring does not name {missing}")

    return by_docstring


@cache
def make_targets() -> set[str]:
    rules = re.findall(r"^([a-z][\w -]*):(?!=)", (ROOT / "Makefile").read_text("utf-8"), re.M)
    return {target for rule in rules for target in rule.split()}


@cache
def extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return set(project["optional-dependencies"])


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()

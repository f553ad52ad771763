"""docs/reliability.md: its tests exist, no file is written in its place, nothing falls short."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.test_layout import PACKAGES, ROOT, parse, relative, sources


def test_every_promise_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    defined = {
        node.name
        for path in sources("tests")
        for node in parse(path).body
        if isinstance(node, ast.FunctionDef)
    }
    assert len(named) > 10 and named <= defined, named - defined


def test_the_page_quotes_every_row_of_the_table() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    source = (ROOT / "tests" / "torture.py").read_text("utf-8")
    rows = re.findall(r'^@row\("(.+)"\)$', source, re.MULTILINE)
    assert len(rows) > 5
    for title in rows:
        assert re.search(rf"^{re.escape(title)} +(\d+) +\1 +0$", page, re.MULTILINE), title


@pytest.mark.slow
def test_nothing_falls_short_in_a_few_cases() -> None:
    command = [sys.executable, "-m", "tests.torture", "--count", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    heading, *rows = done.stdout.splitlines()
    assert heading.split() == ["tried", "survived", "fell", "short"]
    assert len(rows) > 5 and all(row.split()[-3:] == ["2", "2", "0"] for row in rows), done.stdout


# ---- whole files --------------------------------------------------------------------------------


def write_faults(path: Path, tree: ast.Module) -> list[str]:
    """Where a file is written in its place, in which it would be half a file for a while."""
    whole = {
        inner
        for block in ast.walk(tree)
        if isinstance(block, ast.With) and "replacing(" in ast.unparse(block.items[0])
        for inner in ast.walk(block)
    }
    return [
        f"{relative(path)}:{call.lineno}: not by minigrad.files: {ast.unparse(call)[:60]}"
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and call not in whole
        and (name := ast.unparse(call.func).rpartition(".")[2])
        and (
            name in ("savefig", "write_bytes")
            or (name == "write_text" and ast.unparse(call.func) != "write_text")
            or (name == "open" and any(_writes(a) for a in [*call.args, *call.keywords]))
        )
    ]


def _writes(argument: ast.expr | ast.keyword) -> bool:
    """Whether it is a mode of open() with which a file is changed."""
    value = argument.value if isinstance(argument, ast.keyword) else argument
    text = value.value if isinstance(value, ast.Constant) else None
    return isinstance(text, str) and re.fullmatch(r"[rwxabt+]*[wxa+][rwxabt+]*", text) is not None


@pytest.mark.parametrize("path", sources(*PACKAGES, "benchmarks"), ids=relative)
def test_files_are_whole_at_all_times(path: Path) -> None:
    if relative(path) != "minigrad/files.py" and "internals" not in path.parts:
        assert write_faults(path, parse(path)) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("with replacing(path) as file:\n    figure.savefig(file)", False),
        ("write_text(path, text)", False),
        ("open(path, encoding='utf-8')", False),
        ("open(path, 'rb')", False),
        ("figure.savefig(path)", True),
        ("path.write_text(text)", True),
        ("Path(path).open('w')", True),
        ("open(path, mode='r+b')", True),
    ],
)
def test_the_rule_of_whole_files_finds_a_fault(source: str, fault: bool) -> None:
    assert bool(write_faults(ROOT / "demos" / "planted.py", ast.parse(source))) is fault

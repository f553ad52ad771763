"""A rule of the house: no file is written in its place, in which it would be half for a while."""

import ast
import re
from pathlib import Path

import pytest

from tests.project.test_layout import PACKAGES, ROOT, parse, relative, sources


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

"""Every op that minigrad offers is checked: by check_op, in one of the files beside this one."""

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path

import pytest

from minigrad import ops
from minigrad.op import Op

FILES = sorted(Path(__file__).parent.glob("test_*.py"))


NOT_ON_THE_TAPE = {"all", "allclose", "any", "argmax", "argmin", "argsort", "equal", "isclose"}
ELSEWHERE = ("index", "bce_with_logits", "bce_with_logits_sum")  # x[key], and nn.functional


def differentiable() -> dict[str, set[str]]:
    """What makes a float tensor of float tensors: by its name, all the names that it has."""
    found = {name: getattr(ops, name) for name in ops.__all__}
    return {
        name: {other for other, g in found.items() if g is f}
        for name, f in found.items()
        if name not in NOT_ON_THE_TAPE and not (isinstance(f, Op) and not f.records)
    } | {name: {name} for name in ELSEWHERE}


def names(tree: ast.AST) -> Iterator[str]:
    """x of every mg.x and ops.x, and every plain name but Python's own (its `max` is not ours)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in ("mg", "ops"):
                yield node.attr
        elif isinstance(node, ast.Name) and not hasattr(builtins, node.id):
            yield node.id


def checked() -> set[str]:
    """What is named in a function that calls check_op, or in a table (in capitals) that it uses."""
    found: set[str] = set()
    for path in FILES:
        parts: dict[str, set[str]] = {}
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                parts[node.name] = set(names(node))
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                parts[node.targets[0].id] = set(names(node.value))
        for used in parts.values():
            if used & {"check_op", "check_index"}:
                tables = [parts[name] for name in used & parts.keys() if name.isupper()]
                found |= used.union(*tables)
    return found


CHECKED = checked()


@pytest.mark.parametrize("name", differentiable())
def test_every_op_is_checked(name):
    assert differentiable()[name] & CHECKED, f"no test calls check_op for minigrad.ops.{name}"


def test_an_op_that_is_not_checked_is_found_out():
    assert len(differentiable()) > 50
    assert {"conv2d", "matmul", "logsumexp", "sigmoid"} <= CHECKED
    assert "manual_seed" not in CHECKED

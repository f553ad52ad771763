"""Forwards and rules are functions of their operands: a rule is written once, for arrays and for
tensors, and does not ask which it was handed."""

import ast
from pathlib import Path

import pytest

OPS = sorted((Path(__file__).resolve().parents[2] / "minigrad" / "ops").glob("*.py"))


def impurities(tree: ast.Module) -> list[str]:
    """Forwards and rules (what carries no types) that ask what is recorded, or what they got."""
    functions = [
        n for n in ast.walk(tree)
        if isinstance(n, ast.Lambda)
        or (isinstance(n, ast.FunctionDef) and n.decorator_list and n.returns is None)
    ]  # fmt: skip
    names = [n for f in functions for n in ast.walk(f) if isinstance(n, ast.Name)]
    return [f"line {n.lineno}: {n.id}" for n in names if n.id in ("mode", "Variable", "Tensor")]


@pytest.mark.parametrize("path", OPS, ids=lambda path: path.name)
def test_forwards_and_rules_are_functions_of_their_operands(path: Path) -> None:
    assert impurities(ast.parse(path.read_text("utf-8"))) == []


def test_a_rule_that_asks_what_it_was_handed_is_found() -> None:
    rule = '@f.gradient("x")\ndef _(g):\n    return g if isinstance(g, Variable) else 2 * g'
    assert impurities(ast.parse(rule)) == ["line 3: Variable"]

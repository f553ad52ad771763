"""Small faults that can be made in a source file: all of them, one at a time (see mutants.py)."""

import ast
from collections.abc import Iterator
from typing import NamedTuple


class Mutant(NamedTuple):
    file: str
    line: int
    start: int  # bytes of the file, which are replaced by `new`
    end: int
    old: str
    new: str

    def __str__(self) -> str:
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{self.file}:{self.line}: {old}  ->  {new}"

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.new.encode() + source[self.end :]


OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.And: ast.Or, ast.Or: ast.And,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
TURNED = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
_PAIRS = (
    "min max, minimum maximum, amin amax, argmin argmax, any all, sum mean, zeros ones, "
    "zeros_like ones_like, floor ceil, exp expm1, log log1p, sin cos, var std, rand randn, "
    "square abs, first last, append extend, train eval, isfinite isnan"
)
NAMES = {a: b for pair in _PAIRS.split(", ") for a, b in (pair.split(), pair.split()[::-1])}
# Calls that need not change a value: what is left is their argument, or what they are called on.
COPIES = frozenset("copy clone detach contiguous ascontiguousarray abs sqrt exp log float".split())
SYMMETRIC = frozenset("min max minimum maximum".split())
TERMS = (ast.Add, ast.Sub, ast.Mult, ast.Div)  # one of their two sides can be left out
IN_PLACE = {ast.Add: "__iadd__", ast.Sub: "__isub__", ast.Mult: "__imul__"}


def mutants(file: str, source: bytes) -> list[Mutant]:
    """All that can be made of a file, in the order of their places."""
    starts = [0]
    for row in source.split(b"\n"):
        starts.append(starts[-1] + len(row) + 1)
    found = []
    for node in sites(ast.parse(source)):
        texts = set(changes(node))
        if isinstance(node, ast.If | ast.While):
            node, texts = node.test, set(negated(node.test))
        start, end = (
            starts[line - 1] + column
            for line, column in (
                (node.lineno, node.col_offset),
                (node.end_lineno, node.end_col_offset),
            )
        )
        old = source[start:end].decode()
        found += [Mutant(file, node.lineno, start, end, old, new) for new in texts]
    return sorted(found, key=lambda m: (m.start, m.end, m.new))


# ---- the places ----------------------------------------------------------------------------------


def sites(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of code that computes: no annotations, messages, docstrings or imports for them."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("TypeVar", "NewType"):
        return
    if isinstance(node, ast.Raise) and ast.unparse(node) == "raise NotImplementedError":
        return  # of what subclasses define
    if isinstance(node, ast.expr | ast.stmt):
        yield node
    for child in computed(node):
        yield from sites(child)


def computed(node: ast.AST) -> Iterator[ast.AST]:
    """The children that are not there for people or for type checkers alone."""
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr):
        return
    if isinstance(node, ast.FunctionDef) and "overload" in map(ast.unparse, node.decorator_list):
        return
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("__"):
        return  # __all__, __slots__
    if isinstance(node, ast.AnnAssign) and "TypeAlias" in ast.unparse(node.annotation):
        return
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "cast":
        return
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return  # zip's
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns", "type_comment", "type_params"):
            children = value if isinstance(value, list) else [value]
            yield from (child for child in children if isinstance(child, ast.AST))


# ---- the changes ---------------------------------------------------------------------------------


def changes(node: ast.AST) -> Iterator[str]:
    """What may stand in place of a node: the texts."""
    if isinstance(node, ast.stmt):
        yield from in_statement(node)
        return
    for new in in_expression(node):
        text = ast.unparse(new)
        yield text if isinstance(new, ast.Name | ast.Constant) else f"({text})"


def negated(test: ast.expr) -> Iterator[str]:
    """The other branch; what in_expression() makes of it is not made twice."""
    match test:
        case ast.UnaryOp(ast.Not()):
            pass
        case ast.Compare(_, [op]) if type(op) in OPERATORS and type(op) not in TURNED:
            pass
        case _:
            yield f"(not ({ast.unparse(test)}))"


def in_statement(node: ast.stmt) -> Iterator[str]:
    """The statement left out; what is made new made in place."""
    match node:
        case ast.Expr(ast.Constant() | ast.Yield() | ast.YieldFrom()):
            pass
        case ast.Expr() | ast.Raise() | ast.Assert() | ast.Delete():
            yield "pass"
        case ast.Assign([ast.Attribute() | ast.Subscript()]):
            yield "pass"
        case ast.Assign([ast.Name(name) as target], ast.BinOp(ast.Name(left), op, right)):
            if name == left:
                yield ast.unparse(ast.AugAssign(target, op, right))
        case ast.AugAssign(target, op, value):
            yield "pass"
            if other := OPERATORS.get(type(op)):
                yield ast.unparse(ast.AugAssign(target, other(), value))
        case ast.Break():
            yield "continue"
        case ast.Continue():
            yield from ("break", "pass")


def in_expression(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() as value):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Constant(float() as value):
            yield from (ast.Constant(n) for n in (value * 2, 1.0 - value) if n != value)
        case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
            yield operand
        case ast.BinOp(left, op, right):
            yield from in_binary(left, op, right)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(OPERATORS[type(op)](), values)
            for i in range(len(values)):
                rest = values[:i] + values[i + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.Compare(left, [op], right):
            yield from (
                ast.Compare(left, [table[type(op)]()], right)
                for table in (OPERATORS, TURNED)
                if type(op) in table
            )
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Call(function, args, keywords):
            yield from in_call(function, args, keywords)
        case ast.Attribute(value, name, ast.Load()) if name in NAMES:
            yield ast.Attribute(value, NAMES[name])


def in_binary(left: ast.expr, op: ast.operator, right: ast.expr) -> Iterator[ast.expr]:
    """Another operator, one side left out, or the left side overwritten."""
    if any(isinstance(side, ast.JoinedStr) or is_text(side) for side in (left, right)):
        return
    if isinstance(op, ast.BitOr) and any(is_none(side) for side in (left, right)):
        return  # a type
    if type(op) in OPERATORS:
        yield ast.BinOp(left, OPERATORS[type(op)](), right)
    if isinstance(op, TERMS):
        yield from (left, right)
    if isinstance(op, ast.MatMult):
        yield ast.BinOp(right, op, left)
    if type(op) in IN_PLACE and isinstance(left, ast.Name):
        yield ast.Call(ast.Attribute(left, IN_PLACE[type(op)]), [right], [])


def in_call(
    function: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]
) -> Iterator[ast.expr]:
    """A keyword or the call left out, two arguments exchanged, another function of the kind.

    Not zip's strict: it is for lengths that never differ, and so changes nothing.
    """
    for i, keyword in enumerate(keywords):
        if keyword.arg != "strict":
            yield ast.Call(function, args, keywords[:i] + keywords[i + 1 :])
    name = getattr(function, "attr", getattr(function, "id", ""))
    two = len(args) == 2 and not any(isinstance(a, ast.Starred) or is_text(a) for a in args)
    if two and name not in SYMMETRIC and ast.unparse(args[0]) != ast.unparse(args[1]):
        yield ast.Call(function, args[::-1], keywords)
    if isinstance(function, ast.Name) and name in NAMES:
        yield ast.Call(ast.Name(NAMES[name]), args, keywords)
    if name in COPIES and len(args) == 1:
        yield args[0]
    elif name in COPIES and not args and isinstance(function, ast.Attribute):
        yield function.value


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None

"""Each sample of PyTorch's database of operators is equal here, or refused with a message."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest

import minigrad as mg

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

# What draws random numbers, or leaves memory as it is, has no right answer to compare with.
RANDOM = {
    *("bernoulli", "empty", "empty_like", "multinomial", "new_empty", "normal", "rand"),
    *("rand_like", "randint", "randint_like", "randn", "randn_like", "randperm"),
    *("nn.functional.dropout", "nn.functional.dropout2d"),
}
# Operators with samples that are neither equal nor refused, and why.
DIFFERENT: dict[str, str] = {}
# Operators all of whose samples are refused, and why.
REFUSED = {
    "nn.functional.interpolate trilinear": "there are no volumes",
    "norm nuc": "there are no singular values here",
}
# Errors of PyTorch's that are none here, and why.
ACCEPTED = {
    "narrow": "a bool as a number",
    "nn.functional.embedding": "a weight with three axes",
}
# Operators that take numbers here where PyTorch wants tensors.
NUMBERS = {
    *("bitwise_and", "bitwise_or", "bitwise_xor", "eq", "fmod", "ge", "gt", "isclose", "le", "lt"),
    *("logical_and", "logical_or", "logical_xor", "max binary", "maximum", "min binary", "minimum"),
    *("ne", "pow", "remainder"),
}
# What the database calls with its operands in another order.
REORDERED: dict[str, Callable[..., Any]] = {
    "einsum": lambda f, tensors, equation: f(equation, *tensors),
    "where": lambda f, x, condition, other: f(condition, x, other),
    "nn.functional.embedding": lambda f, weight, indices, **how: f(indices, weight, **how),
}


@cache
def operators() -> dict[str, Any]:
    """By name and variant, what the database has and minigrad has too."""
    from tests.parity.opinfo import database, found

    have = [op for op in database() if found(op.name) and op.name not in RANDOM]
    return {f"{op.name} {op.variant_test_name}".strip(): op for op in have}


def outcome(op: Any, function: Callable[..., Any], sample: Any) -> str:
    """ "equal", "refused: ..." or "wrong: ..."."""
    from tests.parity.opinfo import arrays, carried, different, gradients, leaves, tensors

    theirs = leaves([sample.input, sample.args, sample.kwargs])
    ours = carried(theirs)
    try:
        result = function(ours[0], *ours[1], **ours[2])
    except (TypeError, ValueError, IndexError, RuntimeError, NotImplementedError) as error:
        return f"refused: {error}" if str(error) else "wrong: refused without a word"
    wanted = op(theirs[0], *theirs[1], **theirs[2])
    made, expected = tensors(result), tensors(wanted)
    if not expected:
        return "equal" if result == wanted else f"wrong: {result} for {wanted}"
    fault = different(arrays(made), arrays(expected))
    if not fault and all(y.dtype.kind == "f" or not y.requires_grad for y in made):
        theirs_g = gradients(expected, tensors(theirs), torch)
        try:
            fault = different(gradients(made, tensors(ours), mg), theirs_g)
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        fault = fault and f"gradient: {fault}"
    return f"wrong: {fault}" if fault else "equal"


def variants(op: Any) -> list[Callable[..., Any]]:
    """The function and, where it takes the same, the method."""
    from tests.parity.opinfo import found

    function = found(op.name)
    if op.name in REORDERED:
        return [partial(REORDERED[op.name], function)]
    method = getattr(mg.Tensor, op.name, None)
    return [function] + ([method] if method and method is not function else [])


@pytest.mark.filterwarnings("ignore")
def test_samples_are_equal_or_refused() -> None:
    from tests.parity.opinfo import samples

    wrong, unequal = {}, {}
    for name, op in operators().items():
        seen: dict[str, list[str]] = {"equal": [], "refused": [], "wrong": []}
        for sample in samples(op):
            for function in variants(op)[: None if is_tensor(sample) else 1]:
                verdict = outcome(op, function, sample)
                seen[verdict.partition(":")[0]].append(f"{verdict} {short(sample)}")
        if seen["wrong"]:
            wrong[name] = seen["wrong"][:4]
        elif seen["refused"] and not seen["equal"]:
            unequal[name] = seen["refused"][:1]
    assert {name: told for name, told in wrong.items() if name not in DIFFERENT} == {}
    assert {name: told for name, told in unequal.items() if name not in REFUSED} == {}
    assert {*DIFFERENT} <= {*wrong}  # what is equal by now is taken off the list


@pytest.mark.filterwarnings("ignore")
def test_what_pytorch_refuses_is_refused() -> None:
    from tests.parity.opinfo import carried, errors

    accepted: dict[str, list[str]] = {}
    for name, op in operators().items():
        for sample in errors(op):
            try:
                x, args, kwargs = carried([sample.input, sample.args, sample.kwargs])
                result = variants(op)[0](x, *args, **kwargs)
            except Exception as error:
                result = str(error)
                if result:
                    continue
            if name not in ACCEPTED and not (name in NUMBERS and has_number(sample)):
                accepted.setdefault(name, []).append(f"{short(sample)}: {str(result)[:60]}")
    assert accepted == {}


def is_tensor(sample: Any) -> bool:
    return isinstance(sample.input, torch.Tensor)


def has_number(sample: Any) -> bool:
    return any(isinstance(x, int | float) for x in (sample.input, *sample.args[:1]))


def short(sample: Any) -> str:
    def one(x: Any) -> str:
        return f"{x.dtype}{list(x.shape)}" if isinstance(x, torch.Tensor) else repr(x)[:60]

    return f"({', '.join(map(one, (sample.input, *sample.args)))}, {sample.kwargs})"[:160]

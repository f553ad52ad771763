"""The mistakes that everybody makes: the message names the function, what came, and what to do."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg


class Elsewhere:
    """An array of another library, in memory of DLPack's kind and number."""

    def __init__(self, *place: int) -> None:
        self.place = place

    def __dlpack__(self, **how: object) -> None:
        raise AssertionError("nobody can take it")

    def __dlpack_device__(self) -> tuple[int, ...]:
        return self.place


def ones(*shape: int) -> mg.Tensor:
    return mg.ones(shape, requires_grad=True)


f32, f64, i64 = np.float32, np.float64, np.int64

# what was done: (the mistake, the error's type, what its message must contain, in this order)
MISTAKES: dict[str, tuple[Callable[[], Any], Any, list[str]]] = {
    # ---- shapes
    "add": (lambda: mg.ones(2) + mg.ones(3), ValueError, ["add", "x float32[2]", "y float32[3]"]),
    "multiply by an array": (
        lambda: mg.ones(2, 3) * np.ones(2),
        ValueError,
        ["multiply", "float32[2, 3]", "float64[2]"],
    ),
    "maximum": (lambda: mg.maximum(mg.ones(2), mg.ones(3)), ValueError, ["maximum", "[2]", "[3]"]),
    "compare": (lambda: mg.ones(2) < mg.ones(3), ValueError, ["lt", "[2]", "[3]"]),
    "matmul": (
        lambda: mg.ones(2, 3) @ mg.ones(4, 5),
        ValueError,
        ["matmul", "[2, 3]", "[4, 5]", "inner"],
    ),
    "matmul of batches": (
        lambda: mg.ones(2, 3, 4) @ mg.ones(5, 4, 3),
        ValueError,
        ["matmul", "[2, 3, 4]", "[5, 4, 3]"],
    ),
    "matmul with a number": (lambda: mg.ones(2, 3) @ 2.0, TypeError, ["matmul", "float"]),
    "matmul with a list": (lambda: mg.ones(2) @ [1.0, 2.0], TypeError, ["matmul", "list"]),
    "reshape": (
        lambda: mg.ones(2, 3).reshape(4, 2),
        ValueError,
        ["reshape", "[2, 3]", "6 elements", "[4, 2]"],
    ),
    "reshape with two -1": (
        lambda: mg.ones(4).reshape(-1, -1),
        ValueError,
        ["reshape", "[-1, -1]"],
    ),
    "expand": (lambda: mg.ones(2).expand(3), ValueError, ["expand", "[2]", "[3]"]),
    "permute": (lambda: mg.ones(2, 3).permute(0, 0), ValueError, ["permute", "[0, 0]"]),
    "transpose": (lambda: mg.ones(2, 3).transpose(0, 2), IndexError, ["transpose", "dim 2", "2"]),
    "squeeze": (lambda: mg.ones(2).squeeze(3), IndexError, ["squeeze", "dim 3"]),
    "concat": (
        lambda: mg.concat([mg.ones(2, 3), mg.ones(2, 4)]),
        ValueError,
        ["concat", "[2, 3]", "[2, 4]"],
    ),
    "concat of nothing": (lambda: mg.concat([]), (TypeError, ValueError), ["concat", "one"]),
    "concat of a tensor": (lambda: mg.concat(mg.ones(2, 2)), (TypeError, ValueError), ["concat"]),
    "concat of numbers": (lambda: mg.concat([1.0, 2.0]), TypeError, ["concat", "float"]),
    "stack": (lambda: mg.stack([mg.ones(2), mg.ones(3)]), ValueError, ["stack", "[2]", "[3]"]),
    "split": (lambda: mg.ones(5).split([2, 2]), ValueError, ["split", "[2, 2]", "5"]),
    "split by a float": (lambda: mg.ones(4).split(2.5), TypeError, ["split", "2.5"]),
    "sum over no axis": (lambda: mg.ones(2, 3).sum(2), IndexError, ["sum", "dim 2"]),
    "sum over an axis twice": (lambda: mg.ones(2).sum((0, -1)), ValueError, ["sum", "twice"]),
    "softmax": (lambda: mg.ones(2).softmax(1), IndexError, ["softmax", "dim 1"]),
    "max over several": (lambda: mg.ones(2, 2).max((0, 1)), ValueError, ["max", "amax"]),
    "index": (lambda: mg.ones(2)[5], IndexError, ["index", "5", "2"]),
    "index by a float": (lambda: mg.ones(2)[0.5], IndexError, ["index", "0.5"]),
    "index by a float tensor": (
        lambda: mg.ones(2)[mg.tensor([0.0])],
        IndexError,
        ["index", "integer"],
    ),
    "too many indices": (lambda: mg.ones(2)[0, 0], IndexError, ["index", "too many indices"]),
    "mask of another size": (lambda: mg.ones(2)[mg.ones(3) > 0], IndexError, ["index", "3", "2"]),
    "assign another shape": (
        lambda: mg.zeros(2).__setitem__(slice(None), mg.ones(3)),
        ValueError,
        ["(3,)", "(2,)"],
    ),
    # ---- dtypes and kinds
    "matmul of two dtypes": (
        lambda: mg.ones(2, 2) @ mg.ones(2, 2, dtype=f64),
        TypeError,
        ["matmul", "float32", "float64", ".to("],
    ),
    "mean of integers": (lambda: mg.arange(3).mean(), TypeError, ["mean", "int64", ".float()"]),
    "add None": (lambda: mg.ones(2) + None, TypeError, ["add", "None"]),
    "add a string": (lambda: mg.ones(2) + "a", TypeError, ["add", "str"]),
    "add a list": (lambda: mg.ones(2) + [1.0, 2.0], TypeError, ["add", "list", "tensor("]),
    "a list on the left": (lambda: [1.0, 2.0] * mg.ones(2), TypeError, ["multiply", "list"]),
    "compare with a string": (lambda: mg.ones(2) < "a", TypeError, ["lt", "str"]),
    "exp of a list": (lambda: mg.exp([1.0]), TypeError, ["exp", "list"]),
    "a NumPy function": (lambda: np.arctan2(mg.ones(2), 1), TypeError, ["arctan2", ".numpy()"]),
    "a sum by NumPy": (lambda: np.add.reduce(mg.ones(2)), TypeError, ["add.reduce", ".numpy()"]),
    "a mean by NumPy": (lambda: np.mean(mg.ones(2)), TypeError, ["mean", ".numpy()"]),
    # ---- making tensors
    "a list to Tensor": (
        lambda: mg.Tensor([1.0]),
        TypeError,
        ["Tensor", "list", "minigrad.tensor"],
    ),
    "ragged": (lambda: mg.tensor([[1.0, 2.0], [3.0]]), ValueError, ["tensor:", "inhomogeneous"]),
    "a string": (lambda: mg.tensor("abc"), TypeError, ["tensor", "str"]),
    "None": (lambda: mg.tensor(None), TypeError, ["tensor", "None"]),
    "a list with None": (lambda: mg.tensor([1.0, None]), TypeError, ["tensor", "None"]),
    "a dict": (lambda: mg.tensor({"a": 1}), TypeError, ["tensor", "dict"]),
    "complex": (lambda: mg.tensor(1j), TypeError, ["tensor", "complex"]),
    "an array of complex": (lambda: mg.tensor(np.ones(2, complex)), TypeError, ["complex128"]),
    "an array of strings": (lambda: mg.tensor(np.array(["a"])), TypeError, ["<U1"]),
    "an array of objects": (lambda: mg.as_tensor(np.array([None])), TypeError, ["object"]),
    "an int too large": (lambda: mg.tensor(2**70), (TypeError, ValueError), ["tensor"]),
    "an int beyond int64": (lambda: mg.tensor([2**63]), (TypeError, ValueError), ["tensor"]),
    "a dtype that is none": (lambda: mg.tensor([1.0], dtype="flot"), TypeError, ["flot"]),
    "dtype complex": (lambda: mg.zeros(2, dtype=complex), TypeError, ["complex"]),
    "dtype str": (lambda: mg.tensor([1.0], dtype=str), TypeError, ["tensor", "U"]),
    "from_numpy of a list": (lambda: mg.from_numpy([1.0]), TypeError, ["from_numpy", "list"]),
    "from_numpy of strings": (lambda: mg.from_numpy(np.array(["a"])), TypeError, ["from_numpy"]),
    "from_dlpack of a second GPU": (
        lambda: mg.from_dlpack(Elsewhere(2, 1)),
        TypeError,
        ["from_dlpack", "device 2, number 1"],
    ),
    "from_dlpack of another kind": (
        lambda: mg.from_dlpack(Elsewhere(4, 0)),
        TypeError,
        ["from_dlpack", "device 4, number 0"],
    ),
    "from_dlpack of a number": (lambda: mg.from_dlpack(3), TypeError, ["from_dlpack", "int"]),
    "zeros of a float": (lambda: mg.zeros(2.5), TypeError, ["2.5"]),
    "zeros of a string": (lambda: mg.zeros("3"), TypeError, ["'3'"]),
    "zeros of a negative": (lambda: mg.zeros(2, -1), ValueError, ["[2, -1]"]),
    "reshape to a float": (lambda: mg.ones(3).reshape(1.5, 2), TypeError, ["1.5"]),
    "randn of integers": (lambda: mg.randn(2, dtype=i64), TypeError, ["randn", "int64"]),
    "rand of integers": (lambda: mg.rand(2, dtype=i64), TypeError, ["rand", "int64"]),
    "randint without values": (lambda: mg.randint(3, 3, (2,)), ValueError, ["randint", "3"]),
    "randint without size": (lambda: mg.randint(3), TypeError, ["randint", "size"]),
    "randperm of a negative": (lambda: mg.randperm(-1), ValueError, ["randperm", "-1"]),
    "arange without limits": (lambda: mg.arange(), TypeError, ["arange"]),
    "arange with step 0": (lambda: mg.arange(0, 3, 0), ValueError, ["arange"]),
    "linspace of -1": (lambda: mg.linspace(0, 1, -1), ValueError, ["linspace", "-1"]),
    "full of a string": (lambda: mg.full((2,), "a"), TypeError, ["full", "'a'"]),
    "a device that is none": (lambda: mg.zeros(2, device="gpu"), ValueError, ["'gpu'", "'cuda'"]),
    "to a device that is none": (lambda: mg.zeros(2).to("mps"), ValueError, ["'mps'", "'cuda'"]),
    "to nonsense": (lambda: mg.zeros(2).to(3.5), TypeError, ["to", "3.5"]),
    # ---- the tape
    "backward without a tape": (
        lambda: mg.ones(()).backward(),
        RuntimeError,
        ["backward", "not on the tape", "requires a gradient", "no_grad()"],
    ),
    "backward of several": (
        lambda: (ones(2) * 2).backward(),
        RuntimeError,
        ["backward", "single number", "[2]", ".sum()"],
    ),
    "backward twice": (
        lambda: [loss.backward() for loss in [ones(2).sum()] for _ in range(2)],
        RuntimeError,
        ["backward", "'sum'", "freed", "retain_graph=True"],
    ),
    "a cotangent of another shape": (
        lambda: (ones(2) * 2).backward(mg.ones(3)),
        ValueError,
        ["backward", "float32[2]", "float32[3]"],
    ),
    "a cotangent of another dtype": (
        lambda: (ones(2) * 2).backward(mg.ones(2, dtype=f64)),
        ValueError,
        ["backward", "float32[2]", "float64[2]"],
    ),
    "a cotangent that is none": (
        lambda: (ones(2) * 2).backward("a"),  # type: ignore[arg-type]
        (TypeError, ValueError),
        ["backward"],
    ),
    "grad for an array": (
        lambda: mg.grad(ones(2).sum(), np.ones(2)),
        TypeError,
        ["grad", "inputs", "ndarray"],
    ),
    "grad of a number": (lambda: mg.grad(3.0, ones(2)), TypeError, ["grad", "outputs", "float"]),
    "grad for nothing": (lambda: mg.grad(ones(2).sum(), []), ValueError, ["grad", "one input"]),
    "grad for a constant": (
        lambda: mg.grad(ones(2).sum(), mg.ones(3)),
        RuntimeError,
        ["grad", "input 0", "[3]", "requires_grad_()"],
    ),
    "grad for what was not used": (
        lambda: mg.grad(ones(2).sum(), ones(3)),
        RuntimeError,
        ["grad", "[0]", "no part", "allow_unused"],
    ),
    "requires_grad of integers": (
        lambda: mg.arange(3).requires_grad_(),
        TypeError,
        ["requires_grad_", "floating", "int64"],
    ),
    "numpy on the tape": (lambda: ones(2).numpy(), RuntimeError, ["numpy", "tape", ".detach()"]),
    "asarray on the tape": (lambda: np.asarray(ones(2)), RuntimeError, ["tape", ".detach()"]),
    "dlpack on the tape": (lambda: np.from_dlpack(ones(2)), BufferError, ["tape", ".detach()"]),
    "item of several": (lambda: mg.ones(2, 3).item(), ValueError, ["item", "[2, 3]", "6", "1"]),
    "float of several": (lambda: float(mg.ones(2)), ValueError, ["[2]", "2 elements"]),
    "truth of several": (lambda: bool(mg.ones(2)), ValueError, ["bool", "[2]", ".any()", ".all()"]),
    "truth of none": (lambda: bool(mg.zeros(0)), ValueError, ["bool", "[0]"]),
    "if x == y": (lambda: 1 if mg.ones(2) == mg.ones(2) else 0, ValueError, ["bool", ".all()"]),
    "a chain of comparisons": (lambda: 0 < mg.ones(2) < 2, ValueError, ["bool", ".all()"]),
    "len of a number": (lambda: len(mg.tensor(1.0)), TypeError, ["len"]),
    "assign to a leaf": (
        lambda: ones(2).__setitem__(0, 1.0),
        RuntimeError,
        ["__setitem__", "tape", "no_grad()"],
    ),
    "change a leaf": (lambda: ones(2).add_(1), RuntimeError, ["add_", "tape", "no_grad()"]),
    "set grad to an array": (
        lambda: setattr(ones(2), "grad", np.ones(2, f32)),
        TypeError,
        ["grad", "ndarray"],
    ),
    "set grad of another shape": (
        lambda: setattr(ones(2), "grad", mg.ones(3)),
        ValueError,
        ["grad", "[2]", "[3]"],
    ),
    "set grad of an interior tensor": (
        lambda: setattr(ones(2) * 2, "grad", mg.ones(2)),
        RuntimeError,
        ["grad", "leaf"],
    ),
    "a hook without a tape": (
        lambda: mg.ones(2).register_hook(print),
        RuntimeError,
        ["register_hook", "no gradient"],
    ),
    "a hook that is none": (lambda: ones(2).register_hook(3), TypeError, ["register_hook", "int"]),  # type: ignore[arg-type]
    "retain_grad without a tape": (
        lambda: mg.ones(2).retain_grad(),
        RuntimeError,
        ["retain_grad", "no gradient"],
    ),
    "an attribute that is none": (lambda: mg.ones(2).foo, AttributeError, ["Tensor", "foo"]),
    # ---- in place
    "copy_ of another shape": (
        lambda: mg.zeros(2).copy_(mg.ones(3)),
        ValueError,
        ["copy_", "(3,)", "(2,)"],
    ),
    "add_ of a float to integers": (
        lambda: mg.arange(3).add_(1.5),
        TypeError,
        ["add_", "float", "int64"],
    ),
    "add_ that would broadcast itself": (
        lambda: mg.zeros(1).add_(mg.ones(3)),
        ValueError,
        ["add_", "(3,)", "(1,)"],
    ),
    "mul_ by a string": (lambda: mg.ones(2).mul_("a"), TypeError, ["str"]),
    "normal_ of integers": (lambda: mg.arange(3).normal_(), TypeError, ["normal", "int64"]),
    # ---- random numbers
    "a seed that is negative": (lambda: mg.manual_seed(-1), ValueError, ["manual_seed", "-1"]),
    "a seed that is a float": (
        lambda: mg.manual_seed(1.5),  # type: ignore[arg-type]
        (TypeError, ValueError),
        ["manual_seed", "1.5"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_message_names_what_was_wrong(mistake: str) -> None:
    make, kind, parts = MISTAKES[mistake]
    with pytest.raises(kind) as caught:
        make()
    assert re.search(".*".join(map(re.escape, parts)), str(caught.value), re.DOTALL), caught.value
    assert len(str(caught.value)) < 400


def test_a_message_does_not_print_whole_tensors() -> None:
    with pytest.raises(TypeError) as caught:
        mg.ones(100, 100) + [[1.0] * 100] * 100
    assert len(str(caught.value)) < 300


def test_an_error_leaves_no_trace_on_the_tape() -> None:
    x = ones(2)
    y = x * 2
    for _ in range(3):
        with pytest.raises(ValueError, match="add"):
            y + mg.ones(3)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]


def test_what_changed_in_place_is_named_with_what_to_do() -> None:
    w = ones(2)
    loss = (w * w).sum()
    with mg.no_grad():
        w.zero_()
    with pytest.raises(RuntimeError) as caught:
        loss.backward()
    for part in ("multiply", "[2]", "in place", "before the change"):
        assert part in str(caught.value)


def test_cuda_that_is_not_there_says_why() -> None:
    try:
        mg.device("cuda")
    except Exception:
        for use in (lambda: mg.device("cuda"), lambda: mg.zeros(2).cuda()):
            with pytest.raises(RuntimeError, match=r"(?i)cuda"):
                use()
    else:
        pytest.skip("there is a CUDA device")

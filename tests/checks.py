"""check_op: all that must hold of every op, whatever it computes."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.tools.gradcheck import gradcheck, gradgradcheck
from tests.devices import check_as_on_the_cpu, stand_in
from tests.leaves import leaf_on
from tests.strategies import negative_strides

# A central difference of step 1e-6 is off by 1e-9 or so; a random cotangent adds some of them up.
TOLERANCES = {"atol": 1e-6, "rtol": 1e-5, "fast_mode": True}


def check_op(
    f: Callable[..., Any],
    reference: Callable[..., Any],
    *arrays: np.ndarray,
    rtol: float = 1e-12,
    float32_tolerance: float = 2e-5,
) -> None:
    """Check f, which takes tensors or plain arrays and gives one or a tuple of them.

    - The value is `reference`'s, which was written independently; plain arrays give the same.
    - First and second gradients are those of central differences, for random cotangents.
    - What comes in as float32 stays so, out and back, and as float64 too; results agree.
    - Inputs stay as they are; gradients belong to nobody else, and can be written to.
    - A cotangent may lie anywhere in memory; an operand's gradient does not depend on which others
      have one, nor on whether fused rules or plain ones made it.
    - On the stand-in for CUDA the same comes out.
    """
    before = [x.tobytes() for x in arrays]
    plain = as_list(f(*arrays))
    expected = as_list(reference(*[np.array(x) for x in arrays]))
    for out, wanted in zip(plain, expected, strict=True):
        assert isinstance(out, np.ndarray | np.generic), f"plain arrays gave a {type(out)}"
        np.testing.assert_allclose(out, wanted, rtol, atol=rtol)
        assert out.shape == np.shape(wanted)

    in_double = backward(f, arrays, np.float64)
    for out, wanted in zip(in_double.outputs, plain, strict=True):
        np.testing.assert_array_equal(out.array, wanted)
    in_single = backward(f, [x.astype(np.float32) for x in arrays], np.float32)
    for single, double in zip(in_single.results, in_double.results, strict=True):
        scale = max(1.0, abs(double).max(initial=0))
        np.testing.assert_allclose(single, double, 0, atol=float32_tolerance * scale)

    for alone in subsets(len(arrays)):
        some = backward(f, arrays, np.float64, alone)
        for i, g in zip(alone, some.gradients, strict=True):
            np.testing.assert_array_equal(g, in_double.gradients[i])

    leaves = [leaf_on(x) for x in arrays]
    assert gradcheck(f, leaves, **TOLERANCES)
    assert gradgradcheck(f, leaves, **TOLERANCES)
    assert [x.tobytes() for x in arrays] == before, "an input was changed"
    check_as_on_the_cpu(f, arrays, stand_in())


class backward:
    """The outputs and gradients of f for random cotangents; checks all that is not about values."""

    def __init__(self, f: Callable[..., Any], arrays: Any, dtype: type, which: Any = None) -> None:
        which = range(len(arrays)) if which is None else which
        operands = [leaf_on(x) if i in which else x for i, x in enumerate(arrays)]
        leaves = [operands[i] for i in which]
        self.outputs = as_list(f(*operands))
        rng = np.random.default_rng(0)
        cotangents = [np.asarray(rng.standard_normal(y.shape), dtype) for y in self.outputs]
        for i, y in enumerate(self.outputs):
            assert y.dtype == dtype, f"output {i} is {y.dtype} for {np.dtype(dtype)}"
        mg.backward(self.outputs, [mg.from_numpy(frozen(u)) for u in cotangents], retain_graph=True)
        self.gradients = [x.grad.array for x in leaves]
        self.results = [y.array for y in self.outputs] + self.gradients
        for x, g in zip(leaves, self.gradients, strict=True):
            assert (g.shape, g.dtype) == (x.shape, x.dtype), f"gradient {g.dtype}{g.shape} for {x}"
            assert g.flags.writeable, "a gradient cannot be written to"
        owned = [*self.gradients, *cotangents, *arrays]
        for a, b in combinations(range(len(owned)), 2):
            if a < len(self.gradients):
                assert not np.shares_memory(owned[a], owned[b]), "a gradient is shared"

        elsewhere = [mg.from_numpy(negative_strides(u)) for u in cotangents]
        plainly = mg.grad(self.outputs, leaves, elsewhere, create_graph=True)  # no fused rules
        again = mg.grad(self.outputs, leaves, elsewhere)
        for g, *others in zip(self.gradients, plainly, again, strict=True):
            # Sums in another order: a few units in the last place of the largest term.
            for h in others:
                atol = 50 * np.finfo(dtype).eps * size(g)
                np.testing.assert_allclose(h.array, g, 1e-5, atol=atol)


def beside(array: np.ndarray, x: Any) -> Any:
    """An array that f reads besides its operands: on x's device, floats in x's dtype."""
    if not isinstance(x, mg.Tensor):
        return array
    return mg.tensor(array, device=x.device, dtype=x.dtype if array.dtype.kind == "f" else None)


def frozen(x: np.ndarray) -> np.ndarray:
    x.flags.writeable = False
    return x


def size(x: np.ndarray) -> float:
    return max(1.0, float(abs(x).max(initial=0)))


def subsets(n: int) -> list[tuple[int, ...]]:
    """The proper subsets of n operands, without the empty one."""
    return [some for k in range(1, n) for some in combinations(range(n), k)]


def as_list(made: Any) -> list[Any]:
    return list(made) if isinstance(made, tuple | list) else [made]

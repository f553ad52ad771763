"""detach, clone, copies, and the ways to NumPy and DLPack: who shares memory with whom."""

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from tests.leaves import leaf

arrays = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)


# ---- detach, clone, copies -----------------------------------------------------------------------


def test_detach_shares_memory_and_leaves_the_tape() -> None:
    x = leaf(1.0, 2.0)
    d = x.detach()
    assert not d.requires_grad
    assert x.requires_grad
    assert np.shares_memory(d.array, x.array)
    d[0] = 5.0
    assert x.tolist() == [5.0, 2.0]
    (x * x.detach()).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [5.0, 2.0]


def test_clone_has_its_own_memory_and_stays_on_the_tape() -> None:
    x = leaf(1.0, 2.0)
    c = x.clone()
    assert not np.shares_memory(c.array, x.array)
    c.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0]


def test_deepcopy_of_a_leaf_is_another_leaf() -> None:
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad
    assert y.is_leaf
    assert y.grad is not None
    assert not np.shares_memory(x.array, y.array)
    assert x.grad is not None
    assert not np.shares_memory(x.grad.array, y.grad.array)
    x.grad = y.grad = None
    (x * 2 + y * 5).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]  # type: ignore[attr-defined]
    assert y.grad.tolist() == [5.0, 5.0]  # type: ignore[attr-defined]


def test_deepcopy_keeps_what_is_shared_shared() -> None:
    x = leaf(1.0)
    a, b, c = copy.deepcopy([x, x, mg.zeros(2)])
    assert a is b
    assert a is not x
    assert not c.requires_grad


def test_deepcopy_of_an_interior_tensor_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"leaf.*detach"):
        copy.deepcopy(leaf(1.0) * 2)


def test_data_is_a_tensor_off_the_tape_on_the_same_memory() -> None:
    w = leaf(1.0, 2.0)
    assert isinstance(w.data, mg.Tensor)
    assert not w.data.requires_grad
    w.data.clamp_(max=1.5)
    w.data -= 0.5
    w.data[0] = 7.0
    assert w.tolist() == [7.0, 1.0]
    assert w.requires_grad
    assert w.data.size(0) == 2
    w.data = mg.tensor([3.0, 4.0], dtype=np.float64)
    (w * w).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [6.0, 8.0]


def test_changes_of_data_are_seen_by_the_tape() -> None:
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    w.data.mul_(2.0)
    with pytest.raises(RuntimeError, match=r"'multiply' saved .* changed in place"):
        loss.backward()


def test_a_tensor_takes_over_only_what_fits() -> None:
    w = leaf(1.0, 2.0)
    with pytest.raises(TypeError, match="data: needs a tensor, got ndarray"):
        w.data = np.zeros(2)  # type: ignore[assignment]
    for other in (mg.zeros(3, dtype=np.float64), mg.zeros(2)):
        with pytest.raises(ValueError, match=r"data: needs float64\[2\] on cpu, got"):
            w.data = other
    assert w.tolist() == [1.0, 2.0]


def test_array_is_the_raw_memory_whose_changes_nobody_sees() -> None:
    """`.array` is what the tape reads: changing it by hand is not noticed; minigrad's own methods,
    or tape.mutated(), are how a change is made known."""
    c = mg.tensor([1.0, 2.0], dtype=np.float64)
    assert isinstance(c.array, np.ndarray)
    x = leaf(1.0, 1.0)
    y = (x * c).sum()
    c.array[0] = 100.0
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [100.0, 2.0]


# ---- to and from NumPy and DLPack ----------------------------------------------------------------


def test_numpy_shares_memory_both_ways() -> None:
    t = mg.zeros(3)
    t.numpy()[0] = 1.0
    assert t.tolist() == [1.0, 0.0, 0.0]
    array = np.zeros(3)
    shared = mg.from_numpy(array)
    shared.add_(1)
    assert array.tolist() == [1.0, 1.0, 1.0]
    assert shared.dtype == np.float64


def test_what_is_on_the_tape_needs_detach_or_force() -> None:
    x = leaf(1.0)
    for t in (x, x * 2):
        for convert in (lambda t: t.numpy(), np.asarray, np.array, lambda t: t.__array__()):
            with pytest.raises(RuntimeError, match=r"on the tape.*detach\(\)"):
                convert(t)
        with pytest.raises(BufferError, match=r"on the tape.*detach\(\)"):
            np.from_dlpack(t)
        assert t.numpy(force=True).tolist() == t.detach().numpy().tolist()


def test_array_protocol() -> None:
    t = mg.tensor([1.0, 2.0])
    assert np.shares_memory(np.asarray(t), t.array)
    assert not np.shares_memory(np.array(t), t.array)
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert np.asarray(t, copy=False) is not None
    with pytest.raises(ValueError, match="copy"):
        np.asarray(t, dtype=np.int64, copy=False)
    assert np.stack([t, t]).shape == (2, 2)
    assert np.allclose(t, [1.0, 2.0])
    np.testing.assert_array_equal(t, [1.0, 2.0])


@given(arrays)
def test_dlpack_shares_memory_both_ways(array: Any) -> None:
    t = mg.tensor(array)
    out = np.from_dlpack(t)
    np.testing.assert_array_equal(out, array)
    assert np.shares_memory(out, t.array) or array.size == 0
    back = mg.from_dlpack(array)
    assert isinstance(back, mg.Tensor)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back.numpy(), array)
    assert np.shares_memory(back.array, array) or array.size == 0


def test_dlpack_of_pinned_memory_is_the_hosts() -> None:
    class Pinned:
        def __init__(self, array: Any) -> None:
            self.array = array

        def __dlpack__(self, **how: Any) -> Any:
            return self.array.__dlpack__()

        def __dlpack_device__(self) -> tuple[int, int]:
            return 3, 0

    array = np.arange(3.0)
    assert np.shares_memory(mg.from_dlpack(Pinned(array)).array, array)


def test_dlpack_of_views() -> None:
    t = mg.arange(12).reshape(3, 4).T[1:, ::2]
    np.testing.assert_array_equal(np.from_dlpack(t), t.numpy())
    t.fill_(7)
    assert (np.from_dlpack(t) == 7).all()

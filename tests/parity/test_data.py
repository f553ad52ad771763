"""minigrad.utils.data beside torch.utils.data: the form, dtypes and values of batches."""

from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import minigrad.utils.data

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

Point = namedtuple("Point", "x y")

# Samples i of a data set, made with the tensors of t: torch or minigrad.
SAMPLES: dict[str, Any] = {
    "tensors": lambda t, i: t.ones(2, 3) * i,
    "numbers as tensors": lambda t, i: t.tensor(i),
    "floats": lambda t, i: i / 2,
    "ints": lambda t, i: i,
    "bools": lambda t, i: i % 2 == 0,
    "strings": lambda t, i: f"sample {i}",
    "bytes": lambda t, i: b"sample",
    "arrays": lambda t, i: np.full((2,), i, np.int32),
    "float64 arrays": lambda t, i: np.full((2, 1), i / 3),
    "NumPy's numbers": lambda t, i: np.float32(i),
    "tuples": lambda t, i: (t.ones(2) * i, i),
    "lists": lambda t, i: [i, 2.0 * i],
    "dicts": lambda t, i: {"image": t.zeros(1, 2) + i, "label": i, "name": str(i)},
    "ordered dicts": lambda t, i: OrderedDict(b=i, a=(i, float(i))),
    "named tuples": lambda t, i: Point(i, np.zeros(2)),
    "all of it": lambda t, i: {"a": [(i, {"b": Point(t.ones(1), "x")})], "c": np.uint8(i)},
}
LOADERS: dict[str, Any] = {
    "batches": {"batch_size": 3}, "drop_last": {"batch_size": 3, "drop_last": True},
    "one by one": {}, "no batches": {"batch_size": None}, "sampler": {"sampler": [4, 0, 2]},
    "batch_sampler": {"batch_sampler": [[1, 2], [0]]},
    "collate_fn": {"batch_size": 2, "collate_fn": lambda samples: samples[::-1]},
}  # fmt: skip


def agree(ours: Any, theirs: Any) -> None:
    """The same form, and the same at each place."""
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, mg.Tensor)
        assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
        assert ours.tolist() == theirs.tolist() and ours.shape == tuple(theirs.shape)
    elif isinstance(theirs, dict):
        assert isinstance(ours, dict) and [*ours] == [*theirs]
        agree([*ours.values()], [*theirs.values()])
    elif isinstance(theirs, list | tuple):
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            agree(a, b)
    elif isinstance(theirs, np.ndarray):
        assert np.array_equal(ours, theirs)
    else:
        assert type(ours) is type(theirs) and ours == theirs


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("how", LOADERS)
def test_batches(name: str, how: str) -> None:
    made = []
    for t in (mg, torch):
        data = [SAMPLES[name](t, i) for i in range(5)]
        loader = t.utils.data.DataLoader(data, **LOADERS[how])
        made.append((len(loader), [*loader]))
    assert made[0][0] == made[1][0]
    agree(made[0][1], made[1][1])


@pytest.mark.filterwarnings("ignore:Length of split")  # PyTorch's, where a part is empty
@pytest.mark.parametrize(
    "lengths", [[7, 3], [0.5, 0.5], [0.25, 0.25, 0.5], [0.7, 0.2, 0.1], [1, 0], [3, 3], [0.5, 0.4]]
)
def test_random_split(lengths: list[float]) -> None:
    found = []
    for t in (mg, torch):
        try:
            parts = t.utils.data.random_split(range(10), lengths)
            found.append(([len(part) for part in parts], sorted(x for part in parts for x in part)))
        except ValueError:
            found.append(([], []))
    assert found[0] == found[1]


def test_data_sets_made_of_others() -> None:
    made = []
    for t in (mg, torch):
        u = t.utils.data
        data = u.TensorDataset(t.arange(6), t.arange(6.0) * 2)
        both = u.ConcatDataset([u.Subset(data, [5, 1]), data]) + u.Subset(data, [0])
        made.append((len(both), both[-1], [*u.DataLoader(both, 4)], both.datasets[0][1]))
    agree(*made)

"""Batches out of samples, samplers, parts of data sets: what PyTorch code does with them."""

from collections import Counter, namedtuple
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    ImageDataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    random_split,
)

Pair = namedtuple("Pair", "x y")


class Squares(Dataset):
    """A data set as PyTorch code has them: one sample at a time."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Any:
        assert type(index) is int
        if not 0 <= index < self.n:
            raise IndexError(index)
        return mg.tensor([float(index)]), index * index


class Stream(IterableDataset):
    def __init__(self, *values: int) -> None:
        self.values = values

    def __iter__(self) -> Any:
        return iter(self.values)


# ---- default_collate -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "expected", "dtype"),
    [
        ([mg.tensor([1.0]), mg.tensor([2.0])], [[1.0], [2.0]], "float32"),
        ([np.ones(2), np.zeros(2)], [[1.0, 1.0], [0.0, 0.0]], "float64"),
        ([np.float32(1), np.float32(2)], [1.0, 2.0], "float32"),
        ([1.5, 2.5], [1.5, 2.5], "float64"),
        ([1, 2], [1, 2], "int64"),
        ([True, False], [True, False], "bool"),
        ([np.uint8(3), np.uint8(4)], [3, 4], "uint8"),
    ],
)
def test_what_has_one_kind_is_stacked(samples: Any, expected: Any, dtype: str) -> None:
    batch = default_collate(samples)
    assert (batch.tolist(), str(batch.dtype)) == (expected, dtype)


def test_containers_keep_their_form() -> None:
    sample = {"image": np.ones((1, 2)), "name": "a", "pair": Pair(1, 2.0), "both": (1, [2, 3])}
    batch = default_collate([sample, sample, sample])
    assert {*batch} == {*sample}
    assert batch["image"].shape == (3, 1, 2)
    assert batch["name"] == ["a", "a", "a"]
    assert isinstance(batch["pair"], Pair)
    assert batch["pair"].y.tolist() == [2.0, 2.0, 2.0]
    first, (second, third) = batch["both"]
    assert isinstance(batch["both"], list)
    assert (first.tolist(), second.tolist(), third.tolist()) == ([1] * 3, [2] * 3, [3] * 3)


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        ([None, None], TypeError, "got NoneType; give the DataLoader a collate_fn"),
        ([(1, 2), (1,)], ValueError, r"differ in length: \[2, 1\]"),
        ([np.ones(2), np.ones(3)], ValueError, r"differ in shape: \[\(2,\), \(3,\)\]"),
    ],
)
def test_what_makes_no_batch_is_said(samples: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        default_collate(samples)


# ---- DataLoader ----------------------------------------------------------------------------------


def test_one_sample_at_a_time_is_enough() -> None:
    batches = list(DataLoader(Squares(5), 2))
    assert all(isinstance(batch, list) for batch in batches)
    assert [x.shape for x, _ in batches] == [(2, 1), (2, 1), (1, 1)]
    assert [y.tolist() for _, y in batches] == [[0, 1], [4, 9], [16]]


@pytest.mark.parametrize("data", [np.arange(6.0).reshape(3, 2), mg.arange(6.0).reshape(3, 2)])
def test_an_array_is_a_data_set_of_its_rows(data: Any) -> None:
    for options in ({}, {"device": "cpu"}, {"collate_fn": default_collate}):
        first, second = DataLoader(data, 2, **options)
        assert (first.tolist(), second.tolist()) == ([[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0]])


@pytest.mark.parametrize("options", [{}, {"device": "cpu"}])
def test_lists_and_dicts_as_samples(options: Any) -> None:
    (batch,) = DataLoader([(np.zeros(2), 0), (np.ones(2), 1)], 2, **options)
    assert [part.tolist() for part in batch] == [[[0.0, 0.0], [1.0, 1.0]], [0, 1]]
    (batch,) = DataLoader([{"x": 1.0, "of": "a"}, {"x": 2.0, "of": "b"}], 2, **options)
    assert (batch["x"].tolist(), batch["of"]) == ([1.0, 2.0], ["a", "b"])
    assert [batch.tolist() for batch in DataLoader(range(3), 2, **options)] == [[0, 1], [2]]


def test_collate_fn_gets_the_samples_and_its_word_is_final() -> None:
    loader = DataLoader(range(5), 2, collate_fn=sum)
    assert list(loader) == [1, 5, 4]
    ours = DataLoader(TensorDataset(np.arange(4)), 2, collate_fn=lambda rows: np.stack(rows))
    assert [type(batch) for batch in ours] == [np.ndarray] * 2
    moved = DataLoader(range(4), 2, collate_fn=lambda rows: {"n": np.array(rows)}, device="cpu")
    assert [batch["n"].tolist() for batch in moved] == [[0, 1], [2, 3]]


def test_arrays_and_tensors_side_by_side() -> None:
    data = TensorDataset(mg.arange(4.0), np.arange(4))
    x, n = data[1]
    assert isinstance(x, mg.Tensor) and isinstance(n, np.integer)
    for _ in range(2):
        for x, n in DataLoader(data, 2, shuffle=True):
            assert x.dtype == np.float32 and n.dtype == np.int64
            assert x.tolist() == n.tolist()


def test_without_a_batch_size_samples_come_as_they_are() -> None:
    samples = list(DataLoader([{"x": np.ones(2)}, {"x": np.zeros(2)}], batch_size=None))
    assert [sample["x"].tolist() for sample in samples] == [[1.0, 1.0], [0.0, 0.0]]
    assert len(DataLoader(range(3), batch_size=None)) == 3
    assert list(DataLoader(Stream(1, 2), batch_size=None)) == [1, 2]


def test_streams() -> None:
    loader = DataLoader(Stream(*range(5)), 2)
    for _ in range(2):
        assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3], [4]]
    assert len(list(DataLoader(Stream(*range(5)), 2, drop_last=True))) == 2
    assert list(Stream(1) + Stream(2, 3)) == list(ChainDataset([Stream(1, 2), [3]])) == [1, 2, 3]
    with pytest.raises(RuntimeError, match="a stream cannot be saved"):
        loader.state_dict()


def test_what_is_for_processes_is_accepted() -> None:
    loader = DataLoader(
        Squares(4), 2, False, None, None, 4, None, True, True, timeout=3, prefetch_factor=2,
        persistent_workers=True, pin_memory_device="cuda", worker_init_fn=print,
    )  # fmt: skip
    assert len(list(loader)) == 2


def test_the_seed_is_that_of_manual_seed_or_a_given_one() -> None:
    def order(**how: Any) -> list[int]:
        return DataLoader(range(20), shuffle=True, **how).order(0).tolist()

    mg.manual_seed(7)
    seven = order()
    assert seven == order(seed=7) == order()
    mg.manual_seed(8)
    assert order() != seven == order(seed=7)


def test_a_generator_decides_alone() -> None:
    def drawn(seed: int) -> list[list[int]]:
        generator = mg.Generator().manual_seed(seed)
        weighted = WeightedRandomSampler([1.0] * 9, 9, generator=generator)
        samplers = [RandomSampler(range(9), generator=generator), weighted]
        samplers += [SubsetRandomSampler(range(9), generator)]
        loader = DataLoader(range(9), shuffle=True, generator=generator)
        part, _ = random_split(range(9), [5, 4], generator=generator)
        return [*map(list, samplers), loader.order(0).tolist(), list(part)]

    state = mg.get_rng_state()
    assert drawn(1) == drawn(1)
    assert all(first != second for first, second in zip(drawn(1), drawn(2)))
    assert np.array_equal(state, mg.get_rng_state())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": [0], "shuffle": True}, "no shuffle besides"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "a batch_sampler decides alone"),
        ({"batch_sampler": [[0]], "drop_last": True}, "a batch_sampler decides alone"),
        ({"batch_size": None, "drop_last": True}, "no last batch to drop"),
        ({"dataset": Stream(1), "shuffle": True}, "in its own order"),
    ],
)
def test_arguments_that_exclude_each_other(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataLoader(**({"dataset": range(3)} | options))


def test_what_is_no_data_set_is_said() -> None:
    for wrong in ((i for i in range(3)), 5, None):
        with pytest.raises(TypeError, match="a data set has __getitem__"):
            DataLoader(wrong)


# ---- samplers ------------------------------------------------------------------------------------


def test_samplers_give_the_order() -> None:
    assert [b.tolist() for b in DataLoader(range(9), 2, sampler=[8, 1, 3])] == [[8, 1], [3]]
    assert len(DataLoader(range(9), 2, sampler=[8, 1, 3], drop_last=True)) == 1
    batches = DataLoader(range(9), batch_sampler=[[1], [2, 3, 4]])
    assert [b.tolist() for b in batches] == [[1], [2, 3, 4]]
    assert len(batches) == 2
    with pytest.raises(RuntimeError, match="the order of a sampler"):
        batches.state_dict()
    assert list(SequentialSampler(range(3))) == [0, 1, 2]
    assert list(BatchSampler(SequentialSampler("abc"), 2, True)) == [[0, 1]]
    assert list(BatchSampler(SequentialSampler("abc"), 2, False)) == [[0, 1], [2]]
    with pytest.raises(NotImplementedError, match="Sampler needs an __iter__"):
        iter(Sampler())


def test_random_samplers_draw_each_once() -> None:
    for sampler in (RandomSampler(range(9)), SubsetRandomSampler(range(9))):
        first, second = list(sampler), list(sampler)
        assert sorted(first) == sorted(second) == list(range(9))
        assert first != second
        assert len(sampler) == 9
    assert sorted(SubsetRandomSampler([5, 7])) == [5, 7]
    more = Counter(RandomSampler(range(4), num_samples=10))
    assert sum(more.values()) == 10 and min(more.values()) >= 2
    assert len(list(RandomSampler(range(2), replacement=True, num_samples=50))) == 50
    mg.manual_seed(3)
    once = list(RandomSampler(range(30)))
    mg.manual_seed(3)
    assert once == list(RandomSampler(range(30)))


def test_weights_are_frequencies() -> None:
    drawn = Counter(WeightedRandomSampler([1.0, 0.0, 3.0], 20_000))
    assert drawn[1] == 0
    assert abs(drawn[2] / 20_000 - 0.75) < 5 * (0.75 * 0.25 / 20_000) ** 0.5
    firsts = Counter(next(iter(WeightedRandomSampler([1, 0, 3], 2, False))) for _ in range(4000))
    assert firsts[1] == 0
    assert abs(firsts[2] / 4000 - 0.75) < 5 * (0.75 * 0.25 / 4000) ** 0.5
    assert sorted(WeightedRandomSampler([1, 0, 3], 2, replacement=False)) == [0, 2]
    for weights, n, replacement in (([1, 0], 2, False), ([0, 0], 1, True), ([-1, 2], 1, True)):
        with pytest.raises(ValueError, match="WeightedRandomSampler"):
            WeightedRandomSampler(weights, n, replacement)


# ---- parts and sums of data sets -----------------------------------------------------------------


def test_subsets_have_fast_batches_of_fast_data_sets() -> None:
    pixels = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    data = ImageDataset(pixels, np.arange(10), "ten", ())
    part = Subset(data, [9, 3, 5])
    assert len(part) == 3 and part[1][1] == 3
    ((images, labels),) = DataLoader(Subset(part, [2, 0]), 2)
    assert labels.tolist() == [5, 9]
    assert images.dtype == np.float32 and images.shape == (2, 1, 1, 1)


@pytest.mark.parametrize("drop_last", [False, True])
def test_there_are_as_many_batches_as_are_told(drop_last: bool) -> None:
    for n in range(7):
        for size in (1, 2, 3):
            batches = BatchSampler(SequentialSampler(range(n)), size, drop_last)
            assert len(batches) == len(list(batches))


def test_random_split() -> None:
    data = TensorDataset(np.arange(10))
    parts = random_split(data, [7, 3])
    assert [len(part) for part in parts] == [7, 3]
    rows = [int(row) for part in parts for (row,) in part]
    assert sorted(rows) == list(range(10)) != rows
    assert [len(part) for part in random_split(data, [0.5, 0.25, 0.25])] == [6, 2, 2]
    assert [len(part) for part in random_split(range(1), [1, 0])] == [1, 0]
    with pytest.raises(ValueError, match=r"\[7, 4\] do not add up to the 10 samples"):
        random_split(data, [7, 4])
    for fractions in ([0.5, 0.4], [0.5, 0.6], [1.5, -0.5]):
        with pytest.raises(ValueError, match="fractions must add up to 1"):
            random_split(data, fractions)


def test_concatenation() -> None:
    data = Squares(2) + TensorDataset(mg.ones(3, 1), mg.arange(3)) + Squares(1)
    assert isinstance(data, ConcatDataset)
    assert len(data) == 6
    assert [int(data[i][1]) for i in range(6)] == [0, 1, 0, 1, 2, 0]
    assert [int(data[i][1]) for i in range(-6, 0)] == [0, 1, 0, 1, 2, 0]
    for index in (6, -7):
        with pytest.raises(IndexError, match="no sample"):
            data[index]
    for datasets in ([], [Stream(1)]):
        with pytest.raises(ValueError, match="ConcatDataset"):
            ConcatDataset(datasets)


def test_what_a_subclass_has_to_have_is_said() -> None:
    with pytest.raises(NotImplementedError, match="Dataset needs a __getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="needs an __iter__"):
        iter(IterableDataset())

"""DataLoader: each index once per epoch, an order of (seed, epoch) alone, exact restoring."""

import json
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.data import DataLoader, Dataset, ImageDataset, TensorDataset

sizes = st.integers(0, 40)
batch_sizes = st.integers(1, 50)
seeds = st.integers(0, 2**40)


def numbers(n: int) -> TensorDataset:
    return TensorDataset(np.arange(n), np.arange(n) * 0.5)


def epoch(loader) -> list[list[int]]:
    """The indices in each batch of the next epoch."""
    return [batch[0].tolist() for batch in loader]


def flat(batches: list[list[int]]) -> list[int]:
    return [index for batch in batches for index in batch]


@given(sizes, batch_sizes, st.booleans(), st.booleans(), seeds)
def test_every_index_once_per_epoch(n, batch_size, shuffle, drop_last, seed):
    loader = DataLoader(numbers(n), batch_size, shuffle, drop_last=drop_last, seed=seed)
    for _ in range(3):
        batches = epoch(loader)
        assert len(batches) == len(loader)
        assert all(len(batch) == batch_size for batch in batches[:-1])
        seen = flat(batches)
        if drop_last:
            assert all(len(batch) == batch_size for batch in batches)
            assert len(seen) == len(set(seen)) == n - n % batch_size
        else:
            assert sorted(seen) == list(range(n))
        if not shuffle:
            assert seen == list(range(len(seen)))


@given(st.integers(1, 40), batch_sizes, st.booleans(), seeds, st.integers(0, 100))
def test_the_order_depends_on_seed_and_epoch_only(n, batch_size, shuffle, seed, noise):
    def loader() -> DataLoader:
        return DataLoader(numbers(n), batch_size, shuffle, seed=seed)

    first, second = loader(), loader()
    expected = [epoch(first) for _ in range(3)]
    np.random.default_rng(noise).random(noise)
    got = []
    for _ in range(3):
        got.append(epoch(second))
        loader().order(noise)
    assert got == expected
    assert flat(got[2]) == first.order(2).tolist()


def test_generators_give_seeds_of_their_own():
    """Of few possible ones, some of 200 would be the same."""
    generators = [mg.Generator().manual_seed(i) for i in range(200)]
    seeds = {DataLoader(range(3), generator=g, shuffle=True).seed for g in generators}
    assert len(seeds) == 200


def test_epochs_and_seeds_have_different_orders():
    orders = [
        tuple(DataLoader(numbers(30), shuffle=True, seed=seed).order(epoch))
        for seed in range(5)
        for epoch in range(5)
    ]
    assert len(set(orders)) == 25


@given(sizes, batch_sizes, st.booleans(), st.booleans(), seeds, st.data())
def test_restored_in_the_middle_equals_uninterrupted(n, batch_size, shuffle, drop_last, seed, data):
    def loader() -> DataLoader:
        return DataLoader(numbers(n), batch_size, shuffle, drop_last=drop_last, seed=seed)

    whole = loader()
    expected = [epoch(whole) for _ in range(4)]
    done = data.draw(st.integers(0, 2), label="epochs before")
    taken = data.draw(st.integers(0, len(whole)), label="batches before")
    stopped = loader()
    for _ in range(done):
        epoch(stopped)
    before = [batch[0].tolist() for batch in islice(stopped, taken)]
    state = json.loads(json.dumps(stopped.state_dict()))
    assert (state["epoch"], state["batches"]) == (done, taken)

    restored = loader()
    restored.load_state_dict(state)
    assert restored.state_dict() == state
    assert before + epoch(restored) == expected[done]
    assert epoch(restored) == expected[done + 1]


@given(st.integers(4, 40), seeds)
def test_leaving_a_loop_abandons_its_epoch(n, seed):
    loader = DataLoader(numbers(n), 2, shuffle=True, seed=seed)
    expected = [loader.order(e).tolist() for e in range(3)]
    for _ in loader:
        break
    assert (loader.state_dict()["epoch"], loader.state_dict()["batches"]) == (0, 1)
    assert flat(epoch(loader)) == expected[1]
    assert (loader.state_dict()["epoch"], loader.state_dict()["batches"]) == (2, 0)
    assert flat(epoch(loader)) == expected[2]


def test_two_iterators_are_two_epochs_and_do_not_disturb_each_other():
    loader = DataLoader(numbers(9), 2, shuffle=True, seed=3)
    first, second = [], []
    for a, b in zip(loader, loader, strict=True):
        first += a[0].tolist()
        second += b[0].tolist()
    assert first == loader.order(0).tolist()
    assert second == loader.order(1).tolist()


def test_restored_at_the_end_of_an_epoch_has_none_of_its_batches_left():
    loader = DataLoader(numbers(5), 2)
    for _ in range(2):
        loader.load_state_dict(DataLoader(numbers(5), 2).state_dict() | {"epoch": 7, "batches": 3})
        assert epoch(loader) == []
        assert loader.state_dict()["epoch"] == 8
        assert len(epoch(loader)) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "the state has seed 1, this loader has 0"),
        ({"samples": 6}, "the state has samples 6, this loader has 5"),
        ({"batch_size": 3}, "the state has batch_size 3, this loader has 2"),
        ({"shuffle": 1}, "the state has shuffle 1, this loader has 0"),
        ({"drop_last": 1}, "the state has drop_last 1, this loader has 0"),
        ({"batches": 4}, "no such position: batch 4 of 3 in epoch 0"),
        ({"epoch": -1}, "no such position: batch 0 of 3 in epoch -1"),
    ],
)
def test_a_state_of_another_loader_is_refused(change, message):
    loader = DataLoader(numbers(5), 2)
    with pytest.raises(ValueError, match=message):
        loader.load_state_dict(loader.state_dict() | change)
    with pytest.raises(ValueError, match="keys missing: \\['batches', 'epoch'\\]"):
        loader.load_state_dict(dict(list(loader.state_dict().items())[2:]))


def test_bad_arguments():
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        DataLoader(numbers(5), 0)
    with pytest.raises(ValueError, match="DataLoader: seed must be at least 0, got -1"):
        DataLoader(numbers(5), seed=-1)


def test_batches_are_copies():
    data = TensorDataset(np.zeros(4))
    for (batch,) in DataLoader(data, 2):
        batch += 1
    assert data.tensors[0].sum() == 0


def images(n: int) -> ImageDataset:
    pixels = np.arange(n * 12, dtype=np.uint8).reshape(n, 3, 2, 2)
    return ImageDataset(pixels, np.arange(n) % 2, "test", ("even", "odd"))


def test_image_dataset():
    data = images(5)
    assert isinstance(data, Dataset) and isinstance(numbers(3), Dataset)
    assert len(data) == 5
    image, label = data[1]
    assert image.shape == (3, 2, 2) and image.dtype == np.float32 and label == 1
    expected = (np.arange(12, 24).reshape(3, 2, 2) / 255).astype(np.float32)
    np.testing.assert_array_equal(image, expected)
    for index in (slice(1, 4, 2), np.array([1, 3])):
        batch, labels = data[index]
        assert batch.shape == (2, 3, 2, 2) and batch.dtype == np.float32
        np.testing.assert_array_equal(batch[0], image)
        assert labels.tolist() == [1, 1]
    assert repr(data) == "ImageDataset(test: 5 images of 3x2x2)"
    with pytest.raises(IndexError):
        data[5]


def test_datasets_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match=r"must be uint8 \(N, C, H, W\), got float64 of shape"):
        ImageDataset(np.zeros((2, 1, 4, 4)), np.zeros(2, np.int64), "x", ())
    with pytest.raises(ValueError, match=r"labels needs one number for each of 2 images, got \(3,"):
        ImageDataset(np.zeros((2, 1, 4, 4), np.uint8), np.zeros(3, np.int64), "x", ())
    with pytest.raises(ValueError, match=r"first axes must agree, got \[\(2,\), \(3,\)\]"):
        TensorDataset(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="at least one array"):
        TensorDataset()


def test_batches_on_a_device_are_tensors():
    loader = DataLoader(images(5), 2, device="cpu")
    batches = list(loader)
    assert [len(labels) for _, labels in batches] == [2, 2, 1]
    pixels, labels = batches[1]
    expected, expected_labels = images(5)[2:4]
    assert pixels.numpy().dtype == np.float32 and labels.numpy().dtype == np.int64
    np.testing.assert_array_equal(pixels.numpy(), expected)
    np.testing.assert_array_equal(labels.numpy(), expected_labels)


@pytest.mark.parametrize("drop_last", [False, True])
def test_images_kept_on_a_device_come_in_the_same_batches(drop_last, monkeypatch):
    """As on a GPU with room for them; here the "other" device is the CPU, told to have some."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (11, 1, 2, 2)).astype(np.uint8)
    data = ImageDataset(images, np.arange(11), "drawn here", ())
    copies = []
    monkeypatch.setattr(ImageDataset, "on", lambda self, _: copies.append(self) or self)

    def batches(room: int) -> list[list[list[float]]]:
        monkeypatch.setattr(type(mg.device("cpu")), "room", lambda _: room)
        loader = DataLoader(data, 4, True, drop_last=drop_last, seed=3, device="cpu")
        first = [[x.tolist() for x in batch] for _ in range(2) for batch in loader]
        next(stopped := iter(loader))
        rest = DataLoader(data, 4, True, drop_last=drop_last, seed=3, device="cpu")
        rest.load_state_dict(loader.state_dict())
        stopped.close()
        return first + [[x.tolist() for x in batch] for batch in rest]

    usual = batches(4 * images.nbytes - 1)
    assert not copies
    assert batches(4 * images.nbytes) == usual
    assert copies == [data, data]  # once for each loader

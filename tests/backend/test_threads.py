"""Threads share work, and no result depends on how many there are."""

import multiprocessing
import sys
import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.backend import threads
from models.dcgan import DCGANDiscriminator, DCGANGenerator
from models.gan import GAN
from models.model import Learner, Model
from models.vae import conv_vae, mlp_vae


@pytest.fixture(autouse=True)
def _put_back():
    before = mg.get_num_threads()
    yield
    mg.set_num_threads(before)


def test_results_come_in_order_and_several_threads_work():
    mg.set_num_threads(4)
    both = threading.Barrier(2, timeout=60)  # passed by two at a time only

    def work(i):
        both.wait()
        return i, threading.get_ident()

    found = threads.for_blocks(6, work)
    assert [i for i, _ in found] == list(range(6))
    assert len({ident for _, ident in found}) > 1


@pytest.mark.parametrize("n", [1, 3])
def test_an_error_reaches_the_caller_and_the_pool_goes_on(n):
    mg.set_num_threads(n)

    def work(i):
        if i == 1:
            raise ValueError("block 1")
        return i

    with pytest.raises(ValueError, match="block 1"):
        threads.for_blocks(4, work)
    assert threads.for_blocks(3, lambda i: i) == [0, 1, 2]
    assert threads.for_blocks(0, work) == []


def test_blocks_may_have_blocks_of_their_own():
    mg.set_num_threads(2)
    nested = threads.for_blocks(4, lambda i: sum(threads.for_blocks(4, lambda j: i * j)))
    assert nested == [0, 6, 12, 18]


def test_numpys_manner_with_errors_is_the_callers():
    mg.set_num_threads(2)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        threads.for_blocks(8, lambda i: np.float32(1e38) * np.float32(1e38))


def test_parts_cover_everything_once():
    for n in (0, 1, 2, 7, 1000):
        for each in (1, 1000, 1 << 20):
            seen = np.zeros(n, int)

            def work(part, seen=seen):
                seen[part] += 1

            threads.for_parts(n, each, work)
            assert (seen == 1).all()


def test_parts_fit_into_a_cores_cache(monkeypatch):
    monkeypatch.setattr(threads, "_CACHED", 100)

    def sizes(n, each, least=1):
        found = []
        threads.for_parts(n, each, lambda part: found.append(len(range(n)[part])), least)
        return found

    mg.set_num_threads(1)  # one after the other
    assert sizes(10, 10) == [10]
    assert sizes(10, 11) == [5, 5]
    assert sizes(48, 10) == [6] * 8  # 5 would be enough, which 4 does not divide
    assert sizes(50, 10) == [7] * 7 + [1]
    assert sizes(50, 10, 30) == [50]
    assert sizes(50, 10, 20) == [25, 25]
    assert sizes(3, 1000) == [1, 1, 1]


def test_the_blas_has_one_thread_within_and_its_own_again_after():
    blas = threads._BLAS()
    if blas._set is None:
        pytest.skip("NumPy's BLAS is none that can be asked")
    before = blas._get()
    blas._set(2)
    try:
        assert set(threads.for_blocks(4, lambda i: blas._get())) == {1}
        assert blas._get() == 2
        with pytest.raises(ZeroDivisionError):
            threads.for_blocks(4, lambda i: 1 // 0)
        assert blas._get() == 2
    finally:
        blas._set(before)


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2", True, None])
def test_a_number_of_threads_is_whole_and_positive(bad):
    with pytest.raises(ValueError, match="set_num_threads: needs a whole number of at least 1"):
        mg.set_num_threads(bad)


def test_a_forked_process_is_in_no_block_of_another_thread():
    blas = threads._BLAS()
    if blas._set is None:
        pytest.skip("NumPy's BLAS is none that can be asked")
    before = blas._get()
    blas._set(2)
    try:
        blas.enter()
        blas._lock.acquire()  # as another thread may have it at the fork
        blas.forget()
        assert blas._get() == 2
        blas.enter()
        blas.leave()
        assert blas._get() == 2
    finally:
        blas._set(before)


def _product() -> None:
    both = threading.Barrier(2, timeout=20)
    threads.for_blocks(2, lambda _: both.wait())  # its own threads help, as the parent's did
    x = mg.ones(512, 512)
    sys.exit(0 if (x @ x).numpy()[0, 0] == 512 else 1)


@pytest.mark.skipif(not hasattr(threads.os, "fork"), reason="a fork is POSIX's")
def test_a_forked_process_computes():
    mg.set_num_threads(2)
    x = mg.ones(512, 512)
    assert (x @ x).numpy()[0, 0] == 512
    child = multiprocessing.get_context("fork").Process(target=_product)
    child.start()
    child.join(60)
    assert child.exitcode == 0


def _vae(network):
    def made() -> Model:
        model = network()
        return Learner(model, optim.Adam(model.parameters()))

    return made


def _gan() -> Model:
    networks = DCGANGenerator(8, (1, 32, 32), 32), DCGANDiscriminator((1, 32, 32), 32)
    return GAN(*networks, *[optim.Adam(net.parameters(), 2e-4) for net in networks], noise=8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (_vae(lambda: mlp_vae((1, 28, 28), 20, [400])), (130, 1, 28, 28)),
        (_vae(conv_vae), (65, 1, 28, 28)),
        (_gan, (33, 1, 32, 32)),
    ],
    ids=["mlp vae", "conv vae", "dcgan"],
)
def test_a_training_step_gives_the_same_bits_with_any_number_of_threads(model, shape):
    def trained(n):
        mg.set_num_threads(n)
        mg.manual_seed(0)
        learner = model()
        for _ in range(2):
            learner.train_step(mg.rand(*shape))
        return {k: v for part in learner.parts().values() for k, v in _arrays(part.state_dict())}

    one = trained(1)
    for n in (2, 4):
        other = trained(n)
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[k], other[k]) for k in one)


def _arrays(state, name=""):
    if isinstance(state, dict):
        for key, value in state.items():
            yield from _arrays(value, f"{name}.{key}")
    elif isinstance(state, mg.Tensor):
        yield name, state.numpy(force=True)

"""What a thread records: no_grad() and its relatives, and detect_anomaly()."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.tape import mode
from tests.leaves import leaf


@pytest.fixture(autouse=True)
def _unchanged() -> Iterator[None]:
    """Every test leaves the modes as it found them."""
    yield
    assert mg.is_grad_enabled()
    assert not mode.anomaly


def recording() -> bool:
    """Whether an operation of this thread is really recorded."""
    on = bool((leaf(1.0) * 2).requires_grad)
    assert on == mg.is_grad_enabled()
    return on


# ---- no_grad and relatives -----------------------------------------------------------------------


def test_no_grad_records_nothing() -> None:
    x = leaf(1.0)
    with mg.no_grad():
        y = x * 2
        assert x.requires_grad
        assert mg.zeros(2, requires_grad=True).requires_grad
    assert not y.requires_grad
    assert y.is_leaf
    assert (x * 2).requires_grad


def test_enable_grad_inside_of_no_grad() -> None:
    with mg.no_grad():
        with mg.enable_grad():
            assert recording()
        assert not recording()


def test_what_is_made_under_no_grad_is_a_constant() -> None:
    x = leaf(3.0)
    with mg.no_grad():
        c = x * 2
    (c * x).backward()
    assert x.grad is not None
    assert x.grad.item() == 6.0


@pytest.mark.parametrize("switch", [mg.no_grad, mg.enable_grad, mg.detect_anomaly])
def test_the_mode_comes_back_after_an_exception(switch: Any) -> None:
    with pytest.raises(ZeroDivisionError), switch():
        raise ZeroDivisionError
    assert recording()


Switches = list[tuple[str, bool]]


@given(st.lists(st.tuples(st.sampled_from(["no", "enable", "set", "anomaly"]), st.booleans())))
def test_any_nesting_returns_to_where_it_was(steps: Switches) -> None:
    def enter(rest: Switches) -> None:
        if not rest:
            return
        (name, flag), *rest = rest
        before = (mg.is_grad_enabled(), mode.anomaly)
        switch, wanted = {
            "no": (mg.no_grad(), (False, before[1])),
            "enable": (mg.enable_grad(), (True, before[1])),
            "set": (mg.set_grad_enabled, (flag, before[1])),
            "anomaly": (mg.detect_anomaly(), (before[0], True)),
        }[name]
        with switch(flag) if name == "set" else switch:
            assert (mg.is_grad_enabled(), mode.anomaly) == wanted
            enter(rest)
            assert (mg.is_grad_enabled(), mode.anomaly) == wanted
        assert (mg.is_grad_enabled(), mode.anomaly) == before

    enter(steps)


@pytest.mark.parametrize("make", [mg.no_grad, mg.enable_grad, mg.detect_anomaly])
def test_one_instance_can_be_entered_again_inside_of_itself(make: Any) -> None:
    switch = make()
    with switch, switch:
        with mg.enable_grad(), switch:
            pass
        assert mg.is_grad_enabled() is (make is not mg.no_grad)
    assert recording()
    assert not mode.anomaly


def test_set_grad_enabled_takes_a_flag() -> None:
    for flag in (False, True):
        with mg.set_grad_enabled(flag):
            assert recording() is flag
    assert recording()


def test_set_grad_enabled_called_alone_takes_effect_at_once() -> None:
    try:
        mg.set_grad_enabled(False)
        assert not recording()
    finally:
        mg.set_grad_enabled(True)
    assert recording()


# ---- as decorators -------------------------------------------------------------------------------


def test_decorated_functions() -> None:
    @mg.no_grad()
    def f(a: int, *, b: int) -> tuple[int, bool]:
        """Doc."""
        return a + b, recording()

    assert f(1, b=2) == (3, False)
    assert f(1, b=2) == (3, False)
    assert recording()
    assert f.__name__ == "f"
    assert f.__doc__ == "Doc."


def test_decorated_without_parentheses() -> None:
    @mg.no_grad
    def f() -> bool:
        return recording()

    @mg.enable_grad
    def g() -> bool:
        return recording()

    assert not f()
    with mg.no_grad():
        assert g()


def test_set_grad_enabled_as_a_decorator() -> None:
    @mg.set_grad_enabled(False)
    def f() -> bool:
        return recording()

    assert recording()  # decorating switches nothing
    assert not f()
    assert recording()


def test_a_decorated_function_that_calls_itself() -> None:
    @mg.no_grad()
    def down(n: int) -> list[bool]:
        return [recording()] + (down(n - 1) if n else [])

    assert down(5) == [False] * 6
    assert recording()


def test_decorated_methods() -> None:
    class Sampler:
        @mg.no_grad()
        def sample(self, n: int) -> tuple[int, bool]:
            return n, recording()

    assert Sampler().sample(3) == (3, False)


def test_a_decorated_function_that_raises() -> None:
    @mg.no_grad()
    def f() -> None:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            f()
        assert recording()


def test_a_decorated_generator_records_nothing_and_its_user_does() -> None:
    @mg.no_grad()
    def batches(n: int) -> Iterator[bool]:
        for _ in range(n):
            yield recording()
        assert not recording()

    seen = []
    for inside in batches(3):
        assert recording()
        seen.append(inside)
    assert seen == [False] * 3
    assert recording()


def test_a_decorated_generator_that_is_left_in_the_middle() -> None:
    @mg.no_grad()
    def forever() -> Iterator[bool]:
        while True:
            yield recording()

    values = forever()
    assert next(values) is False
    with mg.no_grad():
        assert next(values) is False
    assert recording()
    del values
    assert recording()


# ---- threads -------------------------------------------------------------------------------------


def in_thread(f: Callable[[], Any]) -> Any:
    found: list[Any] = []
    t = threading.Thread(target=lambda: found.append(f()))
    t.start()
    t.join()
    return found[0]


def test_a_thread_has_a_mode_of_its_own() -> None:
    with mg.no_grad():
        assert in_thread(recording)
        assert not recording()

    def work() -> bool:
        mg.set_grad_enabled(False)
        return recording()

    assert not in_thread(work)
    assert recording()


def test_detect_anomaly_is_the_threads_own() -> None:
    with mg.detect_anomaly():
        assert mode.anomaly
        assert not in_thread(lambda: mode.anomaly)


@pytest.mark.parametrize("share", ["decorator", "instance"])
def test_one_instance_in_two_threads_at_once(share: str) -> None:
    """The other thread enters while this one is inside, and leaves after it."""
    inside, leave = threading.Event(), threading.Event()
    switch = mg.no_grad()
    after: list[bool] = []

    def body(wait: bool) -> None:
        if wait:
            inside.set()
            assert leave.wait(10)

    decorated = switch(body)

    def enter(wait: bool) -> None:
        if share == "decorator":
            decorated(wait)
        else:
            with switch:
                body(wait)

    def other() -> None:
        with mg.no_grad():
            enter(True)
            after.append(mg.is_grad_enabled())

    t = threading.Thread(target=other)
    t.start()
    assert inside.wait(10)
    enter(False)
    here = mg.is_grad_enabled()
    leave.set()
    t.join()
    assert here
    assert after == [False]


# ---- detect_anomaly ------------------------------------------------------------------------------


def test_detect_anomaly_names_the_op_and_the_line() -> None:
    x = leaf(-1.0)
    with mg.detect_anomaly(), np.errstate(invalid="ignore"):
        y = (x.sqrt() * 2).sum()  # the line to be named
        with pytest.raises(RuntimeError, match=r"detect_anomaly: .*'sqrt' has a NaN") as caught:
            y.backward()
    message = str(caught.value)
    assert Path(__file__).name in message
    assert "in test_detect_anomaly_names_the_op_and_the_line" in message
    assert "y = (x.sqrt() * 2).sum()" in message
    line = int(message.split(Path(__file__).name + ":")[1].split()[0])
    assert "the line to be named" in Path(__file__).read_text("utf-8").splitlines()[line - 1]


def test_the_line_is_the_users_also_where_the_op_is_deep_in_the_library() -> None:
    x = leaf(2.0, 2.0)
    with mg.detect_anomaly(), np.errstate(invalid="ignore", divide="ignore"):
        y = x.std()  # a square root of 0, called for by std
        with pytest.raises(RuntimeError, match=r"has a NaN") as caught:
            (y - 0).backward(mg.tensor(np.nan, dtype=np.float64))
    assert Path(__file__).name in str(caught.value)


def test_detect_anomaly_works_for_grad_and_create_graph() -> None:
    for create_graph in (False, True):
        x = leaf(-1.0)
        with mg.detect_anomaly(), np.errstate(invalid="ignore"):
            y = x.log()
            z = y.exp() * x.sqrt()
            with pytest.raises(RuntimeError, match="NaN"):
                mg.grad(z, x, create_graph=create_graph)


def test_an_op_recorded_before_says_so() -> None:
    x = leaf(-1.0)
    with np.errstate(invalid="ignore"):
        y = x.sqrt()
        with mg.detect_anomaly(), pytest.raises(RuntimeError, match=r"'sqrt'.*\n.*detect_anomaly"):
            y.backward()


def test_infinities_and_finite_gradients_are_no_anomaly() -> None:
    x = leaf(0.0, 4.0)
    with mg.detect_anomaly(), np.errstate(divide="ignore"):
        x.sqrt().sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [np.inf, 0.25]


def test_without_detect_anomaly_a_nan_passes() -> None:
    x = leaf(-1.0)
    with np.errstate(invalid="ignore"):
        x.sqrt().backward()
    assert x.grad is not None
    assert np.isnan(x.grad.item())


def test_anomaly_keeps_no_frame_alive() -> None:
    import gc
    import weakref

    class Big:
        pass

    def record() -> tuple[mg.Tensor, Any]:
        big = Big()
        return leaf(1.0) * 2, weakref.ref(big)

    gc.disable()
    try:
        with mg.detect_anomaly():
            y, ref = record()
        assert y.requires_grad
        assert ref() is None
    finally:
        gc.enable()

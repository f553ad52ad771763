"""What every test shares: one thread, fixed seeds, hypothesis' profiles, the real data."""

import gc
import os
import random
import signal

# Before anything imports NumPy: the test processes share the cores, so each has one thread.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
# A job that a shell runs in the background ignores Ctrl-C, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["MPLBACKEND"] = "Agg"  # pictures go to files; no test opens a window

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, register_random, settings

import minigrad
from minigrad.backend import device
from tests.jitter.sitecustomize import jittered

pytest_plugins = ["tests.devices"]  # the fixture `device`

ROOT = Path(__file__).resolve().parent.parent

# Every profile draws the same examples each time: a red test is red for the next person too.
_same_each_time = settings(
    derandomize=True,
    database=None,
    deadline=None,  # a shared machine's clock is no verdict
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("default", _same_each_time, max_examples=50)
settings.register_profile("quick", _same_each_time, max_examples=8)  # make check
settings.register_profile("thorough", _same_each_time, max_examples=1000)
settings.load_profile("default")


class _RandomNumbers:
    """minigrad's random numbers as hypothesis wants them: it starts them anew for each example."""

    seed = staticmethod(minigrad.manual_seed)
    getstate = staticmethod(minigrad.get_rng_state)
    setstate = staticmethod(minigrad.set_rng_state)


_random_numbers = _RandomNumbers()
register_random(_random_numbers)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """-m "not slow" does not so much as import the files that are slow from end to end."""
    if config.option.markexpr != "not slow" or collection_path.suffix != ".py":
        return None
    return "\npytestmark = pytest.mark.slow\n" in collection_path.read_text("utf-8") or None


def pytest_collection_finish() -> None:
    """What is there now stays: the tests that ask the collector need not wait for it each time."""
    gc.collect()
    gc.freeze()


# Whose verdicts must not hang on last digits: networks are trained in them.
JITTERED = [ROOT / "tests" / name for name in ("models", "demos", "experiments", "explore")]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--jitter", type=int, metavar="SEED",
        help="change the last digits of matrix products in tests that train (tests/jitter)",
    )  # fmt: skip
    parser.addoption(
        "--shuffle", type=int, metavar="SEED",
        help="run the files, and the tests of each, in a drawn order",
    )  # fmt: skip


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """A drawn order for --shuffle; files stay together, so that their fixtures are made once."""
    seed = config.getoption("shuffle")
    if seed is not None:
        draw = random.Random(seed)
        place = {path: draw.random() for path in dict.fromkeys(item.path for item in items)}
        items.sort(key=lambda item: (place[item.path], draw.random()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    seed = item.config.getoption("jitter")
    if seed is None or not any(item.path.is_relative_to(folder) for folder in JITTERED):
        return (yield)
    with jittered(seed):
        return (yield)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Each test starts from the same random numbers, whichever ran before it."""
    minigrad.manual_seed(0)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Only reference counts free anything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def data_dir() -> Callable[[str], Path]:
    """data_dir("mnist") is the folder of that real data set; skips the test where there is none."""

    def find(name: str) -> Path:
        chosen = os.environ.get("MINIGRAD_DATA")
        home = Path(chosen) if chosen else ROOT.parent / "shared" / "data"
        folder = home / name
        if not folder.is_dir():
            pytest.skip(f"no {name} in {home}: set MINIGRAD_DATA to the folder that holds {name}/")
        return folder

    return find


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda") is not None:
        try:
            device("cuda")
        except RuntimeError as why:
            pytest.skip(f"no CUDA device: {str(why).removeprefix('cuda: ')}")

"""A run to explore, and its server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from demos.explore import examples
from demos.explore.api import API, opened
from demos.explore.server import Server
from tests.explore.serving import save_vae, serving


@pytest.fixture(scope="module", autouse=True)
def _few_images() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(examples, "COUNT", 200)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return save_vae(tmp_path_factory.mktemp("vae"), "--latent", "2")


@pytest.fixture(scope="module")
def api(run) -> API:
    return opened(run)


@pytest.fixture(scope="module")
def served(api) -> Iterator[Server]:
    with serving(api) as found:
        yield found

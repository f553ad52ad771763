"""A run to explore, and its server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from demos.explore import examples
from demos.explore.api import API
from demos.explore.opening import opened
from demos.explore.server import Server
from tests.explore.browser import Browser, chromedriver
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


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    if missing := [n for n in ("chromium", "chromedriver") if shutil.which(n) is None]:
        pytest.skip(f"no {' and no '.join(missing)}: Debian has them in chromium, chromium-driver")
    with chromedriver() as driver:
        found = Browser(driver, tmp_path_factory.mktemp("profile"))
        try:
            yield found
        finally:
            found.close()

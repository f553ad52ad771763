"""Networks that experiments share: trained on a GPU, measured on the CPU."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demos.common.kept import Kept, Setting
from demos.experiments import aae, autoencoders, autoregressives, dcgans, likelihood_vaes, vaes
from minigrad import Tensor, nn
from models.adversarial import Average
from models.model import Model

pytestmark = [pytest.mark.slow, pytest.mark.cuda]

SMALL: dict[str, Any] = {"limit": 60, "batch": 12}
TRAININGS: dict[str, Callable[[Setting], Kept]] = {
    "dcgan": lambda setting: dcgans.dcgan(setting, **SMALL, epochs=2, noise=3, width=2),
    "vae": lambda setting: vaes.kept_vae(setting, **SMALL, epochs=2, dynamic=True),
    "aae": lambda setting: aae.aae(setting, **SMALL, epochs=2),
    "autoencoder": lambda setting: autoencoders.autoencoder(
        setting, model="deep", falling=True, **SMALL
    ),
    "made": lambda setting: autoregressives.trained(setting, "made", **SMALL),
    "likelihood": lambda setting: likelihood_vaes.trained(
        setting, {"dataset": "glyphs", "k": 5, "epochs": 2, **SMALL}
    )[0],
}


def tensors(model: Any) -> Iterator[Tensor]:
    """All that a model is made of."""
    if isinstance(model, nn.Module):
        yield from (*model.parameters(), *model.buffers())
    elif isinstance(model, Average):
        yield from tensors(model.module)
    elif isinstance(model, Model):
        for part in vars(model).values():
            yield from tensors(part)


@pytest.mark.parametrize("name", TRAININGS)
def test_a_network_trained_on_a_gpu_is_measured_on_the_cpu(name: str, tmp_path: Path) -> None:
    setting = Setting(0, tmp_path, device="cuda")
    found = TRAININGS[name](setting)
    assert found.folder.name.endswith("-cuda")
    assert all(np.isfinite(value) for row in found.rows for value in row.values())
    held = [*tensors(found.model)]
    assert held
    assert all(x.device.type == "cpu" for x in held)
    again = [*tensors(TRAININGS[name](setting).model)]  # read from the folder
    for x, y in zip(held, again, strict=True):
        np.testing.assert_array_equal(x.numpy(force=True), y.numpy(force=True))


def test_a_network_without_noise_learns_there_what_it_learns_here(tmp_path: Path) -> None:
    here, there = (
        TRAININGS["autoencoder"](Setting(0, tmp_path, device=name)) for name in ("cpu", "cuda")
    )
    for ours, theirs in zip(here.rows, there.rows, strict=True):
        assert theirs == {name: pytest.approx(value, rel=1e-3) for name, value in ours.items()}

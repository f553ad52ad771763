"""Numbers that layers, losses, optimizers, schedules and loaders are made with: the least and the
largest are taken, what is just beyond them is refused in the name of both."""

import math
from collections.abc import Callable
from typing import Any

import pytest

import minigrad as mg
from minigrad import data, nn, optim
from minigrad.optim import lr_scheduler as lr

SAMPLES = range(3)
SHARE, LESS = (0.0, 1.0), (-1e-9, 1 + 1e-9)  # of a whole
ABOVE_0, NOT_ABOVE = (1e-9,), (0.0, -1.0)
NOT_NEGATIVE, NEGATIVE = (0.0,), (-1e-9,)
ONE, NONE = (1,), (0, -1)  # of things of which there must be one


def sgd(**options: Any) -> optim.SGD:
    return optim.SGD([nn.Parameter(mg.ones(1))], **{"lr": 0.1, **options})


def adam(**options: Any) -> optim.Adam:
    return optim.Adam([nn.Parameter(mg.ones(1))], **options)


def once(**options: Any) -> Any:
    return lr.OneCycleLR(sgd(momentum=0.9), **{"max_lr": 0.1, "total_steps": 5, **options})


def plateau(**options: Any) -> Any:
    return lr.ReduceLROnPlateau(sgd(), **options)


# What is called and what it is told: how; what it takes; what it refuses.
BOUNDS: dict[str, tuple[Callable[[Any], object], tuple[float, ...], tuple[float, ...]]] = {
    # ---- layers ----
    "Linear in_features": (lambda n: nn.Linear(n, 1), (0, 1), (-1,)),
    "Linear out_features": (lambda n: nn.Linear(1, n), (0, 1), (-1,)),
    "Conv2d in_channels": (lambda n: nn.Conv2d(n, 1, 1), ONE, NONE),
    "Conv2d out_channels": (lambda n: nn.Conv2d(1, n, 1), ONE, NONE),
    "Conv2d kernel_size": (lambda n: nn.Conv2d(1, 1, n), ONE, NONE),
    "Conv2d stride": (lambda n: nn.Conv2d(1, 1, 1, n), ONE, NONE),
    "Conv2d padding": (lambda n: nn.Conv2d(1, 1, 1, 1, n), (0, 1), (-1,)),
    "Conv2d dilation": (lambda n: nn.Conv2d(1, 1, 1, dilation=n), ONE, NONE),
    "Conv2d groups": (lambda n: nn.Conv2d(1, 1, 1, groups=n), ONE, NONE),
    "ConvTranspose2d output_padding": (
        lambda n: nn.ConvTranspose2d(1, 1, 2, 2, output_padding=n), (0, 1), (-1,)),
    "Embedding num_embeddings": (lambda n: nn.Embedding(n, 1), ONE, NONE),
    "Embedding embedding_dim": (lambda n: nn.Embedding(1, n), ONE, NONE),
    "Embedding padding_idx": (lambda n: nn.Embedding(3, 1, padding_idx=n), (-3, 2), (-4, 3)),
    "BatchNorm1d num_features": (nn.BatchNorm1d, ONE, NONE),
    "BatchNorm1d eps": (lambda e: nn.BatchNorm1d(1, eps=e), NOT_NEGATIVE, NEGATIVE),
    "BatchNorm1d momentum": (lambda m: nn.BatchNorm1d(1, momentum=m), SHARE, LESS),
    "LayerNorm normalized_shape": (nn.LayerNorm, ONE, NONE),
    "LayerNorm eps": (lambda e: nn.LayerNorm(1, eps=e), NOT_NEGATIVE, NEGATIVE),
    "GroupNorm num_groups": (lambda n: nn.GroupNorm(n, 1), ONE, NONE),
    "GroupNorm num_channels": (lambda n: nn.GroupNorm(1, n), ONE, NONE),
    "GroupNorm eps": (lambda e: nn.GroupNorm(1, 1, eps=e), NOT_NEGATIVE, NEGATIVE),
    "GRU input_size": (lambda n: nn.GRU(n, 1), ONE, NONE),
    "GRU hidden_size": (lambda n: nn.GRU(1, n), ONE, NONE),
    "GRU num_layers": (lambda n: nn.GRU(1, 1, n), ONE, NONE),
    "GRU dropout": (lambda p: nn.GRU(1, 1, 2, dropout=p), SHARE, LESS),
    "GRUCell input_size": (lambda n: nn.GRUCell(n, 1), ONE, NONE),
    "GRUCell hidden_size": (lambda n: nn.GRUCell(1, n), ONE, NONE),
    "Upsample size": (nn.Upsample, ONE, NONE),
    "Upsample scale_factor": (lambda f: nn.Upsample(scale_factor=f), ABOVE_0, NOT_ABOVE),
    "PixelShuffle upscale_factor": (nn.PixelShuffle, ONE, NONE),
    "PixelUnshuffle downscale_factor": (nn.PixelUnshuffle, ONE, NONE),
    "PReLU num_parameters": (nn.PReLU, ONE, NONE),
    "Dropout p": (nn.Dropout, SHARE, LESS),
    # ---- losses ----
    "SmoothL1Loss beta": (lambda b: nn.SmoothL1Loss(beta=b), NOT_NEGATIVE, NEGATIVE),
    "HuberLoss delta": (lambda d: nn.HuberLoss(delta=d), ABOVE_0, NOT_ABOVE),
    "CrossEntropyLoss label_smoothing": (
        lambda s: nn.CrossEntropyLoss(label_smoothing=s), SHARE, LESS),
    "GaussianNLLLoss eps": (lambda e: nn.GaussianNLLLoss(eps=e), ABOVE_0, NOT_ABOVE),
    # ---- optimizers ----
    "SGD lr": (lambda x: sgd(lr=x), NOT_NEGATIVE, NEGATIVE),
    "SGD momentum": (lambda x: sgd(momentum=x), NOT_NEGATIVE, NEGATIVE),
    "SGD weight_decay": (lambda x: sgd(weight_decay=x), NOT_NEGATIVE, NEGATIVE),
    "Adam lr": (lambda x: adam(lr=x), NOT_NEGATIVE, NEGATIVE),
    "Adam eps": (lambda x: adam(eps=x), NOT_NEGATIVE, NEGATIVE),
    "Adam betas": (lambda x: adam(betas=(x, 0.9)), (0.0, 1 - 1e-9), (-1e-9, 1.0)),
    "Adam betas of squares": (lambda x: adam(betas=(0.9, x)), (0.0, 1 - 1e-9), (-1e-9, 1.0)),
    # ---- schedules ----
    "StepLR step_size": (lambda n: lr.StepLR(sgd(), n), ONE, NONE),
    "StepLR last_epoch": (lambda n: lr.StepLR(sgd(), 1, last_epoch=n), (-1,), (-2,)),
    "MultiStepLR milestones": (lambda n: lr.MultiStepLR(sgd(), [n]), (0, 1), (-1,)),
    "LinearLR start_factor": (lambda x: lr.LinearLR(sgd(), x), (1e-9, 1.0), (0.0, 1 + 1e-9)),
    "LinearLR end_factor": (lambda x: lr.LinearLR(sgd(), 0.5, x), SHARE, LESS),
    "LinearLR total_iters": (lambda n: lr.LinearLR(sgd(), total_iters=n), ONE, NONE),
    "ConstantLR factor": (lambda x: lr.ConstantLR(sgd(), x), (1e-9, 1.0), (0.0, 1 + 1e-9)),
    "ConstantLR total_iters": (lambda n: lr.ConstantLR(sgd(), total_iters=n), (0, 1), (-1,)),
    "PolynomialLR total_iters": (lambda n: lr.PolynomialLR(sgd(), n), ONE, NONE),
    "PolynomialLR power": (lambda x: lr.PolynomialLR(sgd(), power=x), NOT_NEGATIVE, NEGATIVE),
    "CosineAnnealingLR T_max": (lambda n: lr.CosineAnnealingLR(sgd(), n), ONE, NONE),
    "ReduceLROnPlateau patience": (lambda n: plateau(patience=n), (0, 1), (-1,)),
    "ReduceLROnPlateau cooldown": (lambda n: plateau(cooldown=n), (0, 1), (-1,)),
    "ReduceLROnPlateau threshold": (lambda x: plateau(threshold=x), NOT_NEGATIVE, NEGATIVE),
    "ReduceLROnPlateau eps": (lambda x: plateau(eps=x), NOT_NEGATIVE, NEGATIVE),
    "ReduceLROnPlateau min_lr": (lambda x: plateau(min_lr=x), NOT_NEGATIVE, NEGATIVE),
    "OneCycleLR pct_start": (lambda x: once(pct_start=x), SHARE, LESS),
    "OneCycleLR div_factor": (lambda x: once(div_factor=x), ABOVE_0, NOT_ABOVE),
    "OneCycleLR final_div_factor": (lambda x: once(final_div_factor=x), ABOVE_0, NOT_ABOVE),
    "OneCycleLR total_steps": (lambda n: once(total_steps=n), ONE, NONE),
    "OneCycleLR epochs": (
        lambda n: once(total_steps=None, epochs=n, steps_per_epoch=2), ONE, NONE),
    "OneCycleLR steps_per_epoch": (
        lambda n: once(total_steps=None, epochs=2, steps_per_epoch=n), ONE, NONE),
    # ---- data ----
    "DataLoader batch_size": (lambda n: data.DataLoader(SAMPLES, n), ONE, NONE),
    "DataLoader seed": (lambda n: data.DataLoader(SAMPLES, shuffle=True, seed=n), (0, 1), (-1,)),
    "DataLoader num_workers": (lambda n: data.DataLoader(SAMPLES, num_workers=n), (0,), (-1,)),
    "DataLoader timeout": (lambda x: data.DataLoader(SAMPLES, timeout=x), NOT_NEGATIVE, NEGATIVE),
    "RandomSampler num_samples": (
        lambda n: data.RandomSampler(SAMPLES, num_samples=n), (0, 1), (-1,)),
    "WeightedRandomSampler num_samples": (
        lambda n: data.WeightedRandomSampler([1.0], n), (0, 1), (-1,)),
    "BatchSampler batch_size": (lambda n: data.BatchSampler(SAMPLES, n, False), ONE, NONE),
}  # fmt: skip


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds(name: str) -> None:
    make, taken, refused = BOUNDS[name]
    for value in taken:
        make(value)
    owner, what, *_ = name.split()
    for value in (*refused, math.nan):
        with pytest.raises((ValueError, TypeError), match=f"{owner}: .*{what}"):
            make(value)

"""Nonsense for each numeric argument of the public classes, and what must become of it."""

import inspect
import math
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from minigrad import data, distributions, nn, optim
from minigrad.optim import lr_scheduler

HUGE = 2**70  # a finite number, of which others may come that are not
NONSENSE: tuple[Any, ...] = (
    *(0, -1, -0.5, 0.5, 2, 2.0, 7, HUGE, math.nan, math.inf, -math.inf),
    *(None, "x", b"x", "2", 1j, object, {}, (), (0, 0), (-1, -1), (2, 2, 2), [math.nan], (None, 1)),
    *(np.float32("nan"), np.array([1, 2]), range(2)),
)


class Case(NamedTuple):
    """A public class: sensible arguments, made anew each time, and what is done with what is made.

    `use` gives tensors and numbers, which have to be finite.
    """

    kind: Any
    sensible: Callable[[], Mapping[str, Any]]
    use: Callable[[Any], Any]


# ---- layers --------------------------------------------------------------------------------------


def through(*shape: int) -> Callable[[Any], Any]:
    """A layer's outputs in training for an input of this shape, and all gradients."""

    def use(layer: Any) -> list[Any]:
        repr(layer)
        x = mg.randn(*shape, requires_grad=True)
        outs = flat(layer(x))
        mg.backward([out.sum() for out in outs if out.requires_grad])
        return [*outs, x.grad, *(p.grad for p in layer.parameters())]

    return use


def loss(layer: Any) -> Any:
    """A loss of probabilities, for which all of them are defined."""
    return layer(mg.full((3, 4), 0.4), mg.full((3, 4), 0.5))


def loss_of_classes(layer: Any) -> Any:
    return layer(mg.randn(3, 4), mg.tensor([0, 1, 3]))


def flat(found: Any) -> list[Any]:
    return [x for part in found for x in flat(part)] if isinstance(found, tuple | list) else [found]


def layer(name: str, use: Any, **sensible: Any) -> Case:
    return Case(getattr(nn, name), lambda: sensible, use if callable(use) else through(*use))


LAYERS = [
    layer("Linear", (4, 3), in_features=3, out_features=2),
    layer("Embedding", lambda made: made(mg.tensor([0, 1])), num_embeddings=3, embedding_dim=2),
    layer("Conv1d", (2, 2, 5), in_channels=2, out_channels=4, kernel_size=3),
    layer("Conv2d", (2, 2, 5, 5), in_channels=2, out_channels=4, kernel_size=3),
    layer("ConvTranspose1d", (2, 2, 5), in_channels=2, out_channels=4, kernel_size=3),
    layer("ConvTranspose2d", (2, 2, 5, 5), in_channels=2, out_channels=4, kernel_size=3),
    layer("BatchNorm1d", (4, 3), num_features=3),
    layer("BatchNorm2d", (2, 3, 2, 2), num_features=3),
    layer("InstanceNorm1d", (2, 3, 4), num_features=3),
    layer("InstanceNorm2d", (2, 3, 2, 2), num_features=3),
    layer("LayerNorm", (4, 3), normalized_shape=3),
    layer("GroupNorm", (2, 4, 3), num_groups=2, num_channels=4),
    layer("Dropout", (3, 4)),
    layer("Dropout2d", (3, 4, 2, 2)),
    layer("ELU", (2, 3)),
    layer("LeakyReLU", (2, 3)),
    layer("Hardtanh", (2, 3)),
    layer("PReLU", (2, 3)),
    layer("Softplus", (2, 3)),
    layer("Softmax", (2, 3), dim=1),
    layer("LogSoftmax", (2, 3), dim=1),
    layer("Flatten", (2, 3, 2)),
    layer("Unflatten", (2, 6), dim=1, unflattened_size=(2, 3)),
    layer("MaxPool2d", (2, 2, 6, 6), kernel_size=2),
    layer("AvgPool2d", (2, 2, 6, 6), kernel_size=2),
    layer("AdaptiveAvgPool2d", (2, 2, 6, 6), output_size=2),
    layer("Upsample", (2, 2, 2, 3), scale_factor=2),
    layer("PixelShuffle", (1, 4, 2, 3), upscale_factor=2),
    layer("PixelUnshuffle", (1, 4, 2, 4), downscale_factor=2),
    layer("ConstantPad2d", (2, 2, 3, 3), padding=1, value=0.5),
    layer("ZeroPad2d", (2, 2, 3, 3), padding=1),
    layer("ReflectionPad2d", (2, 2, 3, 3), padding=1),
    layer("ReplicationPad2d", (2, 2, 3, 3), padding=1),
    layer("CircularPad2d", (2, 2, 3, 3), padding=1),
    layer("GRUCell", (4, 3), input_size=3, hidden_size=2),
    layer("LSTMCell", (4, 3), input_size=3, hidden_size=2),
    layer("GRU", (3, 2, 3), input_size=3, hidden_size=2, num_layers=2),
    layer("LSTM", (3, 2, 3), input_size=3, hidden_size=2, num_layers=2),
    layer("SmoothL1Loss", loss),
    layer("HuberLoss", loss),
    layer("GaussianNLLLoss", lambda made: made(*(mg.full((3, 4), 0.4) for _ in "itv"))),
    layer("NLLLoss", loss_of_classes),
    layer("CrossEntropyLoss", loss_of_classes),
]

# ---- optimizers ----------------------------------------------------------------------------------


def learned() -> mg.Tensor:
    param = mg.tensor([1.0, 2.0], requires_grad=True)
    param.square().sum().backward()
    return param


def steps(made: Any) -> list[Any]:
    for _ in range(3):
        made.step()
    return [p for group in made.param_groups for p in group["params"]]


def optimizer(name: str, **sensible: Any) -> Case:
    return Case(getattr(optim, name), lambda: {"params": [learned()], **sensible}, steps)


OPTIMIZERS = [
    optimizer("SGD", lr=0.1, momentum=0.9),
    optimizer("Adam"),
    optimizer("AdamW"),
    optimizer("RMSprop"),
    optimizer("Adagrad"),
    optimizer("Adadelta"),
]


def rates(schedule: Any) -> list[float]:
    """The learning rates of four epochs, and where they bring a parameter."""
    losses = [1.0] if isinstance(schedule, lr_scheduler.ReduceLROnPlateau) else []
    found = schedule.get_last_lr()
    for _ in range(4):
        schedule.optimizer.step()
        schedule.step(*losses)
        found += schedule.get_last_lr()
    return found + steps(schedule.optimizer)


def schedule(name: str, **sensible: Any) -> Case:
    def arguments() -> dict[str, Any]:
        return {"optimizer": optim.SGD([learned()], lr=0.1, momentum=0.9), **sensible}

    return Case(getattr(lr_scheduler, name), arguments, rates)


def in_turn() -> dict[str, Any]:
    one = optim.SGD([learned()], lr=0.1)
    schedules = [lr_scheduler.ExponentialLR(one, 0.5), lr_scheduler.StepLR(one, 2)]
    return {"optimizer": one, "schedulers": schedules, "milestones": [2]}


SCHEDULES = [
    Case(lr_scheduler.SequentialLR, in_turn, rates),
    schedule("StepLR", step_size=2),
    schedule("MultiStepLR", milestones=[1, 3]),
    schedule("ExponentialLR", gamma=0.5),
    schedule("LinearLR"),
    schedule("ConstantLR"),
    schedule("PolynomialLR"),
    schedule("CosineAnnealingLR", T_max=3),
    schedule("LambdaLR", lr_lambda=lambda epoch: 0.5**epoch),
    schedule("MultiplicativeLR", lr_lambda=lambda epoch: 0.5),
    schedule("OneCycleLR", max_lr=0.5, total_steps=10),
    schedule("ReduceLROnPlateau"),
]

# ---- data, distributions -------------------------------------------------------------------------


def ten() -> data.TensorDataset:
    return data.TensorDataset(np.arange(10.0))


def drawn(made: Any) -> list[Any]:
    return [len(made), *flat(list(made))]


DATA = [
    Case(data.DataLoader, lambda: {"dataset": ten(), "batch_size": 3}, drawn),
    Case(data.RandomSampler, lambda: {"data_source": ten(), "replacement": True}, drawn),
    Case(
        data.WeightedRandomSampler,
        lambda: {"weights": [1.0, 0.0, 2.0], "num_samples": 2},
        drawn,
    ),
    Case(
        data.BatchSampler, lambda: {"sampler": range(5), "batch_size": 2, "drop_last": False}, drawn
    ),
]


def sampled(made: Any) -> list[Any]:
    sample = made.sample()
    return [sample, made.log_prob(sample), made.entropy()]


def normal() -> distributions.Normal:
    return distributions.Normal(mg.zeros(2, 3), mg.ones(2, 3))


DISTRIBUTIONS = [
    Case(distributions.Normal, lambda: {"loc": 0.0, "scale": 1.0}, sampled),
    Case(distributions.Bernoulli, lambda: {"probs": 0.3}, sampled),
    Case(distributions.Bernoulli, lambda: {"logits": 0.3}, sampled),
    Case(distributions.Categorical, lambda: {"probs": mg.ones(2, 3)}, sampled),
    Case(distributions.Categorical, lambda: {"logits": mg.ones(2, 3)}, sampled),
    Case(
        distributions.Independent,
        lambda: {"base_distribution": normal(), "reinterpreted_batch_ndims": 1},
        sampled,
    ),
]

CASES = [*LAYERS, *OPTIMIZERS, *SCHEDULES, *DATA, *DISTRIBUTIONS]


# ---- what is drawn, and the verdict --------------------------------------------------------------

USERS = {"lr_lambda", "sampler", "batch_sampler"}  # functions and samplers of one's own


def numeric(case: Case) -> Iterator[str]:
    """The arguments that are numbers, or rows of them, by what the signature says."""
    hints = typing.get_type_hints(case.kind.__init__)
    sensible = case.sensible()
    for name in inspect.signature(case.kind).parameters:
        hint = hints.get(name, Any)
        given = hint is Any and name in sensible and not isinstance(sensible[name], data.Dataset)
        if name in USERS:
            continue
        if given or int in parts(hint) or float in parts(hint):
            yield name


def parts(hint: Any) -> list[Any]:
    """All types in a hint, as int and float in `int | tuple[float, ...]`."""
    return [hint, *(part for arg in typing.get_args(hint) for part in parts(arg))]


FITTING = (2, 7, (), (2, 2, 2))  # which may be right, of another input
# What else is refused in use only: an axis, as in PyTorch, and what is 0 where it may be.
LATE = {
    "Softmax": "dim",
    "LogSoftmax": "dim",
    "Flatten": "end_dim",
    "Unflatten": "dim unflattened_size",
    "Linear": "in_features",
    "BatchNorm1d": "eps",
    "BatchNorm2d": "eps",
    "Upsample": "scale_factor",
}


def may_be_late(case: Case, name: str, value: Any) -> bool:
    if any(type(value) is type(x) and value == x for x in FITTING):
        return True
    return name in LATE.get(case.kind.__name__, "").split()


def fault(case: Case, changed: Mapping[str, Any]) -> str | None:
    """What is wrong with how a class answers to its sensible arguments with some changed, or None.

    It works and gives finite numbers, or refuses in its name: when it is made, or, if what is
    changed might fit something else, in use, by an error that the layer's name is noted on.
    """
    told = f"{case.kind.__name__}({', '.join(f'{k}={v!r:.40}' for k, v in changed.items())})"
    mg.manual_seed(0)
    made = None
    try:
        made = case.kind(**{**case.sensible(), **changed})
        found = flat(case.use(made))
    except (TypeError, ValueError, RuntimeError, LookupError) as error:
        words = [str(error.args[0]), *getattr(error, "__notes__", [])]
        named = any(re.match(rf"(in the layer )?{case.kind.__name__}\b", word) for word in words)
        late = made is not None and not any(may_be_late(case, *item) for item in changed.items())
        when = "in use, not when it is made: " if late else ""
        return None if named and not late else f"{told}: {when}{type(error).__name__}: {error}"
    except Exception as error:
        return f"{told}: {type(error).__name__}: {error}"
    if case.kind is nn.ConstantPad2d or any(x is HUGE for x in changed.values()):
        return None
    numbers = [np.asarray(getattr(x, "array", x)) for x in found if x is not None]
    if all(np.isfinite(x).all() for x in numbers):
        return None
    return f"{told}: taken, and gives numbers that are not finite"

"""The mistakes of a first training loop: the message says what was done, where, and what to do."""

import re
from collections.abc import Callable
from typing import Any

import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset


def logits(n: int = 4, classes: int = 10) -> mg.Tensor:
    return mg.randn(n, classes, requires_grad=True)


def two_losses_one_step() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    first, second = (model(mg.randn(5, 2)).square().sum() for _ in range(2))
    first.backward()
    optimizer.step()
    second.backward()


def loss_under_no_grad() -> None:
    model = nn.Linear(2, 1)
    with mg.no_grad():
        loss = model(mg.ones(3, 2)).sum()
    loss.backward()


def the_same_loss_twice() -> None:
    x = mg.ones(3, requires_grad=True)
    loss = (x * x).sum()
    loss.backward()
    loss.backward()


def a_module_without_forward() -> None:
    nn.Module()(mg.ones(2))


# what was done: (the mistake, the error's type, what its message must contain, in this order)
MISTAKES: dict[str, tuple[Callable[[], Any], Any, list[str]]] = {
    "images not flattened": (
        lambda: nn.Linear(784, 10)(mg.ones(4, 1, 28, 28)),
        ValueError,
        ["linear", "[4, 1, 28, 28]", "[10, 784]", "must be 784"],
    ),
    "data in float64": (
        lambda: nn.Linear(3, 2)(mg.ones(4, 3, dtype=mg.float64)),
        TypeError,
        ["linear", "float64", "float32", ".to("],
    ),
    "channels last": (
        lambda: nn.Conv2d(3, 8, 3)(mg.ones(2, 28, 28, 3)),
        ValueError,
        ["conv2d", "3 channels", "[2, 28, 28, 3]", "permute(0, 3, 1, 2)"],
    ),
    "grey images for a colour network": (
        lambda: nn.Conv2d(3, 8, 3)(mg.ones(2, 1, 28, 28)),
        ValueError,
        ["conv2d", "3 channels", "[2, 1, 28, 28]"],
    ),
    "a kernel larger than what is left": (
        lambda: nn.Conv2d(1, 8, 5)(mg.ones(2, 1, 3, 3)),
        ValueError,
        ["conv2d", "[5, 5]", "larger", "[3, 3]"],
    ),
    "a last batch of one": (
        lambda: nn.BatchNorm1d(3)(mg.ones(1, 3)),
        ValueError,
        ["batch_norm", "[1, 3]", "drop_last=True", "eval()"],
    ),
    "classes as floats": (
        lambda: F.cross_entropy(logits(), mg.ones(4)),
        ValueError,
        ["cross_entropy", "[4]", "[4, 10]", ".long()"],
    ),
    "a class too many": (
        lambda: F.cross_entropy(logits(), mg.tensor([0, 1, 2, 10])),
        IndexError,
        ["cross_entropy", "0 ... 9", "10"],
    ),
    "targets without their axis": (
        lambda: F.binary_cross_entropy_with_logits(logits(4, 1), mg.ones(4)),
        ValueError,
        ["binary_cross_entropy_with_logits", "[4]", "[4, 1]", "target.reshape(4, 1)"],
    ),
    "logits where probabilities belong": (
        lambda: F.binary_cross_entropy(mg.tensor([1.5]), mg.ones(1)),
        ValueError,
        ["binary_cross_entropy", "[0, 1]", "1.5"],
    ),
    "a class, not a layer": (
        lambda: nn.Sequential(nn.Linear(2, 2), nn.ReLU),  # type: ignore[arg-type]
        TypeError,
        ["'1'", "Module"],
    ),
    "a module without forward": (
        a_module_without_forward,
        NotImplementedError,
        ["Module", "forward()"],
    ),
    "the model to the optimizer": (
        lambda: optim.Adam(nn.Linear(2, 2)),  # type: ignore[arg-type]
        TypeError,
        ["Adam", "Linear", "model.parameters()"],
    ),
    "parameters used up": (
        lambda: [optim.Adam(p) for p in [nn.Linear(2, 2).parameters()] for _ in range(2)],
        ValueError,
        ["Adam", "empty list"],
    ),
    "a step without backward": (
        lambda: optim.Adam(nn.Linear(2, 2).parameters()).step(),
        UserWarning,
        ["Adam.step", "no parameter", "backward()"],
    ),
    "two losses, and a step between": (
        two_losses_one_step,
        RuntimeError,
        ["backward", "'linear'", "in place", "optimizer's step", "before the change"],
    ),
    "a loss made under no_grad": (
        loss_under_no_grad,
        RuntimeError,
        ["backward", "not on the tape", "no_grad()"],
    ),
    "backward from a number": (
        lambda: mg.tensor(logits().sum().item()).backward(),
        RuntimeError,
        ["backward", "not on the tape", ".item()"],
    ),
    "backward twice": (the_same_loss_twice, RuntimeError, ["'sum'", "freed", "retain_graph=True"]),
    "a tensor for a parameter": (
        lambda: setattr(nn.Linear(2, 2), "weight", mg.ones(2, 2)),
        TypeError,
        ["Linear", "'weight'", "nn.Parameter(...)"],
    ),
    "weights of another model": (
        lambda: nn.Linear(2, 2).load_state_dict(nn.Linear(3, 2).state_dict()),
        RuntimeError,
        ["weight", "float32[2, 3]", "float32[2, 2]"],
    ),
    "a word that was not embedded": (
        lambda: nn.Embedding(3, 2)(mg.tensor([3])),
        IndexError,
        ["embedding", "0 ... 2", "3"],
    ),
    "data and labels of two lengths": (
        lambda: TensorDataset(mg.ones(4, 2).numpy(), mg.ones(3).numpy()),
        ValueError,
        ["(4, 2)", "(3,)"],
    ),
    "a batch size of 0": (
        lambda: DataLoader(TensorDataset(mg.ones(4, 2).numpy()), batch_size=0),
        ValueError,
        ["batch_size", "0"],
    ),
    "data that are not there": (
        lambda: mg.load("nothing.safetensors"),
        FileNotFoundError,
        ["nothing.safetensors"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_message_says_what_to_do(mistake: str) -> None:
    make, kind, parts = MISTAKES[mistake]
    with pytest.raises(kind) as caught:
        make()
    assert re.search(".*".join(map(re.escape, parts)), str(caught.value), re.DOTALL), caught.value


# ---- where ---------------------------------------------------------------------------------------


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Flatten()
        self.body = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(100, 10))

    def forward(self, x: mg.Tensor) -> Any:
        return self.body(self.flat(x))


def notes(error: BaseException) -> list[str]:
    return list(error.__notes__)


def test_an_error_says_which_layer_of_the_model_it_came_from() -> None:
    with pytest.raises(ValueError, match="linear: x of shape") as caught:
        Classifier()(mg.ones(4, 1, 28, 28))
    assert notes(caught.value) == [
        "in the layer Linear(in_features=100, out_features=10, bias=True), which is 'body.2' of a "
        "Classifier"
    ]


def test_a_layer_alone_has_no_path_and_other_notes_stay() -> None:
    class Odd(nn.Module):
        def forward(self, x: mg.Tensor) -> mg.Tensor:
            error = KeyError("odd")
            error.add_note("see chapter 3")
            raise error

    with pytest.raises(KeyError) as caught:
        nn.Sequential(nn.Flatten(), Odd())(mg.ones(2, 2))
    assert notes(caught.value) == [
        "see chapter 3",
        "in the layer Odd(), which is '1' of a Sequential",
    ]
    with pytest.raises(KeyError) as caught:
        Odd()(mg.ones(2))
    assert notes(caught.value)[1:] == ["in the layer Odd()"]


def test_a_step_after_the_first_gradient_is_quiet() -> None:
    layer = nn.Linear(2, 2)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    layer(mg.ones(1, 2)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    optimizer.step()
    frozen = nn.Linear(2, 2).requires_grad_(False)
    optim.SGD(frozen.parameters(), lr=0.1).step()


def test_under_detect_anomaly_the_line_of_code_is_named() -> None:
    def lines(run: Callable[[Callable[[], None]], Any]) -> list[str]:
        messages = []
        for mistake in (two_losses_one_step, the_same_loss_twice):
            with pytest.raises(RuntimeError) as caught:
                run(mistake)
            messages.append(str(caught.value).splitlines()[-1])
        return messages

    in_place, freed = lines(lambda mistake: mg.detect_anomaly()(mistake)())
    assert "test_errors_training.py" in in_place
    assert "loss = (x * x).sum()" in freed
    assert all("detect_anomaly()" in line for line in lines(lambda f: f()))

"""Autoregressive models: probabilities that add up to 1, what sees what, and drawing in order."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.nn.functional as F
from minigrad.tools.gradcheck import gradcheck
from models import pixelcnn
from models.autoregressive import Autoregressive, one_hot
from models.made import MADE
from models.measures.exact import (
    all_images,
    disturbed,
    seen_from_the_middle,
    total_probability,
)
from models.pixelcnn import GatedPixelCNN, MaskedConv2d, PixelCNN
from models.pixelrnn import PixelRNN, step

GREY, COLOUR = (1, 3, 3), (3, 2, 2)
MODELS: dict[str, Callable[..., Autoregressive]] = {
    "PixelCNN": lambda shape, **how: PixelCNN(shape, 12, 2, 3, places=True, **how),
    "GatedPixelCNN": lambda shape, **how: GatedPixelCNN(shape, 6, 2, 3, places=True, **how),
    "PixelRNN": lambda shape, **how: PixelRNN(shape, 12, 2, 3, places=True, **how),
    "MADE": lambda shape, **how: MADE(shape, (20, 15), **how),
}


def drawn(make: Callable[..., Autoregressive], shape=GREY, std: float = 0.7, **how):
    """A model in float64 with random weights, large enough that a mistake shows."""
    return disturbed(make(shape, **how), std)


def random_context(model: Autoregressive, n: int, height: int = 1, width: int = 1) -> mg.Tensor:
    numbers = np.random.default_rng(2).normal(0, 1, (n, model.conditions, height, width))
    return mg.tensor(numbers)


# ---- a probability -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [GREY, COLOUR])
@pytest.mark.parametrize("name", MODELS)
def test_the_probabilities_of_all_images_add_up_to_one(name: str, shape: tuple[int, ...]):
    assert total_probability(drawn(MODELS[name], shape)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_given_a_context_they_add_up_to_one_too(name: str):
    model = drawn(MODELS[name], conditions=2)
    for size in ((1, 1),) if name == "MADE" else ((1, 1), (3, 3)):
        context = random_context(model, 1, *size).expand(512, 2, *size)
        assert total_probability(model, context) == pytest.approx(1, abs=1e-12)
    x = all_images(GREY)[:8]
    one, other = (model.log_prob(x, random_context(model, 8) * s).numpy(force=True) for s in (1, 2))
    assert abs(one - other).min() > 1e-6, "the context is not heard"


# ---- the mistakes that are made, and what shows them -------------------------------------------


def b_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mask B in the first layer too: each pixel's distribution is told the pixel."""
    make = MaskedConv2d.__init__
    monkeypatch.setattr(MaskedConv2d, "__init__", lambda s, kind, *a, **k: make(s, "B", *a, **k))


def colours_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A colour's channels side by side in the layers, where the likelihood deals them in turn."""
    seen = pixelcnn._seen

    def blocks(kind: str, in_channels: int, out_channels: int, colours: int) -> mg.Tensor:
        rows, columns = (
            np.argsort(np.arange(n) % colours, kind="stable") for n in (out_channels, in_channels)
        )
        return mg.tensor(seen(kind, in_channels, out_channels, colours).numpy()[rows][:, columns])

    monkeypatch.setattr(pixelcnn, "_seen", blocks)


@pytest.mark.parametrize("name", ["PixelCNN", "GatedPixelCNN", "PixelRNN"])
@pytest.mark.parametrize("shape", [GREY, COLOUR])
def test_a_first_layer_that_sees_the_pixel_itself_is_noticed(name, shape, monkeypatch):
    b_first(monkeypatch)
    assert abs(total_probability(drawn(MODELS[name], shape)) - 1) > 1e-3


def test_a_made_whose_outputs_see_their_own_input_is_noticed():
    model = drawn(MODELS["MADE"])
    last: Any = model.layers[-1]
    degrees = mg.tensor(model.degrees[-1])
    last.mask.copy_((mg.arange(9) + 1).unsqueeze(1) >= degrees)  # >= where > is right
    assert abs(total_probability(model) - 1) > 1e-3


def test_a_masked_weight_has_no_gradient():
    model = drawn(MODELS["MADE"])
    model.loss(images(model, 4, seed=0)).backward()
    for layer in model.layers:
        assert not (layer.weight.grad.numpy() * (1 - layer.mask.numpy())).any()
        assert layer.weight.grad.numpy().any()


@pytest.mark.parametrize("first", [True, False])
def test_a_stack_of_rows_above_that_sees_the_pixels_own_row_is_noticed(first: bool):
    model = drawn(MODELS["GatedPixelCNN"])
    layer: Any = model.layers[0 if first else 1]
    left, right, top, bottom = layer.padding
    layer.padding = (left, right, top - 1, bottom + 1)  # a row further down
    assert abs(total_probability(model) - 1) > 1e-3


def seen_too_early(model: Autoregressive) -> int:
    """How many numbers of an image h depends on that are not before its own."""
    colours, height, width = model.image_shape
    order = list(product(range(height), range(width), range(colours)))
    image = np.random.default_rng(1).random(model.image_shape)
    x = mg.tensor(np.stack([image] * len(order)), requires_grad=True)
    h = model(x)
    own = [h[n, c::colours, i, j].sum() for n, (i, j, c) in enumerate(order)]
    mg.stack(own).sum().backward()  # each copy of the image has one number's gradient
    depends = x.grad.numpy().transpose(0, 2, 3, 1).reshape(len(order), -1) != 0
    assert np.tril(depends, -1).sum() > len(order), "hardly anything is seen"
    return int(np.triu(depends).sum())


@pytest.mark.parametrize("likelihood", ["bernoulli", "logistic", "mixture"])
@pytest.mark.parametrize("shape", [(1, 3, 4), (3, 3, 2)])
@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_seen_that_comes_later(name: str, shape: tuple[int, ...], likelihood: str):
    assert seen_too_early(drawn(MODELS[name], shape, likelihood=likelihood)) == 0


@pytest.mark.parametrize("name", ["PixelCNN", "GatedPixelCNN"])
def test_colours_in_another_order_than_the_likelihoods_are_noticed(name: str, monkeypatch):
    colours_in_blocks(monkeypatch)
    assert seen_too_early(drawn(MODELS[name], (3, 3, 2), likelihood="logistic")) > 0


@pytest.mark.parametrize(
    ("make", "seen"),
    [
        (lambda: PixelCNN((1, 11, 11), 16, 6, 3), 50),
        (lambda: PixelCNN((1, 11, 11), 16, 6, 7), 57),
        (lambda: GatedPixelCNN((1, 11, 11), 8, 6, 3), 60),
    ],
)
def test_the_blind_spot(make: Callable[[], Autoregressive], seen: int):
    """Of the 60 pixels before the middle one; kernels of 3 move up and to the right by one pixel
    each, so that a place d to the right must be d rows up to be seen."""
    depends = seen_from_the_middle(make()).ravel()
    assert (depends[:60].sum(), depends[60:].sum()) == (seen, 0)


# ---- the masked convolution ----------------------------------------------------------------------


@given(
    kind=st.sampled_from("AB"),
    kernel=st.sampled_from([(1, 1), (1, 3), (3, 1), (3, 3), (5, 3)]),
    colours=st.sampled_from([1, 2, 3]),
    shape=st.tuples(st.integers(0, 2), st.integers(1, 4), st.integers(1, 4)),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_a_cropped_kernel_is_a_whole_one_times_its_mask(kind, kernel, colours, shape, dtype):
    """In one pass, and at each pixel."""
    assume(kernel != (1, 1) or kind == "B" or colours > 1)
    n, height, width = shape
    conv = MaskedConv2d(kind, 2 * colours, colours, kernel, colours).to(dtype=dtype)
    whole = np.zeros((colours, 2 * colours, *kernel), dtype)
    cropped = conv.conv.weight.numpy(force=True)
    whole[:, :, : cropped.shape[2], : cropped.shape[3]] = cropped
    middle = kernel[0] // 2, kernel[1] // 2
    for o, i, row, column in np.ndindex(whole.shape):
        own = i % colours < o + (kind == "B")
        if not ((row, column) < middle or ((row, column) == middle and own)):
            whole[o, i, row, column] = 0
    x = mg.tensor(
        np.random.default_rng(0).normal(size=(n, 2 * colours, height, width)), dtype=dtype
    )
    expected = F.conv2d(x, mg.tensor(whole), conv.conv.bias, padding=middle).numpy(force=True)
    found = conv(x).numpy(force=True)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(found, expected, tolerance, tolerance)
    assert found.dtype == dtype
    for i, j in np.ndindex(height, width):
        at = conv.at(x, None, i, j).numpy(force=True)[:, :, 0, 0]
        np.testing.assert_allclose(at, expected[:, :, i, j], tolerance, tolerance)


# ---- drawing -------------------------------------------------------------------------------------


def naively(model: Autoregressive, x: mg.Tensor, rows: int, context: mg.Tensor | None) -> mg.Tensor:
    """All of h for each number, of which one is used."""
    x = x.clone()
    colours, height, width = model.image_shape
    with mg.no_grad():
        for i, j, c in product(range(rows, height), range(width), range(colours)):
            h = model(x, context)[:, c::colours, i : i + 1, j : j + 1]
            x[:, c, i, j] = model.likelihood.draw(h)[:, 0, 0, 0]
    return x


def images(model: Autoregressive, n: int, seed: int) -> mg.Tensor:
    return mg.tensor(np.random.default_rng(seed).integers(0, 2, (n, *model.image_shape)) * 1.0)


WIDE: dict[str, Callable[..., Autoregressive]] = {
    "PixelCNN": lambda shape, **how: PixelCNN(shape, 8, 1, 5, 5, **how),
    "GatedPixelCNN": lambda shape, **how: GatedPixelCNN(shape, 4, 2, 5, 5, **how),
    "PixelRNN": lambda shape, **how: PixelRNN(shape, 8, 1, 5, 5, **how),
}


@pytest.mark.parametrize("make", [*MODELS.values(), *WIDE.values()], ids=[*MODELS, *WIDE])
def test_drawing_an_image_is_drawing_from_whole_passes(make: Callable[..., Autoregressive]):
    drawn_from_whole_passes(drawn(make, (1, 3, 3), 0.5, conditions=2))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 6, 3), (3, 6, 2)])
@pytest.mark.parametrize("name", MODELS)
def test_drawing_step_by_step_is_drawing_from_whole_passes(name: str, shape: tuple[int, ...]):
    drawn_from_whole_passes(drawn(MODELS[name], shape, 0.5, conditions=2))


def drawn_from_whole_passes(model: Autoregressive) -> None:
    shape = model.image_shape
    given = images(model, 3, seed=1)
    seen: list[Any] = []  # the outputs that were drawn from: in them a slip shows sooner
    draw = model.likelihood.draw
    model.likelihood.draw = lambda h: seen.append(h.numpy(force=True)) or draw(h)
    for rows, size in ((0, (1, 1)), (2, shape[1:])):
        context = random_context(model, 3, *((1, 1) if isinstance(model, MADE) else size))
        expected = seeded(naively, model, given, rows, context)
        by_naive, seen[:] = [*seen], []
        found = seeded(model.complete, given, rows, context)
        np.testing.assert_allclose(seen, by_naive, rtol=0, atol=1e-9)
        seen.clear()
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
        np.testing.assert_array_equal(found[:, :, :rows].numpy(), given[:, :, :rows].numpy())


@pytest.mark.parametrize("name", MODELS)
def test_what_is_drawn_does_not_depend_on_the_image_that_it_starts_from(name: str):
    model = drawn(MODELS[name], (1, 4, 3), 0.5)
    one, other = (seeded(model.complete, images(model, 4, seed), 0) for seed in (1, 2))
    assert np.array_equal(one.numpy(), other.numpy())
    assert np.array_equal(one.numpy(), seeded(model.sample, 4).numpy())


def seeded(draw: Callable[..., mg.Tensor], *arguments: Any) -> mg.Tensor:
    mg.manual_seed(5)
    return draw(*arguments)


def test_images_are_drawn_as_often_as_they_are_likely():
    model = drawn(MODELS["PixelCNN"], (1, 2, 2))
    p = model.log_prob(all_images((1, 2, 2))).exp().numpy(force=True)
    mg.manual_seed(0)
    n = 5_000
    found = model.sample(n).numpy().reshape(n, 4) @ [8, 4, 2, 1]
    share = np.bincount(found.astype(int), minlength=16) / n
    assert (abs(share - p) < 5 * np.sqrt(p * (1 - p) / n)).all()


def test_progress_is_told_row_by_row():
    rows = []
    MODELS["PixelCNN"](GREY).sample(1, progress=lambda given: (rows.append(i) or i for i in given))
    assert rows == [0, 1, 2]


def test_a_row_lstms_step_is_an_lstms():
    """Of van den Oord et al. 2016a, equation 3: output, forget and input gate, and the content."""
    numbers = np.random.default_rng(0)
    gates, c = numbers.normal(0, 2, (2, 12, 5)), numbers.normal(0, 1, (2, 3, 5))
    o, f, i = (1 / (1 + np.exp(-gates[:, n : n + 3])) for n in (0, 3, 6))
    after = f * c + i * np.tanh(gates[:, 9:])
    found = step(mg.tensor(gates), mg.tensor(c))
    np.testing.assert_allclose(found[0].numpy(), o * np.tanh(after), rtol=1e-12)
    np.testing.assert_allclose(found[1].numpy(), after, rtol=1e-12)


# ---- learning ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_of_the_loss(name: str):
    model = MODELS[name]((3, 2, 2), likelihood="logistic", conditions=2).double()
    x, context = images(model, 2, seed=0), random_context(model, 2)
    parameters = list(model.parameters())
    assert gradcheck(lambda *_: model.loss(x, context), parameters, atol=1e-6, fast_mode=True)


def test_the_loss_is_a_mean_over_images_of_sums_over_pixels():
    model = MODELS["PixelCNN"](GREY).double()
    x = images(model, 5, seed=0)
    h = model(x).numpy(force=True)
    by_hand = np.log1p(np.exp(-h)) * x.numpy() + np.log1p(np.exp(h)) * (1 - x.numpy())
    assert model.loss(x).item() == pytest.approx(by_hand.sum() / 5, rel=1e-12)
    assert model.losses(x)["loss"].item() == model.loss(x).item()


def test_labels_as_a_context():
    context = one_hot(mg.tensor(np.array([2, 0])), 3)
    assert context.shape == (2, 3, 1, 1)
    assert context[:, :, 0, 0].tolist() == [[0, 0, 1], [1, 0, 0]]


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: MaskedConv2d("C", 1, 1, 3), "kind 'C'"),
        (lambda: MaskedConv2d("A", 1, 1, 4), "4x4"),
        (lambda: MaskedConv2d("A", 1, 1, 1), "sees nothing"),
        (lambda: PixelCNN((3, 8, 8), 16), "multiple of 6, got 16"),
        (lambda: GatedPixelCNN((3, 8, 8), 16), "multiple of 3, got 16"),
        (lambda: PixelRNN((3, 8, 8), 16), "multiple of 6, got 16"),
        (lambda: PixelCNN((1, 8, 8), likelihood="cauchy"), "cauchy"),
        (lambda: PixelCNN((3, 8, 8), 6, likelihood="colours"), "PixelCNN: 'colours' draws no"),
        (lambda: PixelCNN((1, 3, 3), 4, 1, conditions=2).sample(1), "need one"),
        (lambda: PixelCNN((1, 3, 3), 4, 1).sample(1, mg.zeros(1, 2, 1, 1)), "need one"),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], object], says: str):
    with pytest.raises(ValueError, match=says):
        make()

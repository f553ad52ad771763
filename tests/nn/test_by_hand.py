"""Pooling, resizing, losses with weights, sequences alone: written out in NumPy."""

import math

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn


def double(*shape):
    return mg.randn(*shape, dtype=mg.float64)


# ---- pooling -------------------------------------------------------------------------------------


def spans(n, kernel, stride, padding, dilation=1, ceil_mode=False):
    """The places along an axis of n pixels that each window looks at, also outside of the image."""
    reach = dilation * (kernel - 1) + 1
    count = (n + 2 * padding - reach) / stride
    count = (math.ceil(count) if ceil_mode else math.floor(count)) + 1
    starts = [i * stride - padding for i in range(count)]
    return [range(i, i + reach, dilation) for i in starts if not (ceil_mode and i >= n)]


POOLS = [
    ((2, 3), (2, 1), (1, 0), False),
    ((3, 2), (2, 2), (1, 1), True),
    ((2, 2), (3, 3), (0, 0), True),
    ((3, 3), (3, 2), (0, 1), True),
]


@pytest.mark.parametrize("dilation", [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize(("kernel", "stride", "padding", "ceil_mode"), POOLS)
def test_maxima_and_their_places(kernel, stride, padding, ceil_mode, dilation):
    x = mg.randn(2, 3, 7, 8)
    options = (kernel, stride, padding, dilation, ceil_mode)
    out, places = F.max_pool2d(x, *options, return_indices=True)
    rows, columns = (
        spans(n, *(o[d] for o in options[:4]), ceil_mode) for d, n in enumerate(x.shape[2:])
    )
    assert out.shape == places.shape == (2, 3, len(rows), len(columns))
    flat = x.numpy().reshape(2, 3, -1)
    for i, down in enumerate(rows):
        for j, across in enumerate(columns):
            seen = [r * 8 + c for r in down for c in across if 0 <= r < 7 and 0 <= c < 8]
            np.testing.assert_array_equal(out.array[..., i, j], flat[..., seen].max(-1))
            chosen = np.array(seen)[flat[..., seen].argmax(-1)]
            np.testing.assert_array_equal(places.array[..., i, j], chosen)
    for all_of_them, one in zip((out, places), F.max_pool2d(x[1], *options, True), strict=True):
        np.testing.assert_array_equal(one.array, all_of_them.array[1])


@pytest.mark.parametrize("divisor", [None, 5])
@pytest.mark.parametrize("with_padding", [True, False])
@pytest.mark.parametrize(("kernel", "stride", "padding", "ceil_mode"), POOLS)
def test_means_of_windows(kernel, stride, padding, ceil_mode, with_padding, divisor):
    x = double(2, 3, 7, 8)
    out = F.avg_pool2d(x, kernel, stride, padding, ceil_mode, with_padding, divisor)
    rows, columns = (
        spans(n, kernel[d], stride[d], padding[d], 1, ceil_mode) for d, n in enumerate((7, 8))
    )
    margin = padding if with_padding else (0, 0)
    for i, down in enumerate(rows):
        for j, across in enumerate(columns):
            seen = x.numpy()[
                ..., max(down[0], 0) : down[-1] + 1, max(across[0], 0) : across[-1] + 1
            ]
            counted = sum(-margin[0] <= r < 7 + margin[0] for r in down)
            counted *= sum(-margin[1] <= c < 8 + margin[1] for c in across)
            expected = seen.sum((2, 3)) / (divisor or counted)
            np.testing.assert_allclose(out.array[..., i, j], expected, rtol=1e-12)


def test_windows_that_are_not_told_touch():
    x = double(1, 1, 6, 6)
    for pool in (F.max_pool2d, F.avg_pool2d):
        np.testing.assert_array_equal(pool(x, (3, 2)).array, pool(x, (3, 2), (3, 2)).array)


# ---- resizing ------------------------------------------------------------------------------------


def keys(d, a=-0.75):
    d = abs(d)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


KERNELS = {"bilinear": lambda d: max(1 - abs(d), 0.0), "bicubic": keys}


def blend(n, m, scale, kernel, corners):
    """The matrix (m, n) that makes m pixels of n; beyond the edges the last ones go on."""
    weights = np.zeros((m, n))
    for i in range(m):
        at = i * (n - 1) / (m - 1) if corners else max((i + 0.5) * scale - 0.5, -9)
        for j in range(-9, n + 9):
            weights[i, min(max(j, 0), n - 1)] += kernel(at - j)
    return weights


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("mode", KERNELS)
@pytest.mark.parametrize(("size", "scale"), [((7, 3), None), (None, (1.7, 0.6))])
def test_smooth_resizing(mode, corners, size, scale):
    x = double(2, 3, 4, 5)
    out = F.interpolate(x, size, scale, mode, corners)
    sizes = size or (6, 3)
    scales = [1 / s for s in scale] if scale else [n / m for n, m in zip((4, 5), sizes)]
    rows, columns = (
        blend(n, m, s, KERNELS[mode], corners) for n, m, s in zip((4, 5), sizes, scales)
    )
    np.testing.assert_allclose(out.array, rows @ x.numpy() @ columns.T, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", *KERNELS])
def test_a_scale_computed_anew_is_that_of_the_size(mode):
    """Of 5 pixels times 1.7 come 8; how far apart they lie is either 1 / 1.7, or 5 / 8."""
    x = double(2, 3, 5, 5)
    anew = F.interpolate(x, scale_factor=1.7, mode=mode, recompute_scale_factor=True)
    np.testing.assert_array_equal(anew.array, F.interpolate(x, 8, mode=mode).array)
    given = F.interpolate(x, scale_factor=1.7, mode=mode)
    assert given.shape == anew.shape and (given.array != anew.array).any()


def test_resizing_to_means_of_areas_and_to_nearest_pixels():
    x = double(2, 3, 5, 7)
    np.testing.assert_array_equal(
        F.interpolate(x, (2, 3), mode="area").array, F.adaptive_avg_pool2d(x, (2, 3)).array
    )
    lines = F.interpolate(x[:, 0], 3, mode="area")
    np.testing.assert_allclose(lines.array[..., 1], x.numpy()[:, 0, :, 2:5].mean(-1))
    for mode, shift in (("nearest", 0), ("nearest-exact", 0.5)):
        out = F.interpolate(x, (4, 3), mode=mode)
        rows = [math.floor((i + shift) * 5 / 4) for i in range(4)]
        columns = [math.floor((i + shift) * 7 / 3) for i in range(3)]
        np.testing.assert_array_equal(out.array, x.numpy()[:, :, rows][..., columns])


# ---- losses --------------------------------------------------------------------------------------


def test_weighted_losses():
    """A mean of squares is over the weights, as in PyTorch; Huber's is over the elements."""
    x, t, w = double(3, 4), double(3, 4), double(3, 4).square()
    d, weights = np.abs((x - t).numpy()), w.numpy()
    huber = np.where(d < 0.5, d * d / 2, 0.5 * (d - 0.25))
    for f, each, count in [
        (lambda **k: F.mse_loss(x, t, weight=w, **k), d * d, weights.sum()),
        (lambda **k: F.l1_loss(x, t, weight=w, **k), d, weights.sum()),
        (lambda **k: F.huber_loss(x, t, delta=0.5, weight=w, **k), huber, d.size),
    ]:
        each = each * weights
        np.testing.assert_allclose(f(reduction="none").array, each, rtol=1e-12)
        assert f(reduction="sum").item() == pytest.approx(each.sum(), rel=1e-12)
        assert f().item() == pytest.approx(each.sum() / count, rel=1e-12)
    with pytest.raises(ValueError, match=r"mse_loss: weight \[4\] does not fit input \[3, 4\]"):
        F.mse_loss(x, t, weight=w[0])


def test_losses_at_the_ends_of_their_parameters():
    x, t = double(3, 4), double(3, 4)
    assert F.smooth_l1_loss(x, t, beta=0).item() == F.l1_loss(x, t).item()
    with pytest.raises(ValueError, match="smooth_l1_loss: beta must not be negative, got -1"):
        F.smooth_l1_loss(x, t, beta=-1)
    with pytest.raises(ValueError, match="huber_loss: delta must be positive, got 0"):
        F.huber_loss(x, t, delta=0)
    p = mg.tensor([[0.0, 1.0], [0.5, 0.5]])
    log_q = mg.tensor([[0.25, 0.75], [0.25, 0.75]]).log()
    each = [-math.log(0.75), 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)]
    assert F.kl_div(log_q, p, reduction="batchmean").item() == pytest.approx(sum(each) / 2)


def test_classes_that_are_ignored_count_for_nothing():
    x, w = double(4, 3), mg.tensor([1.0, 2.0, 4.0], dtype=mg.float64)
    log_p = x.log_softmax(1).numpy()
    t = mg.tensor([2, -100, 0, 1])
    each = [0.8 * -w.numpy()[c] * row[c] + 0.2 * -(w.numpy() * row).mean()
            for row, c in zip(log_p, t.tolist()) if c >= 0]  # fmt: skip
    found = F.cross_entropy(x, t, w, label_smoothing=0.2)
    assert found.item() == pytest.approx(sum(each) / 7, rel=1e-12)
    alone = F.cross_entropy(x[0], t[0], w, reduction="none", label_smoothing=0.2)
    assert alone.shape == () and alone.item() == pytest.approx(each[0], rel=1e-12)
    one = F.nll_loss(mg.tensor(log_p[0]), t[0], w, reduction="none")
    assert one.shape == () and one.item() == -4 * log_p[0, 2]


# ---- recurrent layers ----------------------------------------------------------------------------


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_a_sequence_alone_is_a_batch_of_one(kind, batch_first):
    layer = kind(3, 4, 2, bidirectional=True, batch_first=batch_first)
    x, at = mg.randn(5, 3), 0 if batch_first else 1
    states = mg.randn(4, 4), mg.randn(4, 4)
    of_batch = tuple(s.unsqueeze(1) for s in states)
    if kind is nn.GRU:
        states, of_batch = states[0], of_batch[0]
    out, last = layer(x, states)
    expected, expected_last = layer(x.unsqueeze(at), of_batch)
    assert out.shape == (5, 8)
    np.testing.assert_allclose(out.array, expected.squeeze(at).array, rtol=1e-6)
    if kind is nn.GRU:
        last, expected_last = (last,), (expected_last,)
    for one, many in zip(last, expected_last, strict=True):
        np.testing.assert_allclose(one.array, many.squeeze(1).array, rtol=1e-6)


def logistic(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("kind", [nn.GRUCell, nn.LSTMCell])
def test_a_cell_by_its_equations(kind):
    """Equations 5 to 8 of Cho et al. 2014, PyTorch's reset after the product; Gers et al. 2000."""
    cell = kind(3, 2, dtype=mg.float64)
    x, h, c = double(4, 3), double(4, 2), double(4, 2)
    weights = {name: p.numpy(force=True) for name, p in cell.named_parameters()}
    from_x, from_h = (
        np.split(v.numpy() @ weights[f"weight_{name}"].T + weights[f"bias_{name}"], cell.gates, 1)
        for name, v in (("ih", x), ("hh", h))
    )
    if kind is nn.GRUCell:
        r, z = (logistic(a + b) for a, b in zip(from_x[:2], from_h[:2]))
        new = np.tanh(from_x[2] + r * from_h[2])
        found, expected = [cell(x, h)], [(1 - z) * new + z * h.numpy()]
    else:
        i, f, g, o = (a + b for a, b in zip(from_x, from_h))
        memory = logistic(f) * c.numpy() + logistic(i) * np.tanh(g)
        found, expected = cell(x, (h, c)), (logistic(o) * np.tanh(memory), memory)
    for one, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.numpy(force=True), wanted, rtol=1e-12)


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_layers_and_directions_are_layers_of_their_own(kind):
    whole = kind(3, 2, 2, bidirectional=True, dtype=mg.float64)
    x = double(5, 4, 3)
    out, last = whole(x)
    y, states = x, []
    for layer in range(2):
        ends = []
        for end in ("", "_reverse"):
            one = kind(y.shape[2], 2, dtype=mg.float64)
            names = one.state_dict()
            suffix = f"_l{layer}{end}"
            one.load_state_dict({n: whole.state_dict()[n[:-3] + suffix] for n in names})
            to, state = one(y.flip(0) if end else y)
            ends.append(to.flip(0) if end else to)
            states.append(state if kind is nn.GRU else state[0])
        y = mg.concat(ends, -1)
    np.testing.assert_allclose(out.numpy(force=True), y.numpy(force=True), rtol=1e-12)
    found = last if kind is nn.GRU else last[0]
    np.testing.assert_array_equal(found.numpy(force=True), mg.concat(states).numpy(force=True))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore_index", [-100, 1])
@pytest.mark.parametrize("loss", [F.nll_loss, F.cross_entropy])
def test_a_target_that_is_ignored_counts_nothing(loss, ignore_index, weighted):
    x, y = double(6, 3), np.array([0, 1, 2, 1, 0, 2])
    y[2] = ignore_index
    kept = np.flatnonzero(y != ignore_index)
    weight = mg.tensor([0.5, 2.0, 3.0], dtype=mg.float64) if weighted else None
    how = {"weight": weight} | ({"ignore_index": 1} if ignore_index == 1 else {})
    for reduction in ("mean", "sum", "none"):
        a, b = (v.clone().requires_grad_() for v in (x, x[kept]))
        found = loss(a, mg.tensor(y), reduction=reduction, **how)
        wanted = loss(b, mg.tensor(y[kept]), weight, reduction=reduction)
        found.sum().backward()
        wanted.sum().backward()
        grad = np.zeros((6, 3))
        grad[kept] = b.grad.numpy()
        np.testing.assert_allclose(a.grad.numpy(), grad, rtol=1e-12)
        if reduction == "none":
            assert (np.delete(found.numpy(force=True), kept) == 0).all()
            found = found[kept]
        np.testing.assert_allclose(found.numpy(force=True), wanted.numpy(force=True), rtol=1e-12)

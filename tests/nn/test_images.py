"""Pooling, padding, resizing, whole channels dropped: what is refused, and exact small cases."""

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn


def image(*shape):
    return mg.arange(float(np.prod(shape))).reshape(shape)


# ---- pooling -------------------------------------------------------------------------------------


def test_pooling_by_hand():
    x = image(1, 1, 2, 4)
    assert F.max_pool2d(x, 2).tolist() == [[[[5, 7]]]]
    assert F.avg_pool2d(x, 2).tolist() == [[[[2.5, 4.5]]]]
    assert F.adaptive_avg_pool2d(x, (1, 2)).tolist() == [[[[2.5, 4.5]]]]
    assert F.adaptive_avg_pool2d(x, 1).tolist() == [[[[3.5]]]]
    assert F.max_pool2d(x - 100, 2, padding=1).max().item() == -93  # no zeros of a padding


def test_pooling_says_what_does_not_fit():
    x = image(1, 1, 3, 3)
    for pool in (F.max_pool2d, F.avg_pool2d):
        name = pool.__name__
        with pytest.raises(ValueError, match=rf"{name}: expected \(N, C, H, W\) or"):
            pool(mg.ones(3, 3), 2)
        with pytest.raises(ValueError, match=f"{name}: padding .* more than half"):
            pool(x, 2, padding=2)
        with pytest.raises(ValueError, match=f"{name}: a kernel of .* does not fit"):
            pool(x, 4)
        with pytest.raises(ValueError, match=f"{name}: stride must be at least 1, got 0"):
            pool(x, 2, 0)
    with pytest.raises(ValueError, match="divisor_override must not be 0"):
        F.avg_pool2d(x, 2, divisor_override=0)
    with pytest.raises(ValueError, match="AvgPool2d: divisor_override must not be 0"):
        nn.AvgPool2d(2, divisor_override=0)  # before there is anything to pool
    with pytest.raises(TypeError, match="max_pool2d: input must be a tensor"):
        F.max_pool2d(np.ones((1, 1, 3, 3)), 2)


# ---- padding -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "numpys"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")]
)
def test_pad_modes(mode, numpys):
    x = image(2, 3, 4)
    out = F.pad(x, (2, 1, 1, 2), mode)
    expected = np.pad(x.numpy(), ((0, 0), (1, 2), (2, 1)), numpys)
    np.testing.assert_array_equal(out.array, expected)
    np.testing.assert_array_equal(
        F.pad(x, (-1, 2), mode).array, F.pad(x[..., 1:], (0, 2), mode).array
    )


def test_padding_says_what_does_not_fit():
    x = image(1, 1, 3, 3)
    with pytest.raises(ValueError, match=r"pad: mode must be 'constant', .* got 'mirror'"):
        F.pad(x, (1, 1), "mirror")
    with pytest.raises(ValueError, match="mode 'reflect' reaches 2 far"):
        F.pad(x, (3, 0), "reflect")
    with pytest.raises(ValueError, match="mode 'circular' reaches 3 far"):
        F.pad(x, (0, 4), "circular")
    with pytest.raises(ValueError, match="mode 'replicate' takes no value"):
        F.pad(x, (0, 4), "replicate", 1.0)
    with pytest.raises(ValueError, match="needs pairs for at most 4 axes"):
        F.pad(x, (0, 4, 1), "reflect")
    with pytest.raises(ValueError, match="ZeroPad2d: padding must be an int or 4 ints"):
        nn.ZeroPad2d((1, 2))


# ---- resizing ------------------------------------------------------------------------------------


def test_each_pixel_twice():
    x = image(1, 2, 2, 3)
    out = F.interpolate(x, scale_factor=2)
    np.testing.assert_array_equal(out.array, x.numpy().repeat(2, 2).repeat(2, 3))


def test_bilinear_is_exact_on_planes():
    rows, columns = mg.arange(4.0).reshape(4, 1), mg.arange(5.0)
    plane = (2 * rows - columns).reshape(1, 1, 4, 5)
    out = F.interpolate(plane, (7, 9), mode="bilinear", align_corners=True)
    wide = 2 * mg.linspace(0, 3, 7).reshape(7, 1) - mg.linspace(0, 4, 9)
    np.testing.assert_allclose(out.array[0, 0], wide.array, atol=1e-5)


def test_resizing_says_what_does_not_fit():
    x = image(1, 1, 3, 3)
    with pytest.raises(ValueError, match="needs size or scale_factor, and not both"):
        F.interpolate(x)
    with pytest.raises(ValueError, match="needs size or scale_factor, and not both"):
        F.interpolate(x, 2, 2)
    with pytest.raises(ValueError, match=r"mode must be one of .* got 'lanczos'"):
        F.interpolate(x, 2, mode="lanczos")
    with pytest.raises(ValueError, match="mode 'linear' does not fit an input"):
        F.interpolate(x, 2, mode="linear")
    with pytest.raises(ValueError, match="align_corners is for"):
        F.interpolate(x, 2, align_corners=True)
    with pytest.raises(ValueError, match="there is nothing to resize"):
        F.interpolate(x, scale_factor=0.1)
    with pytest.raises(ValueError, match="there is nothing to resize"):
        F.interpolate(x, (1, 2**40))
    with pytest.raises(ValueError, match="does not fit 2 axes"):
        F.interpolate(x, (2, 2, 2))


def test_pixels_from_channels_and_back():
    x = image(2, 8, 2, 3)
    out = F.pixel_shuffle(x, 2)
    assert out.shape == (2, 2, 4, 6)
    assert out.array[0, 0, :2, :2].tolist() == x.array[0, :4, 0, 0].reshape(2, 2).tolist()
    np.testing.assert_array_equal(F.pixel_unshuffle(out, 2).array, x.array)
    with pytest.raises(ValueError, match="pixel_shuffle: 8 channels are no multiple of 3"):
        F.pixel_shuffle(x, 3)
    with pytest.raises(ValueError, match="pixel_unshuffle: 2 x 3 is no multiple of 2"):
        F.pixel_unshuffle(x, 2)


# ---- norms of single examples --------------------------------------------------------------------


def test_norms_say_what_does_not_fit():
    x = mg.ones(2, 4, 3)
    with pytest.raises(ValueError, match=r"layer_norm: input .* does not end in .* \[4\]"):
        F.layer_norm(x, (4,))
    with pytest.raises(ValueError, match="layer_norm: weight has shape"):
        F.layer_norm(x, (3,), mg.ones(4))
    with pytest.raises(ValueError, match=r"group_norm: the channels .* no multiple of 3"):
        F.group_norm(x, 3)
    with pytest.raises(ValueError, match="GroupNorm: 4 channels are no multiple of 3 groups"):
        nn.GroupNorm(3, 4)
    with pytest.raises(ValueError, match="group_norm: bias has shape"):
        F.group_norm(x, 2, None, mg.ones(3))
    with pytest.raises(ValueError, match="instance_norm: more than one value per channel"):
        F.instance_norm(mg.ones(2, 4, 1))
    with pytest.raises(ValueError, match=r"InstanceNorm2d: expected .* with C = 3"):
        nn.InstanceNorm2d(3)(mg.ones(2, 4, 2, 2))
    for norm in (nn.LayerNorm(3), nn.GroupNorm(2, 4), nn.BatchNorm1d(4)):
        with pytest.raises(TypeError, match="_norm: input is float64 and weight float32"):
            norm(x.double())
    with pytest.raises(TypeError, match="batch_norm: input is float64 and running_mean float32"):
        nn.BatchNorm1d(4, affine=False).eval()(x.double())
    for eps in (0, -1e-5):
        with pytest.raises(ValueError, match="batch_norm: eps must be positive"):
            nn.functional.batch_norm(x, None, None, training=True, eps=eps)


def test_norms_without_a_bias():
    for norm in (
        nn.BatchNorm2d(4, bias=False),
        nn.InstanceNorm2d(4, affine=True, bias=False),
        nn.GroupNorm(2, 4, bias=False),
        nn.LayerNorm(3, bias=False),
    ):
        assert [name for name, _ in norm.named_parameters()] == ["weight"]
        assert norm(mg.randn(2, 4, 3, 3)).shape == (2, 4, 3, 3)


def test_what_a_norm_has_seen_is_forgotten():
    norm = nn.BatchNorm1d(2, momentum=None)
    norm(mg.randn(8, 2) + 3)
    nn.init.zeros_(norm.weight)
    norm.reset_running_stats()
    assert norm.running_mean.tolist() == [0, 0] and norm.running_var.tolist() == [1, 1]
    assert norm.num_batches_tracked.item() == 0
    norm.reset_parameters()
    assert norm.weight.tolist() == [1, 1]


# ---- dropout of channels, and what is done in place ----------------------------------------------


def test_whole_channels_are_dropped():
    out = F.dropout2d(mg.ones(50, 20, 3, 4), 0.3).numpy()
    sums = out.sum((2, 3))
    assert set(np.unique(sums.round(3))) == {0, np.float32(12 / 0.7).round(3)}
    assert 0.2 < (sums == 0).mean() < 0.4
    alone = F.dropout2d(mg.ones(40, 3, 4), 0.5).numpy()
    assert set(np.unique(alone.sum((1, 2)))) == {0, 24}
    with pytest.raises(ValueError, match="Dropout2d: p must be"):
        nn.Dropout2d(2)
    with pytest.raises(ValueError, match="dropout2d: expected"):
        F.dropout2d(mg.ones(3))


FUNCTIONS = {
    "relu": F.relu,
    "leaky_relu": lambda x, inplace: F.leaky_relu(x, 0.2, inplace),
    "elu": lambda x, inplace: F.elu(x, 1.0, inplace),
    "silu": F.silu,
    "hardtanh": lambda x, inplace: F.hardtanh(x, -1, 1, inplace),
    "relu6": F.relu6,
    "dropout": lambda x, inplace: F.dropout(x, 0.5, True, inplace),
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_in_place_means_it(f):
    values = mg.tensor([-1.0, 2.0, -0.5])
    mg.manual_seed(0)
    expected = f(values, False).tolist()
    memory = values.numpy()
    mg.manual_seed(0)
    assert f(values, True) is values
    assert memory.tolist() == values.tolist() == expected

    leaf = mg.tensor([-1.0, 2.0, -0.5], requires_grad=True)
    h = leaf * 1
    mg.manual_seed(0)
    assert f(h, True) is h
    (h * mg.tensor([1.0, 2.0, 3.0])).sum().backward()
    other = mg.tensor([-1.0, 2.0, -0.5], requires_grad=True)
    mg.manual_seed(0)
    (f(other, False) * mg.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert h.tolist() == expected
    assert leaf.grad.tolist() == other.grad.tolist()
    with pytest.raises(RuntimeError, match="a leaf that requires a gradient cannot be changed"):
        f(leaf, True)


def test_embedding_and_activations_say_what_does_not_fit():
    with pytest.raises(ValueError, match=r"embedding: weight must be \(V, D\)"):
        F.embedding(mg.tensor([0]), mg.ones(2, 2, 2))
    for option in ({"sparse": True}, {"scale_grad_by_freq": True}, {"max_norm": 1.0}):
        with pytest.raises(ValueError, match="max_norm, scale_grad_by_freq and sparse are not"):
            nn.Embedding(3, 2, **option)
    table = nn.Embedding.from_pretrained(mg.ones(3, 2))
    assert not table.weight.requires_grad and table.num_embeddings == 3
    with pytest.raises(ValueError, match="gelu: approximate must be"):
        F.gelu(mg.ones(1), "well")
    with pytest.raises(ValueError, match="prelu: weight of shape"):
        F.prelu(mg.ones(2, 3), mg.ones(2))
    with pytest.raises(ValueError, match="hardtanh: min_val 1 is larger"):
        F.hardtanh(mg.ones(1), 1, 0)
    for padding, message in (
        ("around", "must be numbers, 'same' or 'valid'"),
        ("same", "stride 1"),
    ):
        with pytest.raises(ValueError, match=f"conv2d: padding.*{message}"):
            F.conv2d(mg.ones(1, 1, 4, 4), mg.ones(1, 1, 2, 2), None, 2, padding)
    with pytest.raises(ValueError, match="conv1d: expected input"):
        F.conv1d(mg.ones(3), mg.ones(1, 1, 2))
    for conv in (F.conv1d, F.conv_transpose1d):
        with pytest.raises(ValueError, match=rf"{conv.__name__}: .* a weight with 3 dimensions"):
            conv(mg.ones(1, 1, 3), mg.ones(1, 1, 1, 2))
    with pytest.raises(ValueError, match="conv1d: padding must be one int"):
        F.conv1d(mg.ones(1, 3), mg.ones(1, 1, 2), padding=(1, 1))
    with pytest.raises(ValueError, match="Conv2d: padding_mode must be one of"):
        nn.Conv2d(1, 1, 2, padding_mode="none")
    with pytest.raises(ValueError, match="ConvTranspose2d: padding_mode must be 'zeros'"):
        nn.ConvTranspose2d(1, 1, 2, padding_mode="reflect")


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_padding_is_in_pairs(mode):
    x = mg.ones(1, 2, 4, 4)
    for pad in ([1], [1, 1, 1], [1] * 10):
        with pytest.raises(ValueError, match=r"pad: .*pairs"):
            F.pad(x, pad, mode)


# ---- what has few pixels -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_one_pixel_or_two_that_are_left_are_those_of_the_corners(mode):
    x = image(1, 1, 3, 4)
    for size, wanted in (
        ((1, 1), x[..., :1, :1]),
        ((1, 4), x[..., :1, :]),
        ((3, 1), x[..., :1]),
        ((2, 2), x[..., ::2, ::3]),
    ):
        found = F.interpolate(x, size, mode=mode, align_corners=True)
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), atol=1e-6)


@pytest.mark.parametrize("lead", [(), (2,), (2, 3), (2, 3, 1)])
def test_channels_become_pixels_whatever_is_before_them(lead):
    x = mg.randn(*lead, 8, 2, 3)
    flat = x.reshape(-1, 8, 2, 3)
    wanted = flat.numpy().reshape(-1, 2, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3)
    shuffled = F.pixel_shuffle(x, 2)
    assert shuffled.shape == (*lead, 2, 4, 6)
    np.testing.assert_array_equal(shuffled.numpy().ravel(), wanted.ravel())
    np.testing.assert_array_equal(F.pixel_unshuffle(shuffled, 2).numpy(), x.numpy())


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize(("kernel", "dilation"), [((2, 3), 1), ((3, 2), (2, 1)), ((1, 4), 1)])
def test_a_padding_mode_and_same(mode, kernel, dilation):
    conv = nn.Conv2d(1, 1, kernel, padding="same", dilation=dilation, padding_mode=mode)
    total = [d * (k - 1) for d, k in zip(conv.dilation, kernel, strict=True)]
    (top, bottom), (left, right) = ((n // 2, n - n // 2) for n in total)
    x = mg.randn(1, 1, 6, 5)
    around = F.pad(x, (left, right, top, bottom), mode)
    wanted = F.conv2d(around, conv.weight, conv.bias, dilation=dilation)
    np.testing.assert_allclose(conv(x).numpy(force=True), wanted.numpy(force=True), atol=1e-6)

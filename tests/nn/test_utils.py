"""nn.utils, hooks of modules, recurrent networks: what they do, and what they refuse."""

import copy
import math

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim
from minigrad.nn import utils
from minigrad.tools.gradcheck import gradcheck

# ---- gradients and vectors -----------------------------------------------------------------------


def with_gradients(*grads):
    params = []
    for grad in grads:
        params.append(nn.Parameter(mg.zeros(len(grad))))
        params[-1].grad = mg.tensor(grad)
    return [*params, nn.Parameter(mg.zeros(1))]  # and one that has none


def test_gradients_are_scaled_to_a_norm():
    params = with_gradients([3.0, 0.0], [4.0])
    assert utils.clip_grad_norm_(params, 1.0).item() == pytest.approx(5)
    assert params[0].grad.tolist() == pytest.approx([0.6, 0], rel=1e-5)
    assert params[1].grad.tolist() == pytest.approx([0.8], rel=1e-5)
    assert utils.clip_grad_norm_(params, 9.0).item() == pytest.approx(1, rel=1e-5)
    assert params[1].grad.tolist() == pytest.approx([0.8], rel=1e-5)
    assert utils.clip_grad_norm_(params, 9.0, math.inf).item() == pytest.approx(0.8, rel=1e-5)
    assert utils.clip_grad_norm_(params, 9.0, 1).item() == pytest.approx(1.4, rel=1e-5)
    assert utils.clip_grad_norm_([], 1.0).item() == 0
    assert utils.clip_grad_norm_(with_gradients([0.0]), 1.0).item() == 0
    large = with_gradients([1e30, 1e30])
    assert utils.clip_grad_norm_(large, 1.0).item() == pytest.approx(math.sqrt(2) * 1e30)
    with pytest.raises(RuntimeError, match="the total norm of the gradients is inf"):
        utils.clip_grad_norm_(with_gradients([math.inf]), 1.0, error_if_nonfinite=True)


@pytest.mark.parametrize("p", [0.5, 1, 1.5, 2, 3, math.inf])
def test_a_norm_of_any_order_is_that_of_all_elements(p):
    x = np.array([3.0, -2.0, 0.5, -1.0])
    expected = abs(x).max() if p == math.inf else (abs(x) ** p).sum() ** (1 / p)
    parts = [mg.tensor(x[2:]), mg.tensor(x[:2].reshape(2, 1))]
    assert utils.get_total_norm(parts, p).item() == pytest.approx(expected, rel=1e-12)


def test_gradients_are_cut():
    params = with_gradients([3.0, -2.0, 0.5])
    utils.clip_grad_value_(params, 1.0)
    assert params[0].grad.tolist() == [1, -1, 0.5]


def test_parameters_as_a_vector_and_back():
    net = nn.Linear(2, 3)
    vector = utils.parameters_to_vector(net.parameters())
    assert vector.shape == (9,)
    (vector * mg.arange(9.0)).sum().backward()
    assert net.bias.grad.tolist() == [6, 7, 8]
    utils.vector_to_parameters(mg.arange(9.0), net.parameters())
    assert net.weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(ValueError, match=r"vec has shape \[8\], expected \[9\]"):
        utils.vector_to_parameters(mg.arange(8.0), net.parameters())


# ---- norms of weights ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer", [nn.Linear(4, 3), nn.Conv2d(2, 3, 2), nn.ConvTranspose2d(2, 3, 2), nn.Conv1d(2, 3, 2)]
)
def test_the_largest_singular_value_becomes_1(layer):
    axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    normed = utils.spectral_norm(layer, n_power_iterations=100)
    x = mg.randn(1, *([4] if isinstance(layer, nn.Linear) else [2, 3, 3][: layer.weight.ndim - 1]))
    normed(x)
    matrix = np.moveaxis(normed.weight.numpy(force=True), axis, 0).reshape(3, -1)
    assert np.linalg.svd(matrix)[1][0] == pytest.approx(1, rel=1e-4)
    names = list(normed.state_dict())
    assert names == ["bias", "weight_orig", "weight_u", "weight_v"]
    before = normed.weight_u.tolist()
    normed.eval()(x)
    assert normed.weight_u.tolist() == before
    wanted = normed.weight.tolist()
    plain = utils.remove_spectral_norm(normed)
    assert sorted(plain.state_dict()) == ["bias", "weight"]
    assert np.allclose(plain.weight.tolist(), wanted)
    assert plain.pre_hooks() == []


def test_a_spectral_norm_learns_and_goes_twice_through_one_backward():
    layer = utils.spectral_norm(nn.Linear(3, 2))
    twin = copy.deepcopy(layer)
    assert list(twin.state_dict()) == list(layer.state_dict())
    opt = optim.SGD(layer.parameters(), lr=0.1)
    x = mg.randn(4, 3)
    loss = (layer(x) - layer(-x)).square().mean()  # u and v change between the two
    loss.backward()
    assert np.isfinite(layer.weight_orig.grad.array).all()
    opt.step()
    with pytest.raises(RuntimeError, match="has such a norm already"):
        utils.spectral_norm(_again(layer))
    with pytest.raises(ValueError, match="Linear has no parameter 'kernel'"):
        utils.spectral_norm(nn.Linear(2, 2), "kernel")
    with pytest.raises(ValueError, match="has no such norm"):
        utils.remove_spectral_norm(nn.Linear(2, 2))


def _again(layer):
    layer.weight = nn.Parameter(layer.weight.detach())
    return layer


def test_the_gradient_through_norms_of_weights():
    for norm in (utils.spectral_norm, utils.weight_norm):
        layer = norm(nn.Linear(3, 2, dtype=mg.float64)).eval()
        layer(mg.randn(1, 3, dtype=mg.float64))
        params = list(layer.parameters())
        x = mg.randn(4, 3, dtype=mg.float64)
        assert gradcheck(lambda *_, layer=layer, x=x: layer(x), params, rtol=1e-4, atol=1e-6)


def test_length_and_direction_are_learned_apart():
    layer = nn.Linear(3, 2)
    before = layer.weight.tolist()
    normed = utils.weight_norm(layer)
    assert sorted(dict(normed.named_parameters())) == ["bias", "weight_g", "weight_v"]
    assert normed.weight_g.shape == (2, 1)
    normed(mg.ones(1, 3)).sum().backward()
    assert normed.weight_g.grad is not None
    assert np.allclose(normed.weight.tolist(), before)
    with mg.no_grad():
        normed.weight_g.mul_(2)
    plain = utils.remove_weight_norm(normed)
    assert np.allclose(plain.weight.tolist(), 2 * np.array(before))
    assert utils.weight_norm(nn.Linear(3, 2), dim=None).weight_g.shape == ()


@pytest.mark.parametrize("dim", [0, 1, 2, 3])
def test_a_length_is_over_all_axes_but_one(dim):
    layer = nn.Conv2d(2, 3, (1, 4))
    before = layer.weight.numpy(force=True)
    others = tuple(d for d in range(4) if d != dim)
    normed = utils.weight_norm(layer, dim=dim)
    lengths = np.sqrt(np.square(before).sum(others, keepdims=True))
    np.testing.assert_allclose(normed.weight_g.numpy(force=True), lengths, rtol=1e-6)
    np.testing.assert_allclose(normed.weight.numpy(force=True), before, rtol=1e-5)


# ---- hooks ---------------------------------------------------------------------------------------


def test_hooks_see_and_may_change_what_goes_in_and_out():
    layer, seen = nn.Linear(2, 1, bias=False), []
    nn.init.ones_(layer.weight)
    handles = [
        layer.register_forward_pre_hook(lambda m, args: seen.append(("in", m, args[0].tolist()))),
        layer.register_forward_hook(lambda m, args, out: seen.append(("out", m, out.tolist()))),
    ]
    assert layer(mg.tensor([[1.0, 2.0]])).tolist() == [[3]]
    assert seen == [("in", layer, [[1, 2]]), ("out", layer, [[3]])]
    handles += [
        layer.register_forward_pre_hook(lambda m, args: (args[0] * 2,)),
        layer.register_forward_pre_hook(lambda m, args: args[0] + 1, prepend=True),
        layer.register_forward_hook(lambda m, args, out: out * 10),
    ]
    assert layer(mg.tensor([[1.0, 2.0]])).tolist() == [[100]]
    for handle in handles:
        handle.remove()
    assert layer(mg.tensor([[1.0, 2.0]])).tolist() == [[3]]
    with pytest.raises(TypeError, match="Linear: a hook is a function, got 3"):
        layer.register_forward_hook(3)


def test_hooks_may_take_keywords_and_are_seen_under_an_observer():
    class Scale(nn.Module):
        def forward(self, x, by=1.0):
            return x * by

    scale = Scale()
    scale.register_forward_pre_hook(lambda m, args, kwargs: (args, {"by": 3.0}), with_kwargs=True)
    scale.register_forward_hook(lambda m, a, kwargs, out: out + kwargs["by"], with_kwargs=True)
    assert scale(mg.ones(1), by=2.0).tolist() == [6]
    with mg.profile():
        assert scale(mg.ones(1)).tolist() == [6]


# ---- recurrent networks --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_a_sequence_is_its_cell_again_and_again(kind):
    layer = kind(3, 2, dtype=mg.float64)
    cell = {nn.GRU: nn.GRUCell, nn.LSTM: nn.LSTMCell}[kind](3, 2, dtype=mg.float64)
    state = layer.state_dict()
    cell.load_state_dict({name.removesuffix("_l0"): x for name, x in state.items()})
    x = mg.randn(4, 5, 3, dtype=mg.float64)
    out, _ = layer(x)
    h = None
    for t in range(4):
        h = cell(x[t], h)
        first = h if kind is nn.GRU else h[0]
        np.testing.assert_allclose(out[t].array, first.array, rtol=1e-12)


def test_recurrent_layers_say_what_does_not_fit():
    with pytest.raises(ValueError, match=r"GRU: expected \(L, N, 3\) or \(L, 3\)"):
        nn.GRU(3, 2)(mg.ones(2, 2, 4))
    with pytest.raises(ValueError, match=r"LSTM: expected \(N, L, 3\)"):
        nn.LSTM(3, 2, batch_first=True)(mg.ones(4))
    with pytest.raises(ValueError, match=r"GRU: expected states \(2, N, 2\)"):
        nn.GRU(3, 2, 2)(mg.ones(4, 1, 3), mg.ones(1, 1, 2))
    with pytest.raises(ValueError, match="LSTM: proj_size is not there"):
        nn.LSTM(3, 2, proj_size=1)
    for state in (mg.ones(3, 1, 1, 2), mg.ones(3, 3), mg.ones(2, 2)):
        with pytest.raises(ValueError, match="GRUCell: expected a state"):
            nn.GRUCell(3, 2)(mg.ones(3, 3), state)
    for wrong in ((0, 2), (3, 0), (3, 2, 0)):
        with pytest.raises(ValueError, match=r"GRU: .* must be at least 1, got 0"):
            nn.GRU(*wrong)
    with pytest.raises(TypeError, match="LSTM: batch_first must be a bool, got 1"):
        nn.LSTM(3, 2, batch_first=1)
    with pytest.raises(ValueError, match="GRUCell: expected"):
        nn.GRUCell(3, 2)(mg.ones(1, 1, 3))


def test_dropout_is_between_layers_in_training_alone():
    layer = nn.LSTM(3, 4, 2, dropout=0.5)
    x = mg.randn(2, 2, 3)
    assert layer(x)[0].tolist() != layer(x)[0].tolist()
    layer.eval()
    assert layer(x)[0].tolist() == layer(x)[0].tolist()


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_dropout_is_of_what_a_layer_gives_to_the_next(kind):
    """All is dropped: the second layer sees zeros, the first layer all that there is."""
    layer, plain = kind(3, 4, 2, dropout=1.0), kind(3, 4, 2)
    plain.load_state_dict(layer.state_dict())
    first = lambda states: (states if kind is nn.GRU else states[0])[0].tolist()
    a, b = mg.randn(2, 2, 3), mg.randn(2, 2, 3)
    out_a, last_a = layer(a)
    out_b, _ = layer(b)
    assert out_a.tolist() == out_b.tolist()
    assert first(last_a) == first(plain(a)[1])
    layer.eval()
    assert layer(a)[0].tolist() == plain(a)[0].tolist() != out_a.tolist()


def test_a_network_learns_to_remember():
    mg.manual_seed(0)
    layer, head = nn.GRU(1, 8, batch_first=True), nn.Linear(8, 1)
    opt = optim.Adam([*layer.parameters(), *head.parameters()], lr=0.03)
    for _ in range(60):
        x = mg.randn(32, 5, 1)
        loss = F.mse_loss(head(layer(x)[0][:, -1]), x[:, 0])
        opt.zero_grad()
        loss.backward()
        opt.step()
    assert loss.item() < 0.5  # 1 for what forgets

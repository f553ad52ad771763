"""Module: what it finds among its attributes, its state, its modes, moving it."""

import copy

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.norm = nn.BatchNorm1d(3)
        self.scale = nn.Parameter(mg.ones(3))
        self.register_buffer("count", mg.zeros((), dtype=mg.int64))
        self.register_buffer("scratch", mg.zeros(2), persistent=False)
        self.rest = nn.ModuleList([nn.Linear(3, 3, bias=False), nn.ReLU()])
        self.plain = mg.ones(4)  # a tensor that is neither
        self.nothing = None

    def forward(self, x):
        return self.rest[1](self.rest[0](self.norm(self.first(x)) * self.scale))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 2)
        self.b = nn.Linear(2, 2)
        self.b.weight = self.a.weight
        self.again = self.a


def names(pairs):
    return [name for name, _ in pairs]


# ---- what is found -------------------------------------------------------------------------------


def test_parameters_come_in_the_order_of_pytorch_own_ones_first():
    assert names(Block().named_parameters()) == [
        "scale", "first.weight", "first.bias", "norm.weight", "norm.bias", "rest.0.weight",
    ]  # fmt: skip
    assert names(Block().named_parameters(recurse=False)) == ["scale"]
    assert names(Block().named_parameters(prefix="net"))[:2] == ["net.scale", "net.first.weight"]


def test_buffers_are_found_and_none_of_them_is_a_parameter():
    block = Block()
    assert names(block.named_buffers()) == [
        "count", "scratch", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked",
    ]  # fmt: skip
    assert all(not b.requires_grad for b in block.buffers())
    assert all(p.requires_grad and p.is_leaf for p in block.parameters())
    assert not {id(b) for b in block.buffers()} & {id(p) for p in block.parameters()}


def test_modules_and_children():
    block = Block()
    assert names(block.named_modules()) == ["", "first", "norm", "rest", "rest.0", "rest.1"]
    assert names(block.named_children()) == ["first", "norm", "rest"]
    assert list(block.children()) == [block.first, block.norm, block.rest]
    assert next(block.modules()) is block


def test_what_is_shared_comes_once_and_is_saved_under_each_name():
    net = Tied()
    assert names(net.named_modules()) == ["", "a", "b"]
    assert names(net.named_children()) == ["a", "b"]
    assert names(net.named_parameters()) == ["a.weight", "a.bias", "b.bias"]
    assert len(list(net.named_parameters(remove_duplicate=False))) == 6
    assert list(net.state_dict()) == [
        "a.weight", "a.bias", "b.weight", "b.bias", "again.weight", "again.bias",
    ]  # fmt: skip


def test_a_module_needs_no_call_of_its_bases_init():
    class Bare(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(mg.ones(2))

    assert len(list(Bare().parameters())) == 1
    assert Bare().training


def test_without_forward_a_call_says_so():
    with pytest.raises(NotImplementedError, match="Module: no forward"):
        nn.Module()(1)


def test_a_parameter_shares_memory_and_prints_as_in_pytorch():
    array = np.zeros(2, np.float32)
    p = nn.Parameter(mg.from_numpy(array))
    array[0] = 1
    assert p.tolist() == [1, 0]
    assert repr(p) == "Parameter containing:\ntensor([1., 0.], requires_grad=True)"
    assert isinstance(p, mg.Tensor)
    assert type(p * 2) is mg.Tensor
    assert not nn.Parameter(mg.ones(2), requires_grad=False).requires_grad


# ---- registering ---------------------------------------------------------------------------------


def test_a_parameter_is_replaced_by_a_parameter_or_none_only():
    layer = nn.Linear(2, 2)
    for wrong in (mg.ones(2, 2), np.ones((2, 2)), 3.0):
        with pytest.raises(TypeError, match=r"Linear: cannot assign .* to the parameter 'weight'"):
            layer.weight = wrong
    layer.weight = nn.Parameter(mg.ones(2, 2))
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"]
    layer.bias = nn.Parameter(mg.zeros(2))
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_a_buffer_is_replaced_by_a_tensor_or_none_only():
    norm = nn.BatchNorm1d(2)
    for wrong in (np.zeros(2, np.float32), [0.0, 0.0]):
        with pytest.raises(TypeError, match=r"cannot assign .* to the buffer 'running_mean'"):
            norm.running_mean = wrong
    norm.running_mean = mg.ones(2)
    assert norm.state_dict()["running_mean"].tolist() == [1, 1]
    del norm.running_mean
    assert "running_mean" not in dict(norm.named_buffers())


def test_names_are_checked_when_something_is_registered():
    module = nn.Linear(2, 2)
    for register, value in (
        (module.register_buffer, mg.ones(1)),
        (module.register_parameter, nn.Parameter(mg.ones(1))),
        (module.add_module, nn.ReLU()),
    ):
        for name in ("a.b", "", 3):
            with pytest.raises(KeyError, match="a name must be"):
                register(name, value)
        with pytest.raises(KeyError, match="has an attribute 'forward' already"):
            register("forward", value)
        with pytest.raises(TypeError, match="'new' must be a"):
            register("new", 3)
        register("new", None)
        register("new", value)
        assert module.new is value
        del module.new


def test_register_parameter_and_add_module_do_what_assignment_does():
    module = nn.Module()
    module.register_parameter("w", nn.Parameter(mg.ones(2)))
    module.register_parameter("none", None)
    module.add_module("relu", nn.ReLU())
    assert list(module.state_dict()) == ["w"]
    assert names(module.named_children()) == ["relu"]
    with pytest.raises(TypeError, match="Parameter"):
        module.register_parameter("x", mg.ones(2))


# ---- state ---------------------------------------------------------------------------------------


def test_state_dict_has_pytorchs_names_in_pytorchs_order_and_shares_memory():
    block = Block()
    state = block.state_dict()
    assert list(state) == [
        "scale", "count", "first.weight", "first.bias", "norm.weight", "norm.bias",
        "norm.running_mean", "norm.running_var", "norm.num_batches_tracked", "rest.0.weight",
    ]  # fmt: skip
    assert not any(x.requires_grad for x in state.values())
    assert state["first.weight"].array is block.first.weight.array
    assert next(iter(block.state_dict(prefix="net."))) == "net.scale"


def test_load_state_dict_copies_in_place():
    a, b = Block(), Block()
    before = {name: x.array for name, x in b.state_dict().items()}
    assert b.load_state_dict(a.state_dict()) == ([], [])
    for name, x in b.state_dict().items():
        assert x.array is before[name]
        assert not np.shares_memory(x.array, a.state_dict()[name].array)
        np.testing.assert_array_equal(x.array, a.state_dict()[name].array)


def test_load_state_dict_takes_arrays():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.ones((1, 2), np.float32), "bias": np.zeros(1, np.float32)})
    assert layer.weight.tolist() == [[1, 1]]


def test_load_state_dict_lists_every_fault_and_then_has_changed_nothing():
    block = Block()
    state = {name: mg.zeros_like(x) for name, x in block.state_dict().items()}
    del state["scale"], state["norm.bias"]
    state["first.weight"] = mg.zeros(3, 5)
    state["first.bias"] = mg.zeros(3, dtype=mg.int64)
    state["norm.weight"] = 3.0
    state["extra"] = state["more.extra"] = mg.zeros(1)
    before = {name: x.numpy().copy() for name, x in block.state_dict().items()}
    with pytest.raises(RuntimeError) as caught:
        block.load_state_dict(state)
    assert str(caught.value).splitlines() == [
        "load_state_dict: 7 entries do not fit Block:",
        "  missing: scale",
        "  missing: norm.bias",
        "  unexpected: extra",
        "  unexpected: more.extra",
        "  first.weight: float32[3, 5] does not fit float32[3, 2]",
        "  first.bias: int64[3] does not fit float32[3]",
        "  norm.weight: expected a tensor or an array, got float",
    ]
    for name, x in block.state_dict().items():
        np.testing.assert_array_equal(x.array, before[name])


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_load_state_dict_takes_other_floats_into_the_dtype_that_is_here(dtype):
    layer = nn.Linear(2, 1)
    values = {"weight": np.full((1, 2), 1.5, dtype), "bias": mg.zeros(1, dtype=mg.float64)}
    layer.load_state_dict(values)
    assert layer.weight.dtype == np.float32
    assert layer.weight.tolist() == [[1.5, 1.5]]


def test_load_state_dict_not_strict_returns_the_names_and_still_refuses_misfits():
    layer = nn.Linear(2, 2)
    keys = layer.load_state_dict({"weight": mg.ones(2, 2), "other": mg.ones(1)}, strict=False)
    missing, unexpected = keys
    assert (missing, unexpected) == (["bias"], ["other"])
    assert repr(keys) == "IncompatibleKeys(missing_keys=['bias'], unexpected_keys=['other'])"
    assert repr(layer.load_state_dict(layer.state_dict())) == "<All keys matched successfully>"
    assert layer.weight.tolist() == [[1, 1], [1, 1]]
    with pytest.raises(RuntimeError, match="weight: float32"):
        layer.load_state_dict({"weight": mg.ones(3, 2)}, strict=False)


def test_loading_between_forward_and_backward_is_an_error_and_no_wrong_number():
    layer = nn.Linear(2, 2)
    out = layer(mg.ones(1, 2, requires_grad=True)).sum()
    layer.load_state_dict(layer.state_dict())
    with pytest.raises(RuntimeError, match="'linear'"):
        out.backward()


def test_loading_keeps_the_order_in_memory_of_a_kernel():
    conv = nn.Conv2d(3, 4, 2)
    strides = conv.weight.array.strides
    conv.load_state_dict({"weight": np.ones((4, 3, 2, 2), np.float32), "bias": mg.zeros(4)})
    assert conv.weight.array.strides == strides


# ---- modes ---------------------------------------------------------------------------------------


def test_train_and_eval_reach_every_module():
    block = Block()
    assert block.eval() is block
    assert not any(m.training for m in block.modules())
    block.train()
    assert all(m.training for m in block.modules())


def test_zero_grad():
    layer = nn.Linear(2, 1)
    layer(mg.ones(1, 2)).sum().backward()
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0, 0]]
    layer.zero_grad()
    assert layer.weight.grad is None


def test_a_frozen_module_learns_nothing_but_lets_gradients_through():
    layer = nn.Linear(2, 1).requires_grad_(False)
    x = mg.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None
    assert layer.weight.grad is None
    assert all(p.requires_grad for p in layer.requires_grad_().parameters())


def test_a_frozen_module_that_is_moved_can_learn_again():
    layer = nn.Linear(2, 1)
    layer(mg.ones(1, 2)).sum().backward()
    layer.requires_grad_(False).double()
    assert layer.weight.grad.dtype == np.float64
    layer.requires_grad_().zero_grad()
    layer(mg.ones(1, 2, dtype=mg.float64)).sum().backward()
    assert layer.weight.grad.dtype == np.float64


def test_apply_goes_through_children_first():
    seen = []
    block = Block()
    assert block.apply(lambda m: seen.append(type(m).__name__)) is block
    assert seen == ["Linear", "BatchNorm1d", "Linear", "ReLU", "ModuleList", "Block"]


# ---- moving and copying --------------------------------------------------------------------------


def test_to_a_dtype_keeps_objects_ties_gradients_and_the_optimizer():
    net = Tied()
    opt = optim.Adam(net.parameters(), lr=0.1)
    weight = net.a.weight
    net.a(mg.ones(1, 2)).sum().backward()
    assert net.double() is net
    assert net.a.weight is weight is net.b.weight
    assert weight.dtype == weight.grad.dtype == np.float64
    (
        net.a(mg.ones(1, 2, dtype=mg.float64)) + net.b(mg.ones(1, 2, dtype=mg.float64))
    ).sum().backward()
    assert weight.grad.tolist() == [[3, 3], [3, 3]]
    opt.step()
    assert net.float().a.weight.dtype == np.float32


def test_to_leaves_integer_buffers_alone():
    norm = nn.BatchNorm1d(2)
    norm.num_batches_tracked.array += 2**53 + 1
    norm.to(np.float64)
    assert norm.running_mean.dtype == np.float64
    assert norm.num_batches_tracked.dtype == np.int64
    assert norm.num_batches_tracked.item() == 2**53 + 1
    with pytest.raises(TypeError, match=r"BatchNorm1d\.to: needs a floating dtype, got int64"):
        norm.to(mg.int64)


def test_to_accepts_a_device_as_text_or_object_and_a_dtype_beside_it():
    layer = nn.Linear(2, 2)
    assert layer.to("cpu").weight.device.name == "cpu"
    assert layer.to(mg.device("cpu"), mg.float64).weight.dtype == np.float64
    assert layer.cpu().weight.device.name == "cpu"


def test_to_keeps_the_order_in_memory_of_a_kernel():
    conv = nn.Conv2d(3, 4, 2).double()
    assert conv.weight.array.transpose(0, 2, 3, 1).flags.c_contiguous


def test_a_deep_copy_is_independent_and_keeps_ties_and_order_in_memory():
    net = nn.Sequential(nn.Conv2d(3, 2, 2), Tied())
    net[0](mg.ones(1, 3, 2, 2)).sum().backward()
    twin = copy.deepcopy(net)
    assert twin[1].a.weight is twin[1].b.weight
    assert twin[0].weight.grad is None
    assert twin[0].weight.array.strides == net[0].weight.array.strides
    for (name, p), (_, q) in zip(net.named_parameters(), twin.named_parameters(), strict=True):
        np.testing.assert_array_equal(p.array, q.array, name)
        assert not np.shares_memory(p.array, q.array)
    x = mg.ones(1, 2)
    (net[1].a(x).sum() + 2 * twin[1].a(x).sum()).backward()
    assert net[1].a.weight.grad.tolist() == [[1, 1], [1, 1]]
    assert twin[1].a.weight.grad.tolist() == [[2, 2], [2, 2]]

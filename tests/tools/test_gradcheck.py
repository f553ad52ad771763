"""gradcheck and gradgradcheck: they pass what is right, and say where it is wrong what is not."""

import itertools

import numpy as np
import pytest

import minigrad as mg
from minigrad.tools.gradcheck import GradcheckError, gradcheck, gradgradcheck
from tests.leaves import random_leaf as leaf

CHECKS = [gradcheck, gradgradcheck]
each_mode = pytest.mark.parametrize("fast_mode", [False, True], ids=["full", "fast"])


def with_rule(rule, forward=lambda xp, x: x**2):
    """An op of one operand with a gradient rule to be judged."""

    @mg.op
    def judged(xp, x):
        return forward(xp, x)

    judged.gradient("x")(rule)
    return judged


# ---- what is right -------------------------------------------------------------------------------


@each_mode
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x * y,
        lambda x, y: (x * y, mg.tanh(x), y.sum()),
        lambda x, y: [mg.exp(y), x],
        lambda x, y: (mg.argmax(x, 0), x**2 + y),  # what has no gradient is left out
        lambda x, y: mg.batch_norm(x, None, None, y, None, training=True),
        lambda x, y: mg.tanh(x) if mg.is_grad_enabled() else mg.tanh(x * 1),
    ],
)
def test_what_is_right_passes(f, check, fast_mode):
    assert check(f, (leaf(3, 4), leaf(4, seed=1)), fast_mode=fast_mode)


@each_mode
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "x",
    [
        leaf(),
        leaf(0),
        leaf(2, 0, 3),
        mg.tensor(np.broadcast_to(np.arange(3.0), (2, 3)), requires_grad=True),
        mg.from_numpy(np.broadcast_to(np.arange(3.0), (2, 3))).requires_grad_(),
        mg.from_numpy(np.arange(6.0).reshape(3, 2)[::-1].T).requires_grad_(),
        leaf(3) * 2,  # not a leaf
    ],
    ids=["one number", "empty", "size-0 axis", "copy", "read-only", "any strides", "interior"],
)
def test_any_layout(x, check, fast_mode):
    assert check(mg.tanh, x, fast_mode=fast_mode)
    assert check(lambda x: x * x, [x], fast_mode=fast_mode)


def test_other_arguments_are_passed_on():
    assert gradcheck(mg.sum, (leaf(2, 3), 1, True))
    assert gradgradcheck(lambda x, w, k: (x * w) ** k, (leaf(2), mg.ones(2, dtype=mg.float64), 3))


def test_parameters_that_a_function_captures():
    w = leaf(2, 3)
    assert gradcheck(lambda *_: w.tanh() * 2, (w,))
    assert gradgradcheck(lambda x, _: mg.linear(x, w), (leaf(4, 3), w))


def test_one_tensor_given_twice():
    x = leaf(3)
    assert gradcheck(lambda a, b: a * b, (x, x))


def test_a_function_that_does_not_depend_on_its_input_has_slope_zero():
    x = leaf(3)
    assert gradcheck(lambda x: mg.ones(2, dtype=mg.float64), (x,))
    with pytest.raises(GradcheckError, match="not on the tape"):
        gradcheck(lambda x: x.detach() * 2, (x,))
    with pytest.raises(ValueError, match="no output"):
        gradgradcheck(lambda x: x.detach() * 2, (x,))


@pytest.mark.parametrize("check", CHECKS)
def test_nothing_is_left_behind(check):
    x, y = leaf(3), leaf(3, seed=1)
    x.grad = mg.ones(3, dtype=mg.float64)
    before, state = (x.array, y.array), mg.get_rng_state()
    values = [v.copy() for v in before]
    check(mg.multiply, (x, y))
    assert x.grad.tolist() == [1, 1, 1] and y.grad is None
    assert x.array is before[0] and y.array is before[1]
    np.testing.assert_array_equal(before, values)
    np.testing.assert_array_equal(mg.get_rng_state(), state)


def test_an_error_inside_the_function_leaves_the_input_as_it_was():
    x, calls = leaf(3), []

    def f(x):
        calls.append(x)
        if len(calls) == 4:
            raise KeyError("f")
        return x * 2

    data = x.array
    with pytest.raises(KeyError):
        gradcheck(f, (x,))
    assert x.array is data


@pytest.mark.parametrize("given", [True, False])
def test_grad_outputs_may_be_given(given):
    x = leaf(2)
    u = mg.tensor(np.array([3.0, -1.0]), requires_grad=given)
    assert gradgradcheck(mg.tanh, (x,), u)
    assert gradgradcheck(mg.tanh, (x,), [u])


# ---- what is wrong -------------------------------------------------------------------------------


@each_mode
def test_the_report_names_the_input_the_element_and_both_values(fast_mode):
    @mg.op
    def product(xp, x, y):
        return x * y

    product.gradient("x")(lambda g, y: g * y)
    product.gradient("y")(lambda g, x: g * x * mg.tensor([1.0, 1.0, 1.5, 1.0]).array)

    x = mg.tensor(np.array([1.0, 2.0, 4.0, 8.0]), requires_grad=True)
    y = mg.tensor(np.array([5.0, 6.0, 7.0, 9.0]), requires_grad=True)
    with pytest.raises(
        GradcheckError,
        match=r"gradcheck of product: .* input 1 of output 0 \(made by 'product'\).*"
        r"element \[2\] by element \[2\] is analytic 6, numeric 4.*2 apart.*"
        r"atol 1e-05 \+ rtol 0\.001.*1 of 16",
    ):
        gradcheck(product, (x, y), fast_mode=fast_mode)
    assert issubclass(GradcheckError, RuntimeError)
    assert gradcheck(product, (x, y), fast_mode=fast_mode, raise_exception=False) is False
    assert gradcheck(product, (x, y.detach()), fast_mode=fast_mode)


WRONG = {
    "a factor": lambda g, x: g * x * 2.01,
    "a sign": lambda g, x: g * x * -2,
    "what is not a number": lambda g, x: g * x * float("nan"),
    "infinite": lambda g, x: g * 0 + float("inf"),
    "the wrong element": lambda g, x: mg.flip(g * x * 2, 0),
    "mixed up": lambda g, x: g * x + (g * x).sum() * 0.1,
    "nothing": lambda g, x: g * 0,
}


@each_mode
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_first_derivative(name, fast_mode):
    f = with_rule(WRONG[name])
    with pytest.raises(GradcheckError, match="gradcheck of judged: wrong gradient for input 0"):
        gradcheck(f, leaf(3), fast_mode=fast_mode)


@each_mode
def test_a_wrong_second_derivative(fast_mode):
    """Right once, wrong twice: the rule uses a number where it should use the tensor."""
    f = with_rule(lambda g, x: g * 2 * (x.detach() if isinstance(x, mg.Tensor) else x))
    assert gradcheck(f, leaf(3), fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="gradgradcheck of judged: wrong gradient for input 0"):
        gradgradcheck(f, leaf(3), fast_mode=fast_mode)


@each_mode
def test_a_second_derivative_that_forgets_grad_outputs(fast_mode):
    f = with_rule(lambda g, x: (g.detach() if isinstance(g, mg.Tensor) else g) * x * 2)
    assert gradcheck(f, leaf(3), fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="for grad_output 0"):
        gradgradcheck(f, leaf(3), fast_mode=fast_mode)


def test_the_two_ways_of_backward_must_agree():
    f = with_rule(lambda g, x: g * x * (2 if isinstance(g, np.ndarray) else 2.1))
    assert gradcheck(f, leaf(3))
    with pytest.raises(GradcheckError, match="gradient 0 is another when computed again"):
        gradgradcheck(f, leaf(3))


def test_sum_does_not_see_a_wrong_batch_norm_and_gradcheck_does():
    """The trap: the gradient of sum(batch_norm(x)) is 0, and so is that of a rule which gives 0."""

    @mg.op
    def norm(xp, x):
        return (x - x.mean(0)) / xp.sqrt(x.var(0) + 1e-5)

    norm.gradient("x")(lambda g: g - g.mean(0))
    x = leaf(5, 2)
    (of_sum,) = mg.grad(norm(x).sum(), x)
    np.testing.assert_allclose(of_sum.array, 0, atol=1e-12)
    with pytest.raises(GradcheckError):
        gradcheck(norm, x)


@each_mode
def test_tolerances_and_step(fast_mode):
    f, x = with_rule(lambda g, x: g * x * 2.01), leaf(3)
    assert gradcheck(f, x, rtol=0.02, fast_mode=fast_mode)
    assert gradcheck(f, x, rtol=0, atol=1, fast_mode=fast_mode)
    assert gradgradcheck(f, x, rtol=0.02, fast_mode=fast_mode)
    cubed = with_rule(lambda g, x: g * x**2 * 3, lambda xp, x: x**3)
    assert not gradcheck(cubed, x, eps=0.1, raise_exception=False, fast_mode=fast_mode)
    assert gradcheck(cubed, x, eps=1e-4, atol=1e-7, rtol=0, fast_mode=fast_mode)


# ---- bad manners ---------------------------------------------------------------------------------


def test_backward_that_is_not_the_same_twice():
    factors = itertools.count(2, 1e-9)
    noisy = with_rule(lambda g, x: g * x * next(factors))
    with pytest.raises(GradcheckError, match="backward run twice gave two gradients for input 0"):
        gradcheck(noisy, leaf(3))
    assert gradcheck(noisy, leaf(3), nondet_tol=1e-6)


def test_a_function_that_is_not_the_same_twice():
    with pytest.raises(GradcheckError, match=r"output 0 is another when computed again.*random"):
        gradcheck(lambda x: x * mg.rand(3, dtype=mg.float64), leaf(3))


def test_a_function_that_changes_its_input():
    def f(x):
        y = x * 2
        x.array[0] += 1
        return y

    with pytest.raises(GradcheckError, match="the function changed input 0 in place"):
        gradcheck(f, leaf(3))


def test_a_rule_that_changes_an_input():
    def rule(g, x):
        x += 1
        return g * (x - 1) * 2

    with pytest.raises(GradcheckError, match="backward changed input 0 in place"):
        gradcheck(with_rule(rule), leaf(3))


@pytest.mark.parametrize("check", CHECKS)
def test_float64_is_required(check):
    x = mg.ones(3, requires_grad=True)
    with pytest.raises(ValueError, match=f"{check.__name__} of tanh: input 1 is float32.*float64"):
        check(mg.tanh, (leaf(3), x))
    with pytest.raises(ValueError, match="is float32 though the inputs are float64"):
        gradcheck(lambda x: x.float(), (leaf(3),))


@pytest.mark.parametrize("check", CHECKS)
def test_an_input_that_requires_a_gradient_is_required(check):
    with pytest.raises(ValueError, match=f"{check.__name__} of tanh: no input requires a gradient"):
        check(mg.tanh, mg.ones(3, dtype=mg.float64))


@pytest.mark.parametrize("check", CHECKS)
def test_tensors_must_come_out(check):
    with pytest.raises(TypeError, match="must return tensors, not float"):
        check(lambda x: 1.0, (leaf(3),))

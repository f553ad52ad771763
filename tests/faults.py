"""Faults to plant, and who must notice: see plant_faults.py, which does it."""

from typing import NamedTuple


class Fault(NamedTuple):
    what: str
    file: str
    old: str
    new: str
    caught_by: tuple[str, ...]  # as "ops/conv::conv2d" for tests/ops/test_conv.py::test_conv2d


ELEMENTWISE, REDUCE, SHAPE = (
    f"minigrad/ops/{name}.py" for name in ("elementwise", "reduce", "shape")
)
ACTIVATION, SCANS = "minigrad/ops/activation.py", "minigrad/ops/scans.py"
CONV, NORM, CPU = "minigrad/ops/conv.py", "minigrad/ops/norm.py", "minigrad/backend/cpu.py"

FAULTS = [
    # ---- gradients of single elements ----
    Fault(
        "a sign",
        ELEMENTWISE,
        'subtract.gradient("y")(lambda g: -g)',
        'subtract.gradient("y")(lambda g: g)',
        ("ops/elementwise::binary", "parity/ops::values_and_gradients"),
    ),
    Fault(
        "the input kept where the output was meant",
        ACTIVATION,
        'tanh.gradient("x")(in_parts(lambda g, out: g * (1 - out * out)))',
        'tanh.gradient("x")(in_parts(lambda g, x: g * (1 - x * x)))',
        ("ops/elementwise::unary",),
    ),
    Fault(
        "a constant where the second derivative needs a function",
        ELEMENTWISE,
        'exp.gradient("x")(lambda g, out: g * out)',
        'exp.gradient("x")(lambda g, out: g * getattr(out, "data", out))',
        ("ops/elementwise::unary",),
    ),
    Fault(
        "the slope of relu at 0",
        "minigrad/backend/base.py",
        "positive: Array = x > 0",
        "positive: Array = x >= 0",
        ("ops/elementwise::slope_at_a_kink", "ops/elementwise::unary"),
    ),
    Fault(
        "clip without its ends",
        ELEMENTWISE,
        "x >= min",
        "x > min",
        ("ops/elementwise::slope_at_a_kink",),
    ),
    Fault(
        "a float64 leak in a gradient",
        ELEMENTWISE,
        'sqrt.gradient("x")(lambda g, out: g / (out * 2))',
        'sqrt.gradient("x")(lambda g, out: g / (out * np.float64(2)))',
        ("ops/elementwise::unary",),
    ),
    Fault(
        "a float64 leak in a forward",
        ACTIVATION,
        "    y = x * negative_slope\n",
        "    y = x * np.float64(negative_slope)\n",
        ("ops/elementwise::unary",),
    ),
    Fault(
        "tanh by 2 sigmoid(2x) - 1, which loses the digits near 0",
        ACTIVATION,
        "    return xp.tanh(x)",
        "    return 2 / (1 + xp.exp(-2 * x)) - 1",
        ("ops/elementwise::accurate_everywhere_without_a_floating_point_error",),
    ),
    Fault(
        "a clipped cross entropy, whose slope is 0 where it matters",
        "minigrad/ops/losses.py",
        'bce_with_logits.gradient("x")(lambda g, x, target: g * (sigmoid(x) - target))',
        'bce_with_logits.gradient("x")'
        "(lambda g, x, target: g * (sigmoid(x) - target) * (abs(x) < 16))",
        ("ops/losses::bce_with_logits_is_accurate_everywhere",),
    ),
    # ---- the engine ----
    Fault(
        "no sum over the axes that were broadcast",
        "minigrad/broadcasting.py",
        "    return device_of(x).sum(x, axes).reshape(shape)",
        "    return x.max(axis=axes, keepdims=True, initial=0).reshape(shape)",
        ("ops/elementwise::binary", "ops/shape::expand"),
    ),
    Fault(
        "gradients that share memory",
        "minigrad/backend/memory.py",
        "storage(other) is memory for",
        "False for",
        (
            "engine/ownership::memory_is_new_where_none_of_the_others_has_it",
            "engine/ownership::gradients_of_distinct_leaves_share_no_memory",
        ),
    ),
    Fault(
        "a gradient that is the cotangent itself",
        "minigrad/tape.py",
        "g if owned or differentiable else",
        "g if True else",
        (
            "ops/elementwise::binary",
            "engine/ownership::gradients_of_distinct_leaves_share_no_memory",
        ),
    ),
    Fault(
        "changes in place that nobody notices",
        "minigrad/tape.py",
        "entry[1] > stamp",
        "False",
        (
            "engine/changes::what_was_saved_and_then_changed_is_an_error_that_names_the_op",
            "optim/optimizers::a_step_between_forward_and_backward_is_an_error",
        ),
    ),
    Fault(
        "one mode, and one observer, for all threads",
        "minigrad/tape.py",
        "class _Mode(threading.local):",
        "class _Mode:",
        (
            "engine/modes::a_thread_has_a_mode_of_its_own",
            "tools/profiler::each_thread_is_watched_by_its_own",
        ),
    ),
    # ---- sums and shapes ----
    Fault(
        "columns of any length added one by one",
        "minigrad/backend/sums.py",
        "if n <= BLOCK:",
        "if True:",
        ("ops/accuracy::errors_do_not_grow_with_the_number_of_terms",),
    ),
    Fault(
        "deviations from a rounded mean",
        "minigrad/backend/columns.py",
        "if (total < m * np.square(1e-3 * mean)).any():",
        "if False:",
        ("ops/accuracy::equal_numbers_normalise_to_zero",),
    ),
    Fault(
        "nine products, whose image lacks one of them",
        "minigrad/backend/nine.py",
        "np.subtract(m[1], m[0], out=d[1::2])",
        "np.copyto(d[1::2], m[1])",
        ("backend/nine::its_three_sides_are_those_of_the_convolution",),
    ),
    Fault(
        "a BLAS left with one thread",
        "minigrad/backend/threads.py",
        "self._set(self._before)",
        "pass",
        ("backend/threads::the_blas_has_one_thread_within_and_its_own_again_after",),
    ),
    Fault(
        "mean without 1 / n in its gradient",
        REDUCE,
        "spread(g * (1 / (_size(x_shape, dim) or 1)), x_shape, dim)",
        "spread(g * 1.0, x_shape, dim)",
        ("ops/reduce::reductions",),
    ),
    Fault(
        "the gradient of a running sum that runs the same way",
        SCANS,
        "return flip(_cumsum(flip(g, dim), dim=dim), dim)",
        "return _cumsum(g, dim=dim)",
        ("ops/generative::along_an_axis",),
    ),
    Fault(
        "a norm whose slope at 0 is NaN",
        REDUCE,
        "return where(out == 0, 0, g / (2 * where(out == 0, 1, out)))",
        "return g / (2 * out)",
        (
            "ops/generative::a_norm_of_0_has_slope_0",
            "ops/reduce::the_standard_deviation_of_equal_numbers_has_slope_0",
        ),
    ),
    Fault(
        "NumPy's order of axes where an int stands apart from an array",
        "minigrad/ops/indexing.py",
        "if True not in arrays or not any(isinstance(k, int) for k in key):",
        "if True:",
        ("parity/habits::the_same",),
    ),
    Fault(
        "softmax without the term of its sum",
        REDUCE,
        "return out * (g - _sum(g * out, dim=dim, keepdim=True))",
        "return out * (g - g * out)",
        ("ops/reduce::softmax_and_log_softmax",),
    ),
    Fault(
        "logsumexp without its shift",
        REDUCE,
        "shift = xp.where(xp.isfinite(top), top, 0)",
        "shift = xp.zeros_like(top)",
        ("ops/reduce::softmaxes_are_accurate_without_a_floating_point_error",),
    ),
    Fault(
        "every one of equal maxima gets the whole gradient",
        "minigrad/ops/extremes.py",
        "expand(reshape(g, kept(x_shape, dim)) / number, shape=x_shape)",
        "expand(reshape(g, kept(x_shape, dim)), shape=x_shape)",
        ("ops/reduce::ties_share_the_gradient_equally", "parity/ops::at_ties_and_kinks"),
    ),
    Fault(
        "the variance of a population where that of a sample was meant",
        REDUCE,
        "variance(x, dim, keepdim, correction)",
        "variance(x, dim, keepdim, 0)",
        ("ops/reduce::reductions", "ops/reduce::correction"),
    ),
    Fault(
        "of an element that is indexed twice one gradient is lost",
        "minigrad/ops/indexing.py",
        "device_of(out).add_at(out, key, g)",
        "out[key] = g",
        ("ops/indexing::what_is_named_twice_gets_both", "ops/indexing::index_arrays"),
    ),
    Fault(
        "axes put back as they were moved",
        SHAPE,
        "back[at] = to",
        "back[to] = at",
        ("ops/shape::permute_and_transpose",),
    ),
    Fault(
        "the gradient of padding cut off by one",
        SHAPE,
        "slice(a, a + n) for (a, _), n in",
        "slice(max(a - 1, 0), max(a - 1, 0) + n) for (a, _), n in",
        ("ops/shape::pad",),
    ),
    Fault(
        "a factor that is not transposed",
        "minigrad/ops/linalg.py",
        "_matmul(transpose(x, -1, -2), g)",
        "_matmul(x, g)",
        ("ops/linalg::a_matrix_times_itself", "ops/linalg::matmul_of_batches_of_matrices"),
    ),
    # ---- convolution and batch norm ----
    Fault(
        "stride and dilation swapped",
        CONV,
        '_pair(name, "stride", stride, 1)',
        '_pair(name, "stride", dilation, 1)',
        ("ops/conv::conv2d", "ops/conv::conv_transpose2d", "parity/ops::convolutions"),
    ),
    Fault(
        "padding off by one",
        "minigrad/backend/base.py",
        "padded[:, ph : ph + h, pw : pw + w] = image",
        "padded[:, max(ph - 1, 0) : max(ph - 1, 0) + h, pw : pw + w] = image",
        ("ops/conv::conv2d", "ops/conv::one_form_seen_from_three_sides"),
    ),
    Fault(
        "a kernel whose cells are in another order than a patch's",
        CONV,
        "return _last(weight).reshape(weight.shape[0], -1)",
        "return weight.reshape(weight.shape[0], -1)",
        ("ops/conv::conv2d", "ops/conv::one_form_seen_from_three_sides"),
    ),
    Fault(
        "dilation forgotten on the way back",
        "minigrad/backend/base.py",
        "top, left = i * dh, j * dw",
        "top, left = i, j",
        ("ops/conv::conv_transpose2d", "ops/conv::one_form_seen_from_three_sides"),
    ),
    Fault(
        "images that come out channels-first",
        CONV,
        "    return _first(out.reshape(n, oh, ow, weight.shape[0])), patches",
        "    return xp.ascontiguousarray(_first(out.reshape(n, oh, ow, -1))), patches",
        ("ops/conv::images_are_channels_last_in_memory",),
    ),
    Fault(
        "statistics of the batch taken for constants",
        "minigrad/backend/columns.py",
        "tilt = g_weight * rstd / m",
        "tilt = g_weight * 0",
        ("ops/norm::training",),
    ),
    Fault(
        "a running variance that is biased",
        NORM,
        "(mean, variance), momentum, m / (m - 1))",
        "(mean, variance), momentum, 1)",
        (
            "ops/norm::running_statistics_move_by_a_tenth_and_the_variance_is_unbiased",
            "parity/ops::running_statistics",
        ),
    ),
    Fault(
        "momentum the other way round",
        "minigrad/backend/base.py",
        "            old *= 1 - momentum\n            old += momentum * (new * factor)\n",
        "            old *= momentum\n            old += (1 - momentum) * (new * factor)\n",
        ("ops/norm::running_statistics", "parity/ops::running_statistics"),
    ),
    Fault(
        "evaluation that uses the batch",
        NORM,
        "if not training and running_mean is not None",
        "if False and running_mean is not None",
        ("ops/norm::evaluation", "ops/norm::evaluation_moves_nothing"),
    ),
    Fault(
        "dropout in evaluation",
        "minigrad/nn/functional/layers.py",
        "if not training or p == 0:",
        "if p == 0:",
        ("nn/layers::dropout_at_its_ends_and_in_evaluation",),
    ),
]

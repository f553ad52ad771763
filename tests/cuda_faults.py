"""Faults of the CUDA path, for tests/plant_faults.py: what each of its checks is there to find."""

from tests.faults import Fault

KERNELS, CUDA = "minigrad/backend/kernels.cu", "minigrad/backend/cuda.py"
TWIN = "backend/kernels::a_kernel_computes_what_its_twin_does"
STEP = "backend/cuda_steps::a_training_step_never_waits_and_uploads_nothing"
OPS = "backend/cuda_ops::an_op_does_on_a_gpu_what_it_does_on_the_cpu"

FAULTS = [
    # ---- the stand-in for CuPy ----
    Fault(
        "activations lose their layout",
        "minigrad/backend/memory_layout.py",
        "    order = _order(operands)\n",
        "    order = None\n",
        ("backend/cuda_layout::images_stay_channels_last_forward_and_back",),
    ),
    Fault(
        "gradients lose their layout",
        "minigrad/plan.py",
        "            if not here:",
        "            if False:",
        ("backend/cuda_layout::images_stay_channels_last_forward_and_back",),
    ),
    Fault(
        "a step that waits for its loss",
        "models/model.py",
        "    loss.backward()\n    optimizer.step()",
        "    loss.backward()\n    loss.item()\n    optimizer.step()",
        (STEP, "backend/cuda_steps::training_on_a_loader_uploads_each_batch_once"),
    ),
    Fault(
        "noise drawn on the CPU",
        "minigrad/random.py",
        "    return stream(place, generator).normal(shape, dtype)",
        "    return place.asarray(stream(cpu, generator).normal(shape, dtype))",
        (STEP, "backend/cuda_steps::training_on_a_loader_uploads_each_batch_once"),
    ),
    Fault(
        "a host array among the device's",
        "minigrad/ops/indexing.py",
        "    out = xp.zeros(shape, g.dtype)\n",
        "    out = np.zeros(shape, g.dtype)\n",
        (OPS,),
    ),
    Fault(
        "batches uploaded twice",
        CUDA,
        "arrays = tuple([self.asarray(x) for x in batch])",
        "arrays = tuple([self.asarray(self.to_numpy(self.asarray(x))) for x in batch])",
        ("backend/cuda_device::uploading_ahead_never_waits",),
    ),
    # ---- the static check ----
    Fault(
        "a keyword that CuPy's ufuncs lack",
        "minigrad/ops/activation.py",
        "    return xp.tanh(x)",
        "    return xp.tanh(x, where=True)",
        ("backend/cuda_names::cupy_has_every_name_and_keyword", OPS),
    ),
    Fault(
        "a name that CuPy lacks, on a path that no test takes",
        CUDA,
        "            return super()._sum(x, axes, keepdims)",
        "            return self.xp.vecdot(x, x)",
        ("backend/cuda_names::cupy_has_every_name_and_keyword",),
    ),
    # ---- the kernels by g++ ----
    Fault(
        "no bounds check of rows",
        KERNELS,
        "bool inside = 0 <= y && y < s.h && 0 <= x && x < s.w;",
        "bool inside = 0 <= x && x < s.w;",
        (TWIN, "backend/cuda_device::patches"),
    ),
    Fault(
        "a missing __syncthreads",
        KERNELS,
        "__syncthreads();\n        if (threadIdx.y < half) {",
        "if (threadIdx.y < half) {",
        (TWIN, "backend/cuda_device::columns"),
    ),
    Fault(
        "only the first items of a grid",
        KERNELS,
        "i += STRIDE) {\n        real slope",
        "i += n) {\n        real slope",
        (TWIN,),
    ),
    Fault("a write beyond the end", KERNELS, "k < 2 && i * 2 + k < n", "k < 2", (TWIN,)),
    Fault(
        "deviations from a chunk's first row taken for those from its mean",
        KERNELS,
        "m2[(int64)blockIdx.y * c + column] = at_least_0(mine.product - mine.plain * off);",
        "m2[(int64)blockIdx.y * c + column] = mine.product;",
        (TWIN, "backend/cuda_device::statistics_keep_their_digits_far_from_zero"),
    ),
    Fault(
        "vector loads from where they are not aligned",
        KERNELS,
        "return channels % 4 == 0 && ((uint64)a | (uint64)b) % sizeof(real4) == 0;",
        "return channels % 4 != 3;",
        (TWIN,),
    ),
    # ---- launches and random numbers ----
    Fault(
        "Python's floats passed as they are",
        "minigrad/backend/launch.py",
        "            return dtype.type\n",
        "            return float\n",
        ("backend/cuda_launch::a_launch_passes_numbers_in_the_kernels_types",),
    ),
    Fault(
        "None as a null pointer",
        "minigrad/backend/launch.py",
        "                return _NULL",
        "                return None",
        ("backend/cuda_device::columns",),
    ),
    Fault(
        "strides that nobody looks at",
        "minigrad/backend/launch.py",
        "            if not value.flags.c_contiguous:",
        "            if False:",
        ("backend/cuda_launch::a_launch_refuses",),
    ),
    Fault(
        "random numbers that come again",
        "minigrad/backend/philox.py",
        "self._counter = (counter + counters) % 2**64",
        "self._counter = (counter + 1) % 2**64",
        ("backend/cuda_random::seeds_and_draws_differ",),
    ),
    Fault(
        "one key of Philox",
        KERNELS,
        "key1 += 0xBB67AE85U;",
        "key1 += 0xBB67AE86U;",
        (TWIN,),
    ),
]

# Found where NVRTC is installed (tests/backend/test_kernels_nvrtc.py), since g++ takes it.
FOR_REAL_CHIPS = [
    Fault(
        "more shared memory than a block can have",
        KERNELS,
        "__shared__ Sums shared[DEPTH][LANES];",
        "__shared__ Sums shared[32 * DEPTH][LANES];",
        ("backend/kernels_nvrtc::every_kernel_compiles_without_spills_or_warnings",),
    ),
    Fault(
        "an array that is indexed at run time, and so not in registers",
        KERNELS,
        "x[2] = x[3] = 0;",
        "uint32 y[64]; for (int i = 0; i < 64; i++) y[i] = counter * i; x[2] = y[seed % 64];",
        ("backend/kernels_nvrtc::every_kernel_compiles_without_spills_or_warnings",),
    ),
]

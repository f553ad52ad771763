"""Parameters cut into blocks that stay in the cache while an optimizer's rule passes over them.

The rules work in place, and need no other memory than one or two blocks of scratch. Blocks are
passed over side by side, by all cores (see backend/threads.py).
"""

from collections.abc import Callable

from ..backend import Array, cpu, device_of, for_parts

# NOTE: in two parts, 150,000 numbers took longer than whole. Threads wait for Python's lock between
# two passes, and less the longer these are: Adam on 0.65 million took two threads 1.5 ms with parts
# of 65,536, and 0.9 with 262,144, which are those of `for_parts`.
FEW = 262_144


def in_blocks(rule: Callable[..., object], scratch: int, arrays: list[Array]) -> None:
    """rule(*scratch, *arrays), a block of the vectors at a time, with so many blocks of scratch."""
    size, device = arrays[0].size, device_of(arrays[0])

    def pass_over(block: list[Array]) -> None:
        rule(*[device.xp.empty_like(block[0]) for _ in range(scratch)], *block)

    if size < FEW or arrays[0].ndim != 1 or device is not cpu:
        pass_over(arrays)
    else:
        for_parts(size, 1, lambda part: pass_over([x[part] for x in arrays]))


def vectors(gradient: Array, *written: Array) -> list[Array]:
    """The arrays as vectors, in the order that the first one written (the parameter) has in memory.

    A gradient in another order is copied. What is written has to stay a view: if one of these has
    another order, or gaps, all come back as they are.
    """
    param = written[0]
    arrays = [gradient, *written]
    if not param.flags.c_contiguous:
        order = sorted(range(param.ndim), key=lambda axis: -param.strides[axis])
        arrays = [x.transpose(order) for x in arrays]
    if all(x.flags.c_contiguous for x in arrays[1:]):
        return [x.reshape(-1) for x in arrays]
    return [gradient, *written]

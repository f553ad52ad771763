"""The dtypes that tensors have, which are NumPy's, under PyTorch's names."""

from typing import Any

import numpy as np

__all__ = [
    "bool",
    "bool_",
    "double",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "half",
    "iinfo",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "long",
    "short",
    "uint8",
]  # fmt: skip

float16 = half = np.dtype(np.float16)
float32 = float = np.dtype(np.float32)
float64 = double = np.dtype(np.float64)
uint8, int8 = np.dtype(np.uint8), np.dtype(np.int8)
int16 = short = np.dtype(np.int16)
int32 = int = np.dtype(np.int32)
int64 = long = np.dtype(np.int64)
bool_ = bool = np.dtype(np.bool_)
finfo, iinfo = np.finfo, np.iinfo

TENSOR_TYPES: dict[str, np.dtype[Any]] = {  # the dtypes by the names of what were classes once
    "HalfTensor": float16, "FloatTensor": float32, "DoubleTensor": float64, "ByteTensor": uint8,
    "CharTensor": int8, "ShortTensor": int16, "IntTensor": int32, "LongTensor": int64,
    "BoolTensor": bool_,
}  # fmt: skip

"""What does not fit is refused whichever of its parts it is, by an error that says so."""

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import data, nn, optim
from minigrad.data import TensorDataset
from tests.defaults import lines
from tests.refused import check

NAMES = {
    "F": F, "TensorDataset": TensorDataset, "X": mg.arange(6.0).reshape(2, 3), "data": data,
    "mg": mg, "nn": nn, "np": np, "ones": mg.ones, "optim": optim,
}  # fmt: skip
REFUSED = """
mg.scatter(X, 0, ones(1, 2, dtype=mg.int64), ones(2)) |
    ValueError: scatter: src [2] is smaller than index [1, 2]
mg.scatter(X, 0, ones(1, 3, dtype=mg.int64), ones(1, 2)) |
    ValueError: scatter: src [1, 2] is smaller than index [1, 3]
mg.isclose(X, X, rtol=-1.0) |
    ValueError: isclose: tolerances must be >= 0, got rtol=-1.0 and atol=1e-08
mg.isclose(X, X, atol=-1.0) |
    ValueError: isclose: tolerances must be >= 0, got rtol=1e-05 and atol=-1.0
mg.einsum("...ij", X[0]) | ValueError: einsum: '...ij' of '...ij' does not fit [3]
mg.einsum("ij", ones(2, 2, 2)) | ValueError: einsum: 'ij' of 'ij' does not fit [2, 2, 2]
mg.einsum("ij->ijk", X) |
    ValueError: einsum: the result of 'ij->ijk' repeats a name, or has its own
mg.einsum("ij->ii", X) |
    ValueError: einsum: the result of 'ij->ii' repeats a name, or has its own
mg.einsum("ij->i.", X) |
    ValueError: einsum: the result of 'ij->i.' repeats a name, or has its own
mg.conv2d(ones(1, 1, 3, 3), ones(1, 1, 1, 1), stride=(1, 1, 1)) |
    ValueError: conv2d: stride must be an int or a pair of ints, at least 1; got (1, 1
mg.conv2d(ones(1, 1, 3, 3), ones(1, 1, 1, 1), stride=(1,)) |
    ValueError: conv2d: stride must be an int or a pair of ints, at least 1; got (1,)
mg.conv2d(ones(1, 1, 3, 3), ones(1, 1, 1, 1), stride=(1, 0)) |
    ValueError: conv2d: stride must be an int or a pair of ints, at least 1; got (1, 0
mg.conv2d(ones(1, 1, 3, 3), ones(1, 1, 1, 1), stride=(0, 1)) |
    ValueError: conv2d: stride must be an int or a pair of ints, at least 1; got (0, 1
mg.conv2d(ones(1, 1, 3, 3), ones(1, 1, 1, 1), stride=(1.5, 1)) |
    ValueError: conv2d: stride must be an int or a pair of ints, at least 1; got (1.5,
mg.conv2d(ones(1, 1, 3, 3), ones(1, 1, 1, 1), padding=(0, -1)) |
    ValueError: conv2d: padding must be an int or a pair of ints, at least 0; got (0,
mg.conv2d(ones(1, 3, 3), ones(1, 1, 1, 1)) |
    ValueError: conv2d: expected x (N, C, H, W) and weight with 4 dimensions, got [1,
mg.conv2d(ones(1, 1, 3, 3), ones(1, 1, 1)) |
    ValueError: conv2d: expected x (N, C, H, W) and weight with 4 dimensions, got [1,
mg.conv2d(ones(1, 1, 3, 3), ones(1, 1, 1, 1), ones(2)) |
    ValueError: conv2d: bias has shape [2], expected [1]
mg.conv2d(ones(1, 1, 3, 3), ones(1, 1, 1, 1), ones(1, 1)) |
    ValueError: conv2d: bias has shape [1, 1], expected [1]
mg.matmul(mg.tensor(1.0), X) |
    ValueError: matmul: shapes [] and [2, 3] do not fit: the inner sizes differ
mg.matmul(X, mg.tensor(1.0)) |
    ValueError: matmul: shapes [2, 3] and [] do not fit: the inner sizes differ
mg.matmul(X, X) |
    ValueError: matmul: shapes [2, 3] and [2, 3] do not fit: the inner sizes differ
mg.matmul(X, ones(2)) |
    ValueError: matmul: shapes [2, 3] and [2] do not fit: the inner sizes differ
mg.matmul(ones(3), X) |
    ValueError: matmul: shapes [3] and [2, 3] do not fit: the inner sizes differ
F.linear(mg.tensor(1.0), X) |
    ValueError: linear: x of shape [] does not fit weight of shape [2, 3]: the last si
F.linear(ones(3), ones(3)) |
    ValueError: linear: x of shape [3] does not fit weight of shape [3]: the last size
F.linear(ones(2), X) |
    ValueError: linear: x of shape [2] does not fit weight of shape [2, 3]: the last s
F.linear(ones(3), X, ones(3)) | ValueError: linear: bias has shape [3], expected [2]
mg.concat(X) | TypeError: concat: needs a list of one tensor or more, got tensor([[0., 1., 2.],
mg.concat([]) | TypeError: concat: needs a list of one tensor or more, got []
mg.concat([X, X[0]]) | ValueError: concat: shapes [[2, 3], [3]] differ in more than dim 0
mg.concat([X, ones(2, 2)]) |
    ValueError: concat: shapes [[2, 3], [2, 2]] differ in more than dim 0
mg.stack([]) | TypeError: stack: needs a list of one tensor or more, got []
mg.stack([X, X[0]]) | ValueError: stack: shapes [[2, 3], [3]] differ
mg.split(X, [1, 2], 0) |
    ValueError: split: sections [1, 2] do not add up to 2, the size of dim 0
mg.split(X, [3, -1], 0) |
    ValueError: split: sections [3, -1] do not add up to 2, the size of dim 0
mg.pad(X, [1]) | ValueError: pad: needs pairs for at most 2 axes, got [1]
mg.pad(X, [1] * 6) | ValueError: pad: needs pairs for at most 2 axes, got [1, 1, 1, 1, 1, 1]
mg.pad(X, [-4, 0]) | ValueError: pad: [-4, 0] cuts more than there is of [2, 3]
mg.expand(X, (3, 3)) | ValueError: expand: [2, 3] cannot be expanded to [3, 3]
mg.expand(X, (3,)) | ValueError: expand: [2, 3] cannot be expanded to [3]
mg.expand(X, (-2, 3)) | ValueError: expand: [2, 3] cannot be expanded to [-2, 3]
mg.argmax(ones(()), 1) |
    IndexError: argmax: dim 1 is out of range for a tensor with 0 dimensions
F.prelu(ones(2, 3), ones(1, 1)) |
    ValueError: prelu: weight of shape [1, 1] does not fit the 3 channels of input [2,
F.prelu(ones(2, 3), ones(2)) |
    ValueError: prelu: weight of shape [2] does not fit the 3 channels of input [2, 3]
F.prelu(mg.tensor(1.0), ones(2)) |
    ValueError: prelu: weight of shape [2] does not fit the 1 channels of input []
F.cross_entropy(X, mg.tensor([0])) |
    ValueError: cross_entropy: input (N, C, ...) of shape [2, 3] does not fit target (
F.cross_entropy(X, mg.tensor([[0, 1]])) |
    ValueError: cross_entropy: input (N, C, ...) of shape [2, 3] does not fit target (
F.nll_loss(X, mg.tensor([0, 3])) | IndexError: nll_loss: indices must be in 0 ... 2, got 0 ... 3
F.nll_loss(X, mg.tensor([0, -1])) |
    IndexError: nll_loss: indices must be in 0 ... 2, got -1 ... 0
F.interpolate(ones(1, 1, 2, 2), 2, mode="cubic") |
    ValueError: interpolate: mode must be one of ['nearest', 'nearest-exact', 'linear'
F.interpolate(ones(1, 1, 2, 2), 2, mode="bilinear", antialias=True) |
    ValueError: interpolate: mode must be one of ['nearest', 'nearest-exact', 'linear'
F.interpolate(ones(1, 1, 2, 2), 2, align_corners=False) |
    ValueError: interpolate: align_corners is for ['linear', 'bilinear', 'bicubic']
F.interpolate(ones(1, 1, 2, 2), (2, 2, 2)) |
    ValueError: interpolate: [2, 2, 2] does not fit 2 axes
F.interpolate(ones(1, 1, 2, 2)) |
    ValueError: interpolate: needs size or scale_factor, and not both
F.interpolate(ones(1, 1, 2, 2), 2, 2.0) |
    ValueError: interpolate: needs size or scale_factor, and not both
F.interpolate(ones(1, 1, 2, 2), (0, 2)) |
    ValueError: interpolate: from [2, 2] to [0, 2] there is nothing to resize
F.interpolate(ones(1, 1, 2, 2), (2, 0)) |
    ValueError: interpolate: from [2, 2] to [2, 0] there is nothing to resize
F.pixel_unshuffle(ones(1, 3, 2), 2) | ValueError: pixel_unshuffle: 3 x 2 is no multiple of 2
F.pixel_unshuffle(ones(1, 2, 3), 2) | ValueError: pixel_unshuffle: 2 x 3 is no multiple of 2
F.pixel_shuffle(ones(3, 2, 2), 2) | ValueError: pixel_shuffle: 3 channels are no multiple of 2²
F.binary_cross_entropy(X / 9 - 0.1, X) |
    ValueError: binary_cross_entropy: input must be in [0, 1], got -0.1000000014901161
F.binary_cross_entropy(X / 4, X) |
    ValueError: binary_cross_entropy: input must be in [0, 1], got 0.0 ... 1.25
F.group_norm(ones(2), 1) |
    ValueError: group_norm: the channels of input [2] are no multiple of 1
F.group_norm(X, 0) | ValueError: group_norm: the channels of input [2, 3] are no multiple of 0
F.group_norm(X, 2) | ValueError: group_norm: the channels of input [2, 3] are no multiple of 2
F.layer_norm(X, ()) | ValueError: layer_norm: input [2, 3] does not end in normalized_shape []
F.layer_norm(X, (2,)) |
    ValueError: layer_norm: input [2, 3] does not end in normalized_shape [2]
F.layer_norm(X, (3,), ones(2)) | ValueError: layer_norm: weight has shape [2], not [3]
F.layer_norm(X, (3,), ones(3), ones(2)) | ValueError: layer_norm: bias has shape [2], not [3]
F.instance_norm(X) |
    ValueError: instance_norm: more than one value per channel is needed, got input [2
F.instance_norm(ones(1, 2, 1)) |
    ValueError: instance_norm: more than one value per channel is needed, got input [1
F.batch_norm(X, ones(3), ones(3), ones(2)) |
    ValueError: batch_norm: weight has shape [2], expected [3] for x [2, 3]
F.batch_norm(X, ones(3), ones(3), ones(3), ones(2)) |
    ValueError: batch_norm: bias has shape [2], expected [3] for x [2, 3]
F.batch_norm(X, ones(2), ones(3)) |
    ValueError: batch_norm: running_mean has shape [2], expected [3] for x [2, 3]
F.batch_norm(ones(1, 3), None, None, training=True) |
    ValueError: batch_norm: more than one value per channel is needed in training, got
F.batch_norm(ones(3), None, None, training=True) |
    ValueError: batch_norm: expected x (N, C) or (N, C, ...), got [3]
F.batch_norm(X, None, None, training=True, eps=0) |
    ValueError: batch_norm: eps must be positive, got 0
F.gaussian_nll_loss(X, X, ones(1)) |
    ValueError: gaussian_nll_loss: var of shape [1] does not fit [2, 3]
F.gaussian_nll_loss(X, X, ones(2, 2)) |
    ValueError: gaussian_nll_loss: var of shape [2, 2] does not fit [2, 3]
F.gaussian_nll_loss(X, X, -ones(2, 3)) |
    ValueError: gaussian_nll_loss: var must not be negative, got -1.0
F.embedding(mg.tensor([2]), X) | IndexError: embedding: indices must be in 0 ... 1, got 2 ... 2
F.embedding(mg.tensor([-1]), X) |
    IndexError: embedding: indices must be in 0 ... 1, got -1 ... -1
F.embedding(X, X) | TypeError: embedding: needs integers as indices, got float32
F.one_hot(mg.tensor([3]), 3) | IndexError: one_hot: indices must be in 0 ... 2, got 3 ... 3
F.one_hot(mg.tensor([-1]), 3) | IndexError: one_hot: indices must be in 0 ... 2, got -1 ... -1
F.mse_loss(X, X[0]) |
    ValueError: mse_loss: target of shape [3] does not fit input of shape [2, 3]
F.mse_loss(X, X.double()) |
    TypeError: mse_loss: input is float32 and target float64; use .to(dtype) on one o
F.mse_loss(X, X, reduction="max") |
    ValueError: mse_loss: reduction must be 'mean', 'sum' or 'none', got 'max'
F.mse_loss(X, X, weight=X[0]) |
    ValueError: mse_loss: weight [3] does not fit input [2, 3]
F.l1_loss(X, X, weight=X[0]) |
    ValueError: l1_loss: weight [3] does not fit input [2, 3]
F.huber_loss(X, X, weight=X[0]) |
    ValueError: huber_loss: weight [3] does not fit input [2, 3]
F.huber_loss(X, X, "sum", weight=X[0]) |
    ValueError: huber_loss: weight [3] does not fit input [2, 3]
F.dropout(X, 1.1) | ValueError: dropout: p must be from 0 to 1, got 1.1
F.dropout(X, -0.1) | ValueError: dropout: p must be from 0 to 1, got -0.1
nn.BatchNorm1d(3)(ones(2, 2)) |
    ValueError: BatchNorm1d: expected (N, C) or (N, C, L) with C = 3, got [2, 2]
nn.BatchNorm1d(3)(ones(3)) |
    ValueError: BatchNorm1d: expected (N, C) or (N, C, L) with C = 3, got [3]
nn.BatchNorm2d(3)(ones(2, 3)) |
    ValueError: BatchNorm2d: expected (N, C, H, W) with C = 3, got [2, 3]
nn.GRU(3, 2)(ones(3)) | ValueError: GRU: expected (L, N, 3) or (L, 3), got [3]
nn.GRU(3, 2)(ones(2, 2)) | ValueError: GRU: expected (L, N, 3) or (L, 3), got [2, 2]
nn.GRUCell(3, 2)(ones(1, 1, 3)) | ValueError: GRUCell: expected (N, 3) or (3), got [1, 1, 3]
nn.GRUCell(3, 2)(ones(1, 2)) | ValueError: GRUCell: expected (N, 3) or (3), got [1, 2]
nn.GRUCell(3, 2)(ones(1, 3), ones(2, 2)) |
    ValueError: GRUCell: expected a state (N, 2) or (2), got [2, 2]
nn.Conv2d(1, 1, 3, padding="around") |
    ValueError: Conv2d: padding must be an int or a pair of ints, 'same' or 'valid', g
nn.Conv2d(1, 1, 3, 2, padding="same") | ValueError: Conv2d: padding='same' needs stride 1, got 2
F.conv2d(ones(1, 1, 3, 3), ones(1, 1, 2, 2), stride=(1, 2), padding="same") |
    ValueError: conv2d: padding='same' needs stride 1, got (1, 2)
F.conv2d(ones(1, 1, 3, 3), ones(1, 1, 2, 2), stride=(2, 1), padding="same") |
    ValueError: conv2d: padding='same' needs stride 1, got (2, 1)
nn.Conv2d(1, 1, 3, (1, 2), padding="same") |
    ValueError: Conv2d: padding='same' needs stride 1, got (1, 2)
nn.Conv2d(3, 2, 1, groups=2) |
    ValueError: Conv2d: in_channels 3 and out_channels 2 must be multiples of groups 2
nn.Conv2d(2, 3, 1, groups=2) |
    ValueError: Conv2d: in_channels 2 and out_channels 3 must be multiples of groups 2
optim.SGD([nn.Parameter(ones(1))], 0.1, nesterov=True) |
    ValueError: SGD: nesterov needs a momentum, and no dampening
optim.SGD([nn.Parameter(ones(1))], 0.1, 0.9, 0.1, nesterov=True) |
    ValueError: SGD: nesterov needs a momentum, and no dampening
optim.Adam([nn.Parameter(ones(1))], betas=(0.9,)) |
    TypeError: Adam: betas must be two numbers, got (0.9,)
optim.Adam([nn.Parameter(ones(1))], betas=0.9) |
    TypeError: Adam: betas must be two numbers, got 0.9
optim.SGD([{"lr": 1.0}], 0.1) |
    TypeError: SGD: a parameter group must be a dict with 'params', got a dict
optim.SGD([1], 0.1) | TypeError: SGD: can only optimize tensors, got a int
TensorDataset(ones(2), ones(3)) |
    ValueError: TensorDataset: the arrays' first axes must agree, got [(2,), (3,)]
TensorDataset(mg.tensor(1.0)) |
    ValueError: TensorDataset: the arrays' first axes must agree, got [()]
data.DataLoader([1, 2], sampler=[0], shuffle=True) |
    ValueError: DataLoader: a sampler has an order of its own: no shuffle besides
data.DataLoader([1, 2], batch_sampler=[[0]], batch_size=2) |
    ValueError: DataLoader: a batch_sampler decides alone: no batch_size, shuffle, sam
data.DataLoader([1, 2], batch_sampler=[[0]], shuffle=True) |
    ValueError: DataLoader: a batch_sampler decides alone: no batch_size, shuffle, sam
data.DataLoader([1, 2], batch_sampler=[[0]], sampler=[0]) |
    ValueError: DataLoader: a batch_sampler decides alone: no batch_size, shuffle, sam
data.DataLoader([1, 2], batch_sampler=[[0]], drop_last=True) |
    ValueError: DataLoader: a batch_sampler decides alone: no batch_size, shuffle, sam
data.DataLoader([1, 2], None, drop_last=True) |
    ValueError: DataLoader: without a batch_size there is no last batch to drop
data.DataLoader(3) |
    TypeError: DataLoader: a data set has __getitem__(index) and __len__(), or is an
data.WeightedRandomSampler([[1.0]], 1) |
    ValueError: WeightedRandomSampler: needs a row of finite weights
data.WeightedRandomSampler([np.nan], 1) |
    ValueError: WeightedRandomSampler: needs a row of finite weights
data.WeightedRandomSampler([1.0, -1.0], 1) |
    ValueError: WeightedRandomSampler: weights must be >= 0, and one of them > 0
data.WeightedRandomSampler([0.0], 1) |
    ValueError: WeightedRandomSampler: weights must be >= 0, and one of them > 0
data.WeightedRandomSampler([1.0, 0.0], 2, False) |
    ValueError: WeightedRandomSampler: 2 different samples, but only 1 weights are pos
data.random_split(range(3), [0.5, 0.6]) |
    ValueError: random_split: fractions must add up to 1, got [0.5, 0.6]
data.random_split(range(3), [2, 2]) |
    ValueError: random_split: [2, 2] do not add up to the 3 samples that there are
mg.full((2,), "a") | TypeError: full: the value must be a number, got str 'a'
mg.arange(0, 1, 0) | ValueError: arange: steps of 0 do not lead from 0 to 1
mg.linspace(0, 1, 3, dtype=mg.int64) |
    TypeError: linspace: makes floating numbers, not int64; round them as you mean it
mg.eye(-1) | ValueError: eye: negative dimensions are not allowed (given -1)
mg.zeros(-1) | ValueError: zeros: a shape has no negative sizes, got [-1] (given -1)
mg.tensor("a") | TypeError: tensor: cannot make a tensor of str 'a'
mg.tensor([[1], [1, 2]]) |
    ValueError: tensor: setting an array element with a sequence. The requested array
mg.tril(X[0]) | ValueError: tril: needs matrices, got shape [3]
mg.triu(X[0]) | ValueError: triu: needs matrices, got shape [3]
mg.flip(X, 2) | IndexError: flip: dim 2 is out of range for a tensor with 2 dimensions
mg.unbind(X, 2) | IndexError: unbind: dim 2 is out of range for a tensor with 2 dimensions
mg.chunk(X, 0) | ValueError: chunk: needs a positive number of chunks, got 0
mg.cumsum(X, 2) | IndexError: cumsum: dim 2 is out of range for a tensor with 2 dimensions
mg.topk(X, 4) | ValueError: topk: there are no 4 elements along dim -1 of [2, 3]
mg.topk(X, -1) | ValueError: topk: there are no -1 elements along dim -1 of [2, 3]
mg.sort(X, 2) |
    IndexError: sort: argsort: dim 2 is out of range for a tensor with 2 dimensions (g
X.view(5) | ValueError: reshape: [2, 3] (6 elements) does not fit into [5]
X.view(-1, 4) | ValueError: reshape: [2, 3] (6 elements) does not fit into [-1, 4]
X.squeeze(2) | IndexError: squeeze: dim 2 is out of range for a tensor with 2 dimensions
X.unsqueeze(3) | IndexError: unsqueeze: dim 3 is out of range for a tensor with 3 dimensions
X.unsqueeze(-4) | IndexError: unsqueeze: dim -4 is out of range for a tensor with 3 dimensions
X.transpose(0, 2) | IndexError: transpose: dim 2 is out of range for a tensor with 2 dimensions
X.permute(0) | ValueError: permute: [0] is no order of the 2 axes of [2, 3]
X.permute(0, 0) | ValueError: permute: [0, 0] is no order of the 2 axes of [2, 3]
X.flatten(1, 0) | ValueError: flatten: start_dim 1 comes after end_dim 0
X.item() | ValueError: item: a tensor of shape [2, 3] has 6 elements, needs 1
X.backward() |
    RuntimeError: backward: this tensor (shape [2, 3]) is not on the tape: nothing that
ones(2, requires_grad=True).backward() |
    RuntimeError: backward: a gradient can be left out only for a single number, not for
"""


@pytest.mark.parametrize("line", lines(REFUSED))
def test_refused(line: str) -> None:
    check(line, NAMES)

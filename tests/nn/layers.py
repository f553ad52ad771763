"""Every exported layer: how to make it, and the shape of an input."""

from minigrad import nn


class First(nn.Module):
    """The first thing that a recurrent layer gives: its outputs, or h of (h, c)."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


LAYERS = {
    "Identity": (lambda **k: nn.Identity(7, anything=1), (2, 3)),
    "Linear": (lambda **k: nn.Linear(3, 2, **k), (4, 3)),
    "Linear without bias": (lambda **k: nn.Linear(3, 2, bias=False, **k), (2, 4, 3)),
    "Conv2d": (lambda **k: nn.Conv2d(2, 4, 3, 2, 1, groups=2, **k), (2, 2, 5, 6)),
    "Conv2d without bias": (
        lambda **k: nn.Conv2d(2, 3, (1, 2), dilation=(1, 2), bias=False, **k),
        (2, 2, 3, 4),
    ),
    "ConvTranspose2d": (lambda **k: nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, 2, **k), (2, 2, 3, 2)),
    "ConvTranspose2d without bias": (
        lambda **k: nn.ConvTranspose2d(2, 3, (2, 1), bias=False, dilation=2, **k),
        (1, 2, 3, 3),
    ),
    "BatchNorm1d": (lambda **k: nn.BatchNorm1d(3, **k), (4, 3)),
    "BatchNorm1d of sequences": (lambda **k: nn.BatchNorm1d(3, affine=False, **k), (4, 3, 2)),
    "BatchNorm2d": (lambda **k: nn.BatchNorm2d(3, **k), (2, 3, 2, 2)),
    "BatchNorm2d without statistics": (
        lambda **k: nn.BatchNorm2d(3, track_running_stats=False, **k),
        (2, 3, 2, 2),
    ),
    "ReLU": (lambda **k: nn.ReLU(), (2, 3)),
    "LeakyReLU": (lambda **k: nn.LeakyReLU(0.2), (2, 3)),
    "Tanh": (lambda **k: nn.Tanh(), (2, 3)),
    "Sigmoid": (lambda **k: nn.Sigmoid(), (2, 3)),
    "Softplus": (lambda **k: nn.Softplus(2.0), (2, 3)),
    "Softmax": (lambda **k: nn.Softmax(1), (2, 3)),
    "LogSoftmax": (lambda **k: nn.LogSoftmax(1), (2, 3)),
    "Flatten": (lambda **k: nn.Flatten(), (2, 3, 2)),
    "Unflatten": (lambda **k: nn.Unflatten(1, (2, -1)), (2, 6)),
    "Dropout": (lambda **k: nn.Dropout(0.4), (3, 4)),
    "Conv1d": (lambda **k: nn.Conv1d(2, 4, 3, 2, 1, groups=2, **k), (2, 2, 5)),
    "ConvTranspose1d": (lambda **k: nn.ConvTranspose1d(2, 3, 3, 2, 1, 1, **k), (2, 2, 3)),
    "Conv2d, sizes stay": (lambda **k: nn.Conv2d(2, 3, (2, 3), padding="same", **k), (2, 2, 3, 4)),
    "Conv2d, mirrored": (
        lambda **k: nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect", **k),
        (2, 3, 4),
    ),
    "InstanceNorm1d": (lambda **k: nn.InstanceNorm1d(3, affine=True, **k), (2, 3, 4)),
    "InstanceNorm2d": (
        lambda **k: nn.InstanceNorm2d(3, affine=True, track_running_stats=True, **k),
        (2, 3, 2, 3),
    ),
    "LayerNorm": (lambda **k: nn.LayerNorm((3, 2), **k), (2, 3, 2)),
    "GroupNorm": (lambda **k: nn.GroupNorm(2, 4, **k), (2, 4, 3)),
    "ELU": (lambda **k: nn.ELU(0.5), (2, 3)),
    "SiLU": (lambda **k: nn.SiLU(), (2, 3)),
    "GELU": (lambda **k: nn.GELU(), (2, 3)),
    "GELU, nearly": (lambda **k: nn.GELU("tanh"), (2, 3)),
    "PReLU": (lambda **k: nn.PReLU(3, **k), (2, 3)),
    "Hardtanh": (lambda **k: nn.Hardtanh(-9, 0.1), (2, 3)),
    "ReLU6": (lambda **k: nn.ReLU6(), (2, 3)),
    "LogSigmoid": (lambda **k: nn.LogSigmoid(), (2, 3)),
    "Dropout2d": (lambda **k: nn.Dropout2d(0.4), (3, 4, 2, 2)),
    "MaxPool2d": (lambda **k: nn.MaxPool2d(3, 2, 1, ceil_mode=True), (2, 2, 4, 5)),
    "AvgPool2d": (lambda **k: nn.AvgPool2d(3, 2, 1, True, False), (2, 2, 4, 5)),
    "AdaptiveAvgPool2d": (lambda **k: nn.AdaptiveAvgPool2d((2, 3)), (2, 2, 5, 3)),
    "Upsample": (lambda **k: nn.Upsample(scale_factor=2), (2, 2, 2, 3)),
    "Upsample, blended": (lambda **k: nn.Upsample((5, 2), mode="bilinear"), (2, 2, 2, 3)),
    "Upsample, cubic": (lambda **k: nn.Upsample((5, 3), mode="bicubic"), (1, 2, 2, 3)),
    "PixelShuffle": (lambda **k: nn.PixelShuffle(2), (1, 4, 2, 3)),
    "PixelUnshuffle": (lambda **k: nn.PixelUnshuffle(2), (1, 2, 2, 4)),
    "ReflectionPad2d": (lambda **k: nn.ReflectionPad2d((1, 2, 0, 1)), (2, 2, 3, 3)),
    "ReplicationPad2d": (lambda **k: nn.ReplicationPad2d((1, 2, 0, 1)), (2, 2, 3, 3)),
    "CircularPad2d": (lambda **k: nn.CircularPad2d((1, 2, 0, 1)), (2, 2, 3, 3)),
    "ConstantPad2d": (lambda **k: nn.ConstantPad2d(1, 0.5), (2, 2, 3)),
    "ZeroPad2d": (lambda **k: nn.ZeroPad2d((1, 2, 0, -1)), (2, 2, 3)),
    "GRUCell": (lambda **k: nn.GRUCell(3, 2, **k), (4, 3)),
    "LSTMCell": (lambda **k: First(nn.LSTMCell(3, 2, **k)), (4, 3)),
    "GRU": (lambda **k: First(nn.GRU(3, 2, 2, bidirectional=True, **k)), (3, 2, 3)),
    "LSTM": (lambda **k: First(nn.LSTM(3, 2, batch_first=True, **k)), (2, 3, 3)),
    "Sequential": (lambda **k: nn.Sequential(nn.Linear(3, 2, **k), nn.Tanh()), (2, 3)),
}

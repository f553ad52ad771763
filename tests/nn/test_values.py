"""Each layer as a seed makes it: what it gives, and its gradients, of numbers drawn by a seed."""

import pytest

import minigrad as mg
from minigrad import nn
from tests.defaults import lines
from tests.nn.layers import LAYERS
from tests.values import close, told

# Of the output, of the gradient for the input, and of those for parameters in their order, each:
# the mean without signs, and the mean of numbers times their places.
VALUES = """
Identity: 0.31674 0.28227 0.81414 -1.1405
Linear: 0.60804 1.1878 0.3721 0.23978 1.3864 -5.3627 0.76201 0.57338
Linear without bias: 0.37768 0.0097704 0.34567 0.4936 1.0454 0.66128
Conv2d: 0.45893 5.4318 0.29724 -1.645 3.2565 16.825 2.8775 -1.9321
Conv2d without bias: 0.55113 7.263 0.50327 2.4574 1.987 -5.127
ConvTranspose2d: 0.1784 6.9828 0.46682 -0.12807 2.7019 23.727 6.1293 -5.5571
ConvTranspose2d without bias: 0.33248 -0.48525 0.60132 0.032115 2.0044 -6.6772
BatchNorm1d: 0.796 -1.1193 0.74148 2.2939 1.9025 -0.11846 1.0014 -2.0228 0.0079399 0.0050008
    0.96533 1.9051 1
BatchNorm1d of sequences: 0.83361 0.15572 1.0711 5.1374 0.021039 -0.035683 0.9785 1.9195 1
BatchNorm2d: 0.83215 -0.38964 0.93971 3.2343 0.50954 -0.88788 2.0241 5.213 0.033669 -0.013844
    0.96947 1.9313 1
BatchNorm2d without statistics: 0.83215 -0.38964 0.93971 3.2343 0.50954 -0.88788 2.0241 5.213
ReLU: 0.20544 0.77269 0.55241 -0.93682
LeakyReLU: 0.2277 0.67461 0.60476 -0.97756
Tanh: 0.29374 0.26787 0.74251 -0.90816
Sigmoid: 0.52301 1.8196 0.19836 -0.26812
Softplus: 0.42828 1.4953 0.43022 -0.58659
Softmax: 0.33333 1.2165 0.24402 -0.040725
LogSoftmax: 1.1581 -3.9344 0.7811 -0.13525
Flatten: 0.56544 -0.57914 0.77903 0.54848
Unflatten: 0.56544 -0.57914 0.77903 0.54848
Dropout: 0.56544 -0.57914 0.77903 0.54848
Conv1d: 0.55491 -0.56458 0.66211 -1.8584 1.1374 2.0931 2.1374 4.8654
ConvTranspose1d: 0.26298 -3.6592 0.43306 0.12566 0.80196 -0.20167 4.3017 11.803
Conv2d, sizes stay: 0.45216 9.1324 0.5 -2.052 2.9838 8.8043 2.1817 -0.0034061
Conv2d, mirrored: 0.46023 -1.0545 0.29707 -0.17028 2.7699 9.5954 1.5451 -2.9168
InstanceNorm1d: 0.83883 0.60978 0.99635 0.063962 1.2699 -1.2442 2.0241 5.213
InstanceNorm2d: 0.83172 0.032552 1.083 0.52877 5.1329 -5.4993 3.4422 8.5015 0.027217 -0.045601
    0.95217 1.9079 0
LayerNorm: 0.82906 -0.58915 0.95338 0.91188 1.1314 -0.67978 0.9984 -1.2814
GroupNorm: 0.82052 -0.13793 0.97425 -0.018607 1.712 -3.5881 1.5181 5.3336
ELU: 0.25031 0.57927 0.65197 -0.9505
SiLU: 0.169 0.28539 0.43115 -0.58697
GELU: 0.17481 0.36603 0.44374 -0.59587
GELU, nearly: 0.17481 0.36599 0.44373 -0.59587
PReLU: 0.23327 0.65009 0.61785 -0.98775 0.069585 0.13917
Hardtanh: 0.17796 -0.25709 0.26173 -0.2037
ReLU6: 0.20544 0.77269 0.55241 -0.93682
LogSigmoid: 0.66402 -2.3579 0.39474 -0.56172
Dropout2d: 0.70668 5.3542 0.87803 4.343
MaxPool2d: 1.1742 20.934 0.26908 -2.6965
AvgPool2d: 0.42829 3.2018 0.22101 -2.933
AdaptiveAvgPool2d: 0.37347 1.844 0.31802 1.072
Upsample: 0.67224 -5.8993 1.4337 5.0704
Upsample, blended: 0.51958 -2.5625 0.71772 3.844
Upsample, cubic: 0.51162 -1.5355 1.3225 1.064
PixelShuffle: 0.67224 -2.2343 0.74113 5.4924
PixelUnshuffle: 0.7067 -4.4983 0.58661 -1.1385
ReflectionPad2d: 0.635 -8.7925 1.3278 -0.12241
ReplicationPad2d: 0.6107 -2.8578 1.4176 -0.25573
CircularPad2d: 0.58279 -5.4212 1.3209 0.75551
ConstantPad2d: 0.51963 6.8401 0.65232 1.8048
ZeroPad2d: 0.32109 1.1946 0.39454 1.1383
GRUCell: 0.13907 0.020717 0.17975 -0.12196 0.23109 0.17606 0 0 0.26744 -1.1526 0.18098 -0.69972
LSTMCell: 0.072526 0.34033 0.10195 -0.090737 0.098947 -0.9687 0 0 0.10808 -0.3039 0.10808 -0.3039
GRU: 0.18228 -0.53083 0.12192 -0.068665 0.13708 0.42021 0.036291 -0.020947 0.23767 -0.2651 0.17179
    -0.23203 0.10022 -0.52081 0.038024 0.1546 0.14328 0.082117 0.1047 0.059487 0.41177 0.12457
    0.037165 0.062721 0.7252 -0.3393 0.47339 -0.083098 0.1485 -1.4332 0.028561 0.24371 0.27999
    -1.4393 0.20716 -1.0076
LSTM: 0.07796 0.41916 0.12096 0.10356 0.097592 -0.74713 0.0086671 -0.024824 0.10113 -0.26578
    0.10113 -0.26578
Sequential: 0.49797 0.016435 0.088268 0.17178 0.86374 2.9181 1.0078 -1.4705
"""


def given(name: str) -> list[mg.Tensor]:
    make, shape = LAYERS[name]
    mg.manual_seed(0)
    layer = make(dtype=mg.float64)
    for module in layer.modules():
        if isinstance(module, nn.Dropout | nn.Dropout2d):
            module.eval()
    x = mg.randn(*shape, dtype=mg.float64, requires_grad=True)
    y = layer(x)
    y.backward(mg.randn(*y.shape, dtype=mg.float64))
    slopes = [parameter.grad for parameter in layer.parameters()]
    return [y, x.grad, *slopes, *layer.buffers()]


@pytest.mark.parametrize("line", lines(VALUES))
def test_a_layer_gives_what_it_gave(line):
    name, expected = line.split(": ")
    close(told(given(name)), expected)


def test_no_layer_is_forgotten():
    assert [line.split(": ")[0] for line in lines(VALUES)] == [*LAYERS]

"""What is not said: the defaults of PyTorch (2.13), and what a repr leaves out."""

import pytest

from minigrad import nn, optim
from minigrad.nn import functional as F
from minigrad.nn import init, utils
from minigrad.optim import lr_scheduler
from minigrad.utils import data
from tests.defaults import check, lines, parsed

DEFAULTS = """
nn.AvgPool2d(padding=0, ceil_mode=False, count_include_pad=True)
nn.BCELoss(reduction='mean')
nn.BCEWithLogitsLoss(reduction='mean')
nn.BatchNorm1d(eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, bias=True)
nn.BatchNorm2d(eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, bias=True)
nn.Conv1d(stride=1, padding=0, dilation=1, groups=1, bias=True, padding_mode='zeros')
nn.Conv2d(stride=1, padding=0, dilation=1, groups=1, bias=True, padding_mode='zeros')
nn.ConvTranspose1d(stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1,
    padding_mode='zeros')
nn.ConvTranspose2d(stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1,
    padding_mode='zeros')
nn.CrossEntropyLoss(ignore_index=-100, reduction='mean', label_smoothing=0.0)
nn.Dropout(p=0.5, inplace=False)
nn.Dropout2d(p=0.5, inplace=False)
nn.ELU(alpha=1.0, inplace=False)
nn.Embedding(norm_type=2.0, scale_grad_by_freq=False, sparse=False, _freeze=False)
nn.Flatten(start_dim=1, end_dim=-1)
nn.GELU(approximate='none')
nn.GRUCell(bias=True)
nn.GaussianNLLLoss(full=False, eps=1e-06, reduction='mean')
nn.GroupNorm(eps=1e-05, affine=True, bias=True)
nn.Hardtanh(min_val=-1.0, max_val=1.0, inplace=False)
nn.HuberLoss(reduction='mean', delta=1.0)
nn.InstanceNorm1d(eps=1e-05, momentum=0.1, affine=False, track_running_stats=False, bias=True)
nn.InstanceNorm2d(eps=1e-05, momentum=0.1, affine=False, track_running_stats=False, bias=True)
nn.KLDivLoss(reduction='mean', log_target=False)
nn.L1Loss(reduction='mean')
nn.LSTMCell(bias=True)
nn.LayerNorm(eps=1e-05, elementwise_affine=True, bias=True)
nn.LeakyReLU(negative_slope=0.01, inplace=False)
nn.Linear(bias=True)
nn.MSELoss(reduction='mean')
nn.MaxPool2d(padding=0, dilation=1, return_indices=False, ceil_mode=False)
nn.NLLLoss(ignore_index=-100, reduction='mean')
nn.PReLU(num_parameters=1, init=0.25)
nn.ReLU(inplace=False)
nn.ReLU6(inplace=False)
nn.SiLU(inplace=False)
nn.SmoothL1Loss(reduction='mean', beta=1.0)
nn.Softplus(beta=1.0, threshold=20.0)
nn.Upsample(mode='nearest')
nn.GRU(num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False, proj_size=0)
nn.LSTM(num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False, proj_size=0)
nn.Parameter(requires_grad=True)
nn.Embedding.from_pretrained(freeze=True)
nn.Module.register_buffer(persistent=True)
nn.Module.register_forward_hook(prepend=False, with_kwargs=False)
nn.Module.register_forward_pre_hook(prepend=False, with_kwargs=False)
nn.Module.parameters(recurse=True)
nn.Module.named_parameters(prefix='', recurse=True, remove_duplicate=True)
nn.Module.buffers(recurse=True)
nn.Module.named_buffers(prefix='', recurse=True, remove_duplicate=True)
nn.Module.named_modules(prefix='', remove_duplicate=True)
nn.Module.load_state_dict(strict=True)
nn.Module.requires_grad_(requires_grad=True)
nn.Module.train(mode=True)
nn.Module.zero_grad(set_to_none=True)
F.avg_pool2d(padding=0, ceil_mode=False, count_include_pad=True)
F.batch_norm(training=False, momentum=0.1, eps=1e-05)
F.binary_cross_entropy(reduction='mean')
F.binary_cross_entropy_with_logits(reduction='mean')
F.conv1d(stride=1, padding=0, dilation=1, groups=1)
F.conv2d(stride=1, padding=0, dilation=1, groups=1)
F.conv_transpose1d(stride=1, padding=0, output_padding=0, groups=1, dilation=1)
F.conv_transpose2d(stride=1, padding=0, output_padding=0, groups=1, dilation=1)
F.cosine_similarity(dim=1, eps=1e-08)
F.cross_entropy(ignore_index=-100, reduction='mean', label_smoothing=0.0)
F.dropout(p=0.5, training=True, inplace=False)
F.dropout2d(p=0.5, training=True, inplace=False)
F.elu(alpha=1.0, inplace=False)
F.gaussian_nll_loss(full=False, eps=1e-06, reduction='mean')
F.gelu(approximate='none')
F.group_norm(eps=1e-05)
F.hardtanh(min_val=-1.0, max_val=1.0, inplace=False)
F.huber_loss(reduction='mean', delta=1.0)
F.instance_norm(use_input_stats=True, momentum=0.1, eps=1e-05)
F.interpolate(mode='nearest', antialias=False)
F.kl_div(reduction='mean', log_target=False)
F.l1_loss(reduction='mean')
F.layer_norm(eps=1e-05)
F.leaky_relu(negative_slope=0.01, inplace=False)
F.mse_loss(reduction='mean')
F.nll_loss(ignore_index=-100, reduction='mean')
F.normalize(p=2.0, dim=1, eps=1e-12)
F.one_hot(num_classes=-1)
F.pad(mode='constant')
F.relu(inplace=False)
F.relu6(inplace=False)
F.silu(inplace=False)
F.smooth_l1_loss(reduction='mean', beta=1.0)
F.softplus(beta=1.0, threshold=20.0)
F.max_pool2d(padding=0, dilation=1, ceil_mode=False, return_indices=False)
init.kaiming_normal_(a=0, mode='fan_in', nonlinearity='leaky_relu')
init.kaiming_uniform_(a=0, mode='fan_in', nonlinearity='leaky_relu')
init.normal_(mean=0.0, std=1.0)
init.orthogonal_(gain=1.0)
init.trunc_normal_(mean=0.0, std=1.0, a=-2.0, b=2.0)
init.uniform_(a=0.0, b=1.0)
init.xavier_normal_(gain=1.0)
init.xavier_uniform_(gain=1.0)
utils.clip_grad_norm_(norm_type=2.0, error_if_nonfinite=False)
utils.get_total_norm(norm_type=2.0, error_if_nonfinite=False)
utils.spectral_norm(name='weight', n_power_iterations=1, eps=1e-12)
utils.weight_norm(name='weight', dim=0)
optim.Optimizer.zero_grad(set_to_none=True)
optim.Adadelta(lr=1.0, rho=0.9, eps=1e-06, weight_decay=0, maximize=False)
optim.Adagrad(lr=0.01, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10,
    maximize=False)
optim.Adam(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0, amsgrad=False, maximize=False)
optim.AdamW(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01, amsgrad=False,
    maximize=False)
optim.RMSprop(lr=0.01, alpha=0.99, eps=1e-08, weight_decay=0, momentum=0, centered=False,
    maximize=False)
optim.SGD(lr=0.001, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False)
lr_scheduler.ConstantLR(factor=0.3333333333333333, total_iters=5, last_epoch=-1)
lr_scheduler.CosineAnnealingLR(eta_min=0.0, last_epoch=-1)
lr_scheduler.ExponentialLR(last_epoch=-1)
lr_scheduler.LRScheduler(last_epoch=-1)
lr_scheduler.LambdaLR(last_epoch=-1)
lr_scheduler.LinearLR(start_factor=0.3333333333333333, end_factor=1.0, total_iters=5,
    last_epoch=-1)
lr_scheduler.MultiStepLR(gamma=0.1, last_epoch=-1)
lr_scheduler.MultiplicativeLR(last_epoch=-1)
lr_scheduler.OneCycleLR(pct_start=0.3, anneal_strategy='cos', cycle_momentum=True,
    base_momentum=0.85, max_momentum=0.95, div_factor=25.0, final_div_factor=10000.0,
    three_phase=False, last_epoch=-1)
lr_scheduler.PolynomialLR(total_iters=5, power=1.0, last_epoch=-1)
lr_scheduler.ReduceLROnPlateau(mode='min', factor=0.1, patience=10, threshold=0.0001,
    threshold_mode='rel', cooldown=0, min_lr=0, eps=1e-08)
lr_scheduler.SequentialLR(last_epoch=-1)
lr_scheduler.StepLR(gamma=0.1, last_epoch=-1)
data.DataLoader(batch_size=1, num_workers=0, pin_memory=False, drop_last=False, timeout=0,
    persistent_workers=False, in_order=True)
data.RandomSampler(replacement=False)
data.WeightedRandomSampler(replacement=True)
data.load(split='train', seed=0, download=True, verify=True)
"""


PLACES = {"nn": nn, "F": F, "init": init, "optim": optim, "lr_scheduler": lr_scheduler,
          "utils": utils, "data": data}  # fmt: skip
CASES = [(eval(name, PLACES), defaults) for name, defaults in map(parsed, lines(DEFAULTS))]


@pytest.mark.parametrize(("function", "defaults"), CASES)
def test_defaults(function, defaults):
    check(function, defaults)


REPRS = {
    "nn.Linear(2, 3, bias=False)": "Linear(in_features=2, out_features=3, bias=False)",
    "nn.Conv2d(1, 2, 3)": "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))",
    "nn.Conv2d(2, 4, 1, padding=1, groups=2, padding_mode='reflect')": (
        "Conv2d(2, 4, kernel_size=(1, 1), stride=(1, 1), padding=(1, 1), groups=2, "
        "padding_mode=reflect)"
    ),
    "nn.Conv2d(2, 4, (3, 1), 2, dilation=2, bias=False)": (
        "Conv2d(2, 4, kernel_size=(3, 1), stride=(2, 2), dilation=(2, 2), bias=False)"
    ),
    "nn.ConvTranspose2d(1, 2, 3, stride=2, output_padding=1)": (
        "ConvTranspose2d(1, 2, kernel_size=(3, 3), stride=(2, 2), output_padding=(1, 1))"
    ),
    "nn.Conv1d(1, 2, 3, padding='same')": (
        "Conv1d(1, 2, kernel_size=(3,), stride=(1,), padding=same)"
    ),
    "nn.LeakyReLU(0.2)": "LeakyReLU(negative_slope=0.2)",
    "nn.LeakyReLU(0.2, True)": "LeakyReLU(negative_slope=0.2, inplace=True)",
    "nn.ELU(0.5)": "ELU(alpha=0.5)",
    "nn.ELU(0.5, True)": "ELU(alpha=0.5, inplace=True)",
    "nn.Hardtanh(-2.0, 3.0)": "Hardtanh(min_val=-2.0, max_val=3.0)",
    "nn.Hardtanh(-2.0, 3.0, True)": "Hardtanh(min_val=-2.0, max_val=3.0, inplace=True)",
    "nn.Dropout(0.2)": "Dropout(p=0.2, inplace=False)",
    "nn.Upsample(3)": "Upsample(size=3, mode='nearest')",
    "nn.Upsample(scale_factor=2, mode='bilinear')": "Upsample(scale_factor=2.0, mode='bilinear')",
    "nn.Upsample(scale_factor=(2, 3))": "Upsample(scale_factor=(2.0, 3.0), mode='nearest')",
    "nn.Embedding(5, 2, padding_idx=1)": "Embedding(5, 2, padding_idx=1)",
    "nn.MaxPool2d(2, padding=1)": (
        "MaxPool2d(kernel_size=2, stride=2, padding=1, dilation=1, ceil_mode=False)"
    ),
    "nn.AvgPool2d(2, 1)": "AvgPool2d(kernel_size=2, stride=1, padding=0)",
    "nn.LSTM(3, 2, 2, batch_first=True, dropout=0.1, bidirectional=True)": (
        "LSTM(3, 2, num_layers=2, batch_first=True, dropout=0.1, bidirectional=True)"
    ),
    "nn.GRU(3, 2, bias=False)": "GRU(3, 2, bias=False)",
    "nn.GRUCell(3, 2)": "GRUCell(3, 2)",
    "nn.Softmax(1)": "Softmax(dim=1)",
    "nn.GELU('tanh')": "GELU(approximate='tanh')",
    "nn.PReLU(2)": "PReLU(num_parameters=2)",
    "nn.Softplus(2.0, 10.0)": "Softplus(beta=2.0, threshold=10.0)",
    "nn.Flatten(0)": "Flatten(start_dim=0, end_dim=-1)",
    "nn.Unflatten(1, (2, 2))": "Unflatten(dim=1, unflattened_size=(2, 2))",
    "nn.PixelShuffle(2)": "PixelShuffle(upscale_factor=2)",
    "nn.ReLU(True)": "ReLU(inplace=True)",
    "nn.ZeroPad2d(1)": "ZeroPad2d((1, 1, 1, 1))",
}


@pytest.mark.parametrize("made", REPRS)
def test_reprs_name_what_is_not_usual(made):
    assert repr(eval(made, {"nn": nn})) == REPRS[made]

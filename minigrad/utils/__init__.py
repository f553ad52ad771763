"""What PyTorch has in `torch.utils.data`, and torchvision in `torchvision.utils`."""

from minigrad.utils import data
from minigrad.utils.images import make_grid, save_image

__all__ = ["data", "make_grid", "save_image"]

"""`minigrad.data` under the name that PyTorch has for it."""

from minigrad.data import *

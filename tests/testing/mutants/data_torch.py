"""Data that imports torch."""

import torch

from dougong import register
from dougong_plugins.data.toy import Toy


@register("data", "torch_free")
class TorchFree(Toy):
    """Needs torch to read."""

    number = torch.pi

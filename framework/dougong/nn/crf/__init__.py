"""Linear-chain conditional random fields."""

from dougong.nn.crf.module import CRF

__all__ = ["CRF"]

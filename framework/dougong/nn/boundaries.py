"""Spans by where they start and where they end, each decided token by token ("half pointer, half tagging")."""

# Shapes: B batch, N length, C classes, S spans of all texts.

import math

import torch
from torch import Tensor
from torch.nn import functional


def power_loss(logits: Tensor, targets: Tensor, power: int) -> Tensor:
    """Binary cross entropy where the probability is the sigmoid of the logit, raised to a power.

    A power lowers the probability at the start of training, and the gradient of whatever is already known to be none:
    of many tokens few are a start or an end (kexue.fm/archives/7161).

    Args:
        logits: any shape.
        targets: the same shape, True at starts and ends.
        power: 1 or more.

    Returns:
        The loss of each, in the shape and precision of the logits.
    """
    probability = logits.sigmoid()
    # 1 - p^k is (1 - p) (1 + p + ... + p^(k - 1)), of which no factor is rounded to 0.
    series = torch.ones_like(probability)
    for _ in range(power - 1):
        series = series * probability + 1
    absent = -functional.logsigmoid(-logits) - series.log()
    return torch.where(targets, -power * functional.logsigmoid(logits), absent)


def least_logit(probability: float, power: int) -> float:
    """The logit above which the sigmoid, raised to a power, is greater than a probability."""
    root = probability ** (1 / power)
    return math.log(root) - math.log1p(-root) if 0 < root < 1 else math.copysign(math.inf, root - 0.5)


def nearest_spans(starts: Tensor, ends: Tensor, nested: bool = True) -> Tensor:
    """Each start with the nearest end at or after it, of the same text and class.

    Args:
        starts, ends: (B, N, C), True where a span starts, or ends.
        nested: as published, all starts; else each end goes with the nearest start alone, so that no span of a class
            holds another start of it. A start whose own end was missed then makes no span that reaches over others.

    Returns:
        (S, 4): text, class, first and last token, both included; in this order.
    """
    _, length, classes = starts.shape
    begun, ended = (item.transpose(1, 2).nonzero() for item in (starts, ends))
    if not len(begun) or not len(ended):
        return begun.new_empty(0, 4)
    weights = torch.tensor([classes * length, length, 1], device=begun.device)
    order, candidates = ((rows * weights).sum(1) for rows in (begun, ended))
    found = ended[torch.searchsorted(candidates, order).clamp_max(len(ended) - 1)]
    valid = (found[:, :2] == begun[:, :2]).all(1) & (found[:, 2] >= begun[:, 2])
    spans = torch.cat([begun, found[:, 2:]], 1)[valid]
    if nested or not len(spans):
        return spans
    ends_of = spans[:, [0, 1, 3]]
    return spans[torch.cat([(ends_of[1:] != ends_of[:-1]).any(1), valid.new_ones(1)])]

"""The forward-backward recursion in probability space, where a step is a matrix product."""

# Shapes: B batch, N length, T tags.

from dataclasses import dataclass

import torch
from torch import Tensor

from dougong.nn.crf.chain import Chain


@dataclass(frozen=True)
class ScaledPasses:
    """What both passes over a chain found, 0 at padding.

    Args:
        log_partition: (B,) in float64.
        forward: (N, B, T) how probable a tag is by what stands before it and its own emission.
        backward: (N, B, T) how much more probable what comes after makes it.
        reaching: (N, B, T) what it is worth to be led to a tag: `backward` with the emission applied.
        factors: (T, T) exponentials of the transitions, up to a common factor.
    """

    log_partition: Tensor
    forward: Tensor
    backward: Tensor
    reaching: Tensor
    factors: Tensor

    def marginals(self) -> Tensor:
        """(N, B, T) probabilities of the tags."""
        return self.forward * self.backward

    def transition_counts(self, weights: Tensor) -> Tensor:
        """(T, T) how often each transition is to be expected, sequences weighted by (B,) `weights`."""
        tags = len(self.factors)
        alike = bool((weights == weights[0]).all())
        before = self.forward[:-1] if alike else self.forward[:-1] * weights[:, None]
        counts = self.factors * (before.view(-1, tags).t() @ self.reaching[1:].view(-1, tags))
        return counts * weights[0] if alike else counts


def scaled_passes(chain: Chain) -> ScaledPasses | None:
    """Both passes, the variables of each position scaled to a sum of one (Rabiner, 1989, section V.A).

    Returns:
        None where numbers that are too small for the precision may have mattered.
    """
    # All scores are taken relative to the largest of their kind, so that no exponential exceeds 1.
    highest = [scores.max() for scores in (chain.start, chain.end, chain.transitions)]
    start, end, factors = (
        (scores - shift).exp()
        for scores, shift in zip((chain.start, chain.end, chain.transitions), highest, strict=True)
    )
    peaks = chain.emissions.amax(2, keepdim=True)
    emitted = (chain.emissions - peaks).exp_()
    forward, sums = _forward(emitted, start, factors, chain.rows)
    final = forward[chain.last, torch.arange(len(chain.last), device=chain.last.device)] @ end
    backward, reaching = _backward(emitted.div_(sums), end / final[:, None], factors, chain.rows)
    if not _is_exact(backward, sums, chain):
        return None
    steps = torch.where(chain.present, (sums.double().log() + peaks.double())[..., 0], 0.0).sum(0)
    first, last, between = (shift.double() for shift in highest)
    log_partition = steps + final.double().log() + first + last + between * (chain.lengths - 1)
    return ScaledPasses(log_partition, forward, backward, reaching, factors)


def _forward(emitted: Tensor, start: Tensor, factors: Tensor, rows: list[int]) -> tuple[Tensor, Tensor]:
    """(N, B, T) forward variables and the (N, B, 1) sums that they were divided by."""
    forward = torch.zeros_like(emitted)
    sums = emitted.new_ones(*emitted.shape[:2], 1)
    before = forward[0]
    for position, (here, emission, total, count) in enumerate(
        zip(forward.unbind(), emitted.unbind(), sums.unbind(), rows, strict=True)
    ):
        if count < len(here):
            here, emission, total, before = here[:count], emission[:count], total[:count], before[:count]
        if position:
            torch.mm(before, factors, out=here).mul_(emission)
        else:
            torch.mul(emission, start, out=here)
        here.div_(torch.sum(here, 1, keepdim=True, out=total))
        before = here
    return forward, sums


def _backward(emitted: Tensor, ending: Tensor, factors: Tensor, rows: list[int]) -> tuple[Tensor, Tensor]:
    """(N, B, T) backward variables, and the same with the scaled emission applied, which takes the emission's place."""
    backward = torch.zeros_like(emitted)
    to_from = factors.t().contiguous()
    following = 0
    for position in range(len(rows) - 1, -1, -1):
        here, count = backward[position], rows[position]
        if following:
            torch.mm(emitted[position + 1, :following], to_from, out=here[:following])
        if count > following:
            here[following:count] = ending[following:count]
        emitted[position].mul_(here)
        following = count
    return backward, emitted


def _is_exact(backward: Tensor, sums: Tensor, chain: Chain) -> bool:
    """Whether all that became too small for the precision is less than a rounding error of each partition function."""
    # At each tag, less than T + 3 numbers are lost that are each below the smallest normal one, before the division by
    # the sum. A loss at a tag makes a share of the partition function that is the loss times the backward variable.
    length, _, tags = backward.shape
    worst = (backward.amax(2) / sums[..., 0].clamp_max(1.0))[chain.present].max()
    number = torch.finfo(backward.dtype)
    return bool(worst * (length * tags * (tags + 3)) < number.eps / number.tiny)

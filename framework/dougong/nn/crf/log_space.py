"""The forward-backward recursion in log-space: slow, and right for any scores."""

# Shapes: B batch, N length, T tags.

from dataclasses import dataclass

import torch
from torch import Tensor

from dougong.nn.crf.chain import Chain


@dataclass(frozen=True)
class LogPasses:
    """What both passes over a chain found.

    Args:
        chain: in float64.
        log_partition: (B,)
        forward: (N, B, T) logarithms of the forward variables, each tag's own emission applied; -inf at padding.
        backward: (N, B, T) those of the backward variables; -inf at padding.
    """

    chain: Chain
    log_partition: Tensor
    forward: Tensor
    backward: Tensor

    def marginals(self) -> Tensor:
        """(N, B, T) probabilities of the tags."""
        return _exp(self.forward + self.backward, self.log_partition[:, None])

    def transition_counts(self, weights: Tensor) -> Tensor:
        """(T, T) how often each transition is to be expected, sequences weighted by (B,) `weights`."""
        counts = torch.zeros_like(self.chain.transitions)
        for position in range(1, len(self.forward)):
            reaching = self.chain.emissions[position] + self.backward[position]
            joint = self.forward[position - 1, :, :, None] + self.chain.transitions + reaching[:, None, :]
            counts += torch.einsum("b,bij->ij", weights.double(), _exp(joint, self.log_partition[:, None, None]))
        return counts


def log_passes(chain: Chain) -> LogPasses:
    """Both passes, in float64."""
    chain = chain.double()
    forward, backward = (torch.full_like(chain.emissions, -torch.inf) for _ in range(2))
    following = 0
    for position, count in enumerate(chain.rows):
        led = chain.start.expand(count, -1)
        if position:
            led = (forward[position - 1, :count, :, None] + chain.transitions).logsumexp(1)
        forward[position, :count] = led + chain.emissions[position, :count]
    for position in range(len(chain.rows) - 1, -1, -1):
        count = chain.rows[position]
        if following:
            onward = (chain.emissions[position + 1] + backward[position + 1])[:following, None, :]
            backward[position, :following] = (onward + chain.transitions).logsumexp(2)
        backward[position, following:count] = chain.end
        following = count
    last = forward[chain.last, torch.arange(len(chain.last), device=chain.last.device)]
    return LogPasses(chain, (last + chain.end).logsumexp(1), forward, backward)


def _exp(scores: Tensor, log_partition: Tensor) -> Tensor:
    """Probabilities; 0 where nothing leads, even where nothing leads anywhere."""
    return torch.where(scores == -torch.inf, 0.0, (scores - log_partition).exp())

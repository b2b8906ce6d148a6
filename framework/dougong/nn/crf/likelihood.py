"""The log-likelihood of tags, differentiated by the forward-backward algorithm."""

# Shapes: B batch, N length, T tags.

from typing import Any

import torch
from torch import Tensor

from dougong.nn.crf.chain import Chain, chain_of
from dougong.nn.crf.log_space import LogPasses, log_passes
from dougong.nn.crf.scaled import ScaledPasses, scaled_passes


class LogLikelihood(torch.autograd.Function):
    """(B,) log-likelihoods of (B, N) tags, given (B, N, T) emissions, start, end, transitions and (B,) lengths.

    The gradient is what the tags count less what is to be expected: no graph of the recursion is kept. It can't be
    differentiated again.
    """

    @staticmethod
    def forward(
        ctx: Any, emissions: Tensor, start: Tensor, end: Tensor, transitions: Tensor, tags: Tensor, lengths: Tensor
    ) -> Tensor:
        """Both passes at once: the backward one also tells whether the forward one was exact."""
        if not emissions.numel() or not bool(lengths.any()):
            ctx.passes = None
            ctx.save_for_backward(emissions, start, end, transitions)
            return emissions.new_zeros(len(emissions))
        chain = chain_of(emissions, start, end, transitions, lengths)
        passes = passes_of(chain)
        true_tags = chain.gather(tags).masked_fill(~chain.present, 0)
        scores = torch.where(chain.lengths > 0, _score(chain, true_tags) - passes.log_partition, 0.0)
        ctx.chain, ctx.passes, ctx.tags = chain, passes, true_tags
        return scores.to(emissions.dtype)[chain.order.argsort()]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Of emissions, start, end and transitions.

        Raises:
            RuntimeError: the gradient is to be differentiated in turn.
        """
        # PyTorch's own mark for this looks at the incoming gradient alone, and would take ours for a constant.
        if torch.is_grad_enabled():
            raise RuntimeError("the likelihood of a CRF can't be differentiated twice (create_graph=True).")
        if ctx.passes is None:
            return (*(torch.zeros_like(item) for item in ctx.saved_tensors), None, None)
        chain: Chain = ctx.chain
        with torch.autocast(gradient.device.type, enabled=False):
            weights = torch.where(chain.lengths > 0, gradient[chain.order], 0.0)
            emitted = _emission_gradient(chain, ctx.passes, ctx.tags, weights)
            last = emitted[chain.last, torch.arange(len(weights), device=weights.device)]
            passed = _transition_gradient(chain, ctx.passes, ctx.tags, weights)
            return chain.scatter(emitted), emitted[0].sum(0), last.sum(0), passed, None, None


def passes_of(chain: Chain) -> ScaledPasses | LogPasses:
    """Both passes, in the fastest way that is exact for these scores."""
    passes = scaled_passes(chain)
    if passes is None and chain.emissions.dtype != torch.float64:
        passes = scaled_passes(chain.double())
    return log_passes(chain) if passes is None else passes


def _score(chain: Chain, tags: Tensor) -> Tensor:
    """(B,) the scores of (N, B) tags, in float64."""
    emitted = chain.emissions.gather(2, tags[..., None])[..., 0].double()
    passed = torch.where(chain.present[1:], chain.transitions[tags[:-1], tags[1:]].double(), 0.0)
    last = tags.gather(0, chain.last[None])[0]
    return emitted.sum(0) + passed.sum(0) + chain.start[tags[0]].double() + chain.end[last].double()


def _emission_gradient(chain: Chain, passes: ScaledPasses | LogPasses, tags: Tensor, weights: Tensor) -> Tensor:
    expected = passes.marginals().mul_(-weights[:, None]).to(chain.emissions.dtype)
    counted = (weights * chain.present)[..., None].to(expected.dtype)
    return expected.scatter_add_(2, tags[..., None], counted)


def _transition_gradient(chain: Chain, passes: ScaledPasses | LogPasses, tags: Tensor, weights: Tensor) -> Tensor:
    difference = passes.transition_counts(weights.to(chain.emissions.dtype)).neg_().to(chain.emissions.dtype)
    numbers = (tags[:-1] * len(chain.start) + tags[1:]).flatten()
    counted = (weights * chain.present[1:]).flatten().to(difference.dtype)
    difference.view(-1).index_add_(0, numbers, counted)
    return difference

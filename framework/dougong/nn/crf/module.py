"""A linear-chain conditional random field as a module."""

# Shapes: B batch, N length, T tags.

import torch
from torch import Tensor, nn

from dougong.nn.crf.chain import lengths_of
from dougong.nn.crf.likelihood import LogLikelihood
from dougong.nn.crf.viterbi import best_tags


class CRF(nn.Module):
    """Linear-chain conditional random field (Lafferty, McCallum and Pereira, 2001): scores whole sequences of tags.

    A sequence's score is the sum of its emissions, its transitions, and those of its first and its last tag. It is
    computed in float32 at least, also under autocast.

    Args:
        tags: how many tags there are.
        allowed: (T, T), False where one tag can't follow another; None where all can.
        allowed_first, allowed_last: (T,), False where a sequence can't begin or end with a tag.
    """

    def __init__(
        self,
        tags: int,
        allowed: Tensor | None = None,
        allowed_first: Tensor | None = None,
        allowed_last: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.empty(tags))
        self.end = nn.Parameter(torch.empty(tags))
        self.transitions = nn.Parameter(torch.empty(tags, tags))
        self._forbid("transitions", allowed, (tags, tags))
        self._forbid("start", allowed_first, (tags,))
        self._forbid("end", allowed_last, (tags,))
        for scores in (self.start, self.end, self.transitions):
            nn.init.uniform_(scores, -0.1, 0.1)

    def forward(self, emissions: Tensor, tags: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        """The log-likelihood of each sequence; its negative is the loss.

        Args:
            emissions: (B, N, T), in any precision.
            tags: (B, N) numbers of the true tags; what stands at padding is not read.
            padding_mask: (B, N), True at padding, which stands at the ends; None where there is none.

        Returns:
            (B,); -inf where a sequence is forbidden, 0 for one without tokens. It can be differentiated once.

        Raises:
            ValueError: shapes don't fit, or padding stands before the end of a sequence.
        """
        self._check(emissions)
        if tags.shape != emissions.shape[:2]:
            raise ValueError(f"tags: expected the shape {tuple(emissions.shape[:2])}, got {tuple(tags.shape)}.")
        lengths = lengths_of(emissions, padding_mask)
        with torch.autocast(emissions.device.type, enabled=False):
            found: Tensor = LogLikelihood.apply(*self._scores(emissions), tags.long(), lengths)  # type: ignore[no-untyped-call]
            return found

    @torch.no_grad()
    def decode(self, emissions: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        """The most probable tags (the Viterbi algorithm).

        Args:
            emissions, padding_mask: as in `forward`.

        Returns:
            (B, N) numbers of tags, 0 at padding.

        Raises:
            ValueError: shapes don't fit, or padding stands before the end of a sequence.
        """
        self._check(emissions)
        lengths = lengths_of(emissions, padding_mask)
        with torch.autocast(emissions.device.type, enabled=False):
            return best_tags(*self._scores(emissions), lengths)

    def extra_repr(self) -> str:
        """Shown by print(model)."""
        return f"tags={len(self.start)}"

    def _check(self, emissions: Tensor) -> None:
        if emissions.ndim != 3 or emissions.size(2) != len(self.start):
            raise ValueError(f"emissions: expected (B, N, {len(self.start)}), got {tuple(emissions.shape)}.")

    def _forbid(self, name: str, allowed: Tensor | None, shape: tuple[int, ...]) -> None:
        if allowed is not None and allowed.shape != shape:
            raise ValueError(f"allowed {name}: expected the shape {shape}, got {tuple(allowed.shape)}.")
        # Known from the tags alone, so no part of a checkpoint.
        self.register_buffer(f"forbidden_{name}", None if allowed is None else ~allowed.bool(), persistent=False)

    def _scores(self, emissions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Emissions, start, end and transitions in one precision, -inf where they are forbidden."""
        wide = torch.promote_types(torch.promote_types(emissions.dtype, self.start.dtype), torch.float32)
        found = []
        for name in ("start", "end", "transitions"):
            scores, forbidden = getattr(self, name).to(wide), getattr(self, f"forbidden_{name}")
            found.append(scores if forbidden is None else scores.masked_fill(forbidden, -torch.inf))
        return emissions.to(wide), *found

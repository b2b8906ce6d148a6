"""Continuing texts with an encoder that supports causal attention."""

# Shapes: B batch, N length, D hidden dimension, V vocabulary.

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong_plugins.task.generation.sampling import Sampling


class Reader:
    """Reads texts that grow, and says what comes next.

    It sees at most `length` tokens of a text. When they are full it goes on with the later half of them, at positions
    from 0: what it was trained on has no others.

    Args:
        encoder: with a memory, if it has one; else it reads the whole again for each token.
        head: (B, D) states to (B, V) logits.
        length: tokens that it may see.
    """

    def __init__(self, encoder: Encoder, head: Callable[[Tensor], Tensor], length: int) -> None:
        self.encoder = encoder
        self.head = head
        self.length = length
        self._starts: list[int] = []
        self._memory: Any = None

    def next(self, rows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
        """(B, V) logits of the token after each row; rows must have grown by one token since the last call."""
        first = not self._starts
        self._starts = self._starts or [0] * len(rows)
        full = [len(row) - start > self.length for row, start in zip(rows, self._starts, strict=True)]
        for number, row in enumerate(rows):
            if full[number]:
                self._starts[number] = len(row) - (self.length + 1) // 2
        seen = [row[start:] for row, start in zip(rows, self._starts, strict=True)]
        if first or any(full):
            self._memory = self.encoder.memory(self.length)
        elif self._memory is not None:
            return self._go_on(seen, device)
        return self._read(seen, device)

    def _read(self, seen: Sequence[Sequence[int]], device: torch.device) -> Tensor:
        longest = max(map(len, seen))
        padding = self.encoder.tokenizer.padding_id
        tokens = torch.tensor([[*row, *[padding] * (longest - len(row))] for row in seen], device=device)
        if self._memory is None:
            states = self.encoder(Inputs(tokens), causal=True)
        else:
            positions = torch.arange(longest, device=device).expand(len(seen), longest)
            states = self.encoder(Inputs(tokens, positions=positions), causal=True, memory=self._memory)
        last = torch.tensor([len(row) - 1 for row in seen], device=device)
        return self.head(states[torch.arange(len(seen), device=device), last])

    def _go_on(self, seen: Sequence[Sequence[int]], device: torch.device) -> Tensor:
        tokens = torch.tensor([row[-1:] for row in seen], device=device)
        positions = torch.tensor([[len(row) - 1] for row in seen], device=device)
        states = self.encoder(Inputs(tokens, positions=positions), causal=True, memory=self._memory)
        return self.head(states[:, 0])


def continued(
    reader: Reader,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    most: int,
    end: int,
    never: Sequence[int],
    device: torch.device,
) -> list[list[int]]:
    """What each prompt goes on with: up to the token `end`, and `most` tokens at most.

    Args:
        never: tokens that are not to be written.
    """
    rows = [list(prompt) for prompt in prompts]
    dice = [sampling.dice(prompt) for prompt in prompts]
    done = [False] * len(rows)
    for _ in range(most):
        logits = reader.next(rows, device)
        logits[:, list(never)] = -torch.inf
        for number, token in enumerate(sampling.pick(logits, dice)):
            rows[number].append(token)
            done[number] = done[number] or token == end
        if all(done):
            break
    new = [row[len(prompt) :] for row, prompt in zip(rows, prompts, strict=True)]
    return [row[: row.index(end)] if end in row else row for row in new]

"""Targets that are drawn."""

# Shapes: B sources, K paths.

from collections.abc import Sequence

import torch

from dougong.contracts.decoder import Decoder, Source
from dougong_plugins.task.generation.beam import Ends, Scorer, Written, widened
from dougong_plugins.task.generation.sampling import Sampling


def sample(
    decoder: Decoder,
    source: Source,
    scorer: Scorer,
    ends: Ends,
    sampling: Sampling,
    prompts: Sequence[Sequence[int]],
    count: int,
    length: int,
) -> list[list[Written]]:
    """`count` targets a source, likeliest first; each is a function of the seed, its source and its number.

    Args:
        prompts: the tokens of the sources.
        length: tokens that are written at most, the end included.
    """
    device = source.states.device
    dice = [sampling.dice([*prompt, number]) for prompt in prompts for number in range(count)]
    rows: list[list[int]] = [[] for _ in dice]
    logs = [0.0] * len(rows)
    last = torch.full((len(prompts), count), ends.start, device=device)
    live, writing = torch.arange(len(prompts), device=device), decoder.begin(source, count, length)
    for _ in range(length):
        logits = widened(scorer(decoder.step(last, writing), live)).flatten(0, 1)
        logits[:, list(ends.never)] = -torch.inf
        picked = sampling.pick(logits, dice)
        found = logits.log_softmax(-1)[torch.arange(len(rows)), picked].tolist()
        for number, (row, token) in enumerate(zip(rows, picked, strict=True)):
            if row[-1:] != [ends.end]:
                row.append(token)
                logs[number] += found[number]
        if all(row[-1] == ends.end for row in rows):
            break
        last = torch.tensor(picked, device=device).view(last.shape)
    written = [
        Written([token for token in row if token != ends.end], log / max(1, len(row)))
        for row, log in zip(rows, logs, strict=True)
    ]
    parts = (written[first : first + count] for first in range(0, len(written), count))
    return [sorted(part, key=lambda item: -item.score) for part in parts]

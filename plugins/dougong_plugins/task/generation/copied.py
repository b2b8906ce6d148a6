"""Characters that the vocabulary lacks, taken from the source."""

# Shapes: N target length, M source length.

from collections.abc import Sequence

import torch
from torch import Tensor

from dougong.contracts.decoder import Decoder, Source
from dougong.contracts.tokenizer import UNKNOWN, Tokenizer

NOWHERE = -1


def places(
    rows: Sequence[Sequence[int]], decoder: Decoder, source: Source, source_tokens: Tensor, start: int, unknown: int
) -> list[list[int]]:
    """For each unknown token that was written, the unknown token of the source that its state looks at most.

    Args:
        rows: tokens that were written, one row a source.
        source_tokens: (B, M).

    Returns:
        places in the source, one for each unknown token of the row; -1 where the source has none.
    """
    found: list[list[int]] = [[NOWHERE] * list(row).count(unknown) for row in rows]
    able = (source_tokens == unknown).any(1).tolist()
    for number, row in enumerate(rows):
        if not found[number] or not able[number]:
            continue
        here = torch.tensor([number], device=source_tokens.device)
        written = torch.tensor([[start, *row[:-1]]], device=source_tokens.device)
        looks = decoder.looks(written, source.rows(here))[0]
        asked = torch.tensor([place for place, token in enumerate(row) if token == unknown], device=looks.device)
        known = source_tokens[number] != unknown
        found[number] = looks[asked].masked_fill(known, -1.0).argmax(-1).tolist()
    return found


def text_of(tokens: Sequence[int], copied: Sequence[int], pieces: Sequence[str], tokenizer: Tokenizer) -> str:
    """The text of tokens.

    Args:
        copied: for each unknown token, the place in the source whose text stands for it.
        pieces: the text of each place of the source.
    """
    core, taken = tokenizer.core, iter(copied)
    words = []
    for number in tokens:
        token = str(core.id_to_token(number))
        if token == UNKNOWN and (place := next(taken, NOWHERE)) != NOWHERE:
            token = pieces[place]
        words.append(token)
    return str(core.decoder.decode(words)) if core.decoder is not None else " ".join(words)

"""Which tokens are to be predicted, and what stands in their place."""

# Shapes: N length, V vocabulary.

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dougong.contracts.tokenizer import MASK, Tokenizer
from dougong_plugins.tokenizer.words.cut import Cut, cutter

IGNORED = -100
"""In place of a target where nothing is to be predicted."""

PIECE = "##"
"""What begins a token that goes on with a word."""

Words = Literal["pieces", "jieba"]
Tokens = npt.NDArray[np.int64]


class Masks:
    """Masks tokens as BERT does: 80 % of what is to be predicted is masked, 10 % replaced, 10 % left as it is.

    Args:
        tokenizer: of the tokens.
        share: of the tokens that are to be predicted.
        words: what is masked together: the pieces of a word, or words by jieba's dictionary; None for single tokens.

    Raises:
        ValueError: the tokenizer's tokens tell nothing of words.
    """

    def __init__(self, tokenizer: Tokenizer, share: float, words: Words | None) -> None:
        self.share = share
        self.mask_id = tokenizer.identity(MASK)
        self.special = np.isin(np.arange(tokenizer.size), tokenizer.special_ids)
        self._ordinary = np.flatnonzero(~self.special)
        self._goes_on = _pieces(tokenizer)
        self._together = words is not None
        self._cut: Cut | None = None
        self._texts: list[str] = []
        if words == "pieces" and not self._goes_on.any():
            raise ValueError(
                "whole_word: this tokenizer does not mark the pieces of a word; take tokenizer=wordpiece, or jieba."
            )
        if words == "jieba":
            self._cut = cutter("jieba", "task.whole_word")
            self._texts = _texts(tokenizer)

    def draw(self, tokens: Tokens, random: np.random.Generator) -> tuple[Tokens, Tokens]:
        """(N,) tokens with some masked, and (N,) targets."""
        tokens, target = tokens.astype(np.int64), np.full(len(tokens), IGNORED)
        places = np.flatnonzero(~self.special[tokens])
        if len(places):
            chosen = self._choose(tokens, places, random)
            target[chosen] = tokens[chosen]
            fate = random.random(len(chosen))
            tokens[chosen[fate < 0.8]] = self.mask_id
            replaced = chosen[fate >= 0.9]
            tokens[replaced] = random.choice(self._ordinary, len(replaced))
        return tokens, target

    def _choose(self, tokens: Tokens, places: Tokens, random: np.random.Generator) -> Tokens:
        """Of the places of ordinary tokens, those to predict: a share of them, one at least."""
        count = max(1, round(self.share * len(places)))
        if not self._together:
            return random.choice(places, count, replace=False)
        words = np.split(places, np.flatnonzero(self._begins(tokens, places)[1:]) + 1)
        chosen: list[Tokens] = []
        for number in random.permutation(len(words)):
            # As in BERT, a word that is too long for what is left is passed over.
            if not chosen or sum(map(len, chosen)) + len(words[number]) <= count:
                chosen.append(words[number])
        return np.concatenate(chosen)

    def _begins(self, tokens: Tokens, places: Tokens) -> npt.NDArray[np.bool_]:
        """Of each place, whether a word begins there."""
        goes_on: npt.NDArray[np.bool_] = self._goes_on[tokens[places]]
        if self._cut is None:
            return ~goes_on
        apart = np.diff(places, prepend=places[0]) > 1
        text, starts = "", []
        for number, piece, gap in zip(tokens[places].tolist(), goes_on.tolist(), apart.tolist(), strict=True):
            shown = self._texts[number]
            # Pieces tell where a word of letters ends; without a space, two such would be cut as one.
            letters = self._goes_on.any() and text[-1:].isascii() and shown[:1].isascii() and not piece
            text += " " if gap or letters else ""
            starts.append(len(text))
            text += shown
        ends = np.cumsum([0, *map(len, self._cut(text))])
        return np.isin(starts, ends) & ~goes_on


def _pieces(tokenizer: Tokenizer) -> npt.NDArray[np.bool_]:
    """(V,), True where a token goes on with a word."""
    names: list[Any] = [tokenizer.core.id_to_token(number) for number in range(tokenizer.size)]
    return np.array([str(name).startswith(PIECE) and str(name) != PIECE for name in names])


def _texts(tokenizer: Tokenizer) -> list[str]:
    """Of each token, the text that it stands for.

    Raises:
        ValueError: one stands for a part of a character.
    """
    found = [tokenizer.decode([number]).removeprefix(PIECE) for number in range(tokenizer.size)]
    if any("\ufffd" in text for text in found):
        raise ValueError("whole_word: jieba needs tokens that are whole characters; tokenizer=byte has none.")
    return found

"""Tokenizer: one token a byte."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, processors

from dougong import register
from dougong.contracts.tokenizer import END, SPECIAL_TOKENS, START, Tokenizer

FIRST = len(SPECIAL_TOKENS)


@register("tokenizer", "byte")
class ByteTokenizer(Tokenizer):
    """One token a byte of the text's UTF-8: 256 and the special ones, for any language, and exact both ways."""

    def learn(self, texts: Iterable[str]) -> tokenizers.Tokenizer:
        """There is nothing to learn."""
        names = _names()
        vocabulary = {token: number for number, token in enumerate((*SPECIAL_TOKENS, *names))}
        core = tokenizers.Tokenizer(models.BPE(vocabulary, []))
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        core.decoder = decoders.ByteLevel()
        core.add_special_tokens(list(SPECIAL_TOKENS))
        core.post_processor = processors.BertProcessing((END, vocabulary[END]), (START, vocabulary[START]))
        return core

    def numbers(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """The bytes, offset by the special tokens."""
        return [np.frombuffer(text.encode(), np.uint8).astype(np.int64) + FIRST for text in texts]


def _names() -> list[str]:
    """The character that stands for each byte, as in GPT-2: itself where it is printed, else one from 256 on."""
    printed = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printed else next(others)) for byte in range(256)]

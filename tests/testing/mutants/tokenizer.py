"""Tokenizers, each of which breaks the promise that its name is the check of."""

import numpy as np
from tokenizers import Regex, pre_tokenizers, processors

from dougong import register
from dougong.contracts.tokenizer import END, START
from dougong_plugins.tokenizer.character import CharacterTokenizer


def _framed(core, single: str, pair: str):
    frame = [(token, core.token_to_id(token)) for token in (START, END)]
    core.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=frame)
    return core


@register("tokenizer", "special_tokens")
class SpecialTokens(CharacterTokenizer):
    """Puts no end to a text."""

    def learn(self, texts):
        return _framed(super().learn(texts), "[CLS] $A", "[CLS] $A [SEP] $B:1 [SEP]:1")


@register("tokenizer", "vocabulary")
class Vocabulary(CharacterTokenizer):
    """Numbers a text of spaces beyond its size."""

    def numbers(self, texts):
        rows = super().numbers(texts)
        return [np.array([self.size]) if text.isspace() else row for text, row in zip(texts, rows, strict=True)]


@register("tokenizer", "offsets")
class Offsets(CharacterTokenizer):
    """Leaves digits out."""

    def learn(self, texts):
        core = super().learn(texts)
        core.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(r"\d"), "removed"), core.pre_tokenizer]
        )
        return core


@register("tokenizer", "learning")
class Learning(CharacterTokenizer):
    """Goes through the texts twice."""

    def learn(self, texts):
        self.count = sum(1 for _ in texts)
        return super().learn(texts)


@register("tokenizer", "save_and_load")
class SaveAndLoad(CharacterTokenizer):
    """Keeps what it learnt out of its state."""

    bias = 0

    def learn(self, texts):
        self.bias = 1
        return super().learn(texts)

    def numbers(self, texts):
        return [row[::-1] if self.bias and len(row) == 1 else row + 1 - self.bias for row in super().numbers(texts)]


@register("tokenizer", "longest")
class Longest(CharacterTokenizer):
    """Goes on cutting."""

    def encode(self, texts, max_length=None):
        if max_length is not None:
            self.core.enable_truncation(max_length)
        return self.core.encode_batch(list(texts))


@register("tokenizer", "pairs")
class Pairs(CharacterTokenizer):
    """Does not tell the texts of a pair apart."""

    def learn(self, texts):
        return _framed(super().learn(texts), "[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]")


@register("tokenizer", "plain_numbers")
class PlainNumbers(CharacterTokenizer):
    """Takes what looks like special tokens for them."""

    def numbers(self, texts):
        self.core.no_truncation()
        rows = [np.asarray(item.ids) for item in self.core.encode_batch(list(texts), add_special_tokens=False)]
        return [row[row != self.padding_id] for row in rows]


@register("tokenizer", "decoding")
class Decoding(CharacterTokenizer):
    """Loses the last character."""

    def decode(self, numbers):
        return super().decode(numbers)[:-1]


@register("tokenizer", "hostile_texts")
class HostileTexts(CharacterTokenizer):
    """Can't decode nothing."""

    def decode(self, numbers):
        return super().decode([numbers[0], *numbers[1:]])

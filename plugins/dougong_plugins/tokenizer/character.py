"""Tokenizer: one token a character."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

import tokenizers
from annotated_types import Ge
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from dougong import register
from dougong.contracts.tokenizer import END, SPECIAL_TOKENS, START, UNKNOWN, Tokenizer


@register("tokenizer", "character")
class CharacterTokenizer(Tokenizer):
    """One token a character; the vocabulary is built from the training texts.

    Args:
        min_count: characters that are rarer in the training texts become unknown.
        lowercase: whether case is ignored.
        keep_whitespace: whether spaces and line ends are tokens too, as language models need.
    """

    def __init__(
        self, min_count: Annotated[int, Ge(1)] = 2, lowercase: bool = True, keep_whitespace: bool = False
    ) -> None:
        super().__init__()
        self.min_count = min_count
        self.lowercase = lowercase
        self.keep_whitespace = keep_whitespace

    def learn(self, texts: Iterable[str]) -> tokenizers.Tokenizer:
        """Count the characters of the texts."""
        normalizer = normalizers.Lowercase() if self.lowercase else None
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(normalizer.normalize_str(text) if normalizer else text)
        kept = [token for token, count in counts.items() if count >= self.min_count and self._is_token(token)]
        kept.sort(key=lambda token: (-counts[token], token))
        vocabulary = {token: number for number, token in enumerate((*SPECIAL_TOKENS, *kept))}
        core = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
        if normalizer:
            core.normalizer = normalizer
        split = pre_tokenizers.Split(tokenizers.Regex(r"[\s\S]"), "isolated")
        spaced = [] if self.keep_whitespace else [pre_tokenizers.WhitespaceSplit()]
        core.pre_tokenizer = pre_tokenizers.Sequence([*spaced, split])
        core.decoder = decoders.Fuse()
        core.add_special_tokens(list(SPECIAL_TOKENS))
        core.post_processor = processors.BertProcessing((END, vocabulary[END]), (START, vocabulary[START]))
        return core

    def _is_token(self, character: str) -> bool:
        return self.keep_whitespace or not character.isspace()

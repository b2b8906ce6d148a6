"""Tokenizer: WordPiece, as BERT's."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import tokenizers
from annotated_types import Ge
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from dougong import register
from dougong.contracts.tokenizer import END, SPECIAL_TOKENS, START, UNKNOWN, Tokenizer
from dougong.errors import UserError


@register("tokenizer", "wordpiece")
class WordPieceTokenizer(Tokenizer):
    """Pieces of words, and Chinese characters one by one, as in BERT (arXiv 1810.04805).

    Args:
        vocab: a `vocab.txt`, one token a line; null learns a vocabulary from the training texts.
        vocab_size: how many tokens to learn where `vocab` is null.
        lowercase: whether case and accents are ignored, as in the uncased models.
    """

    def __init__(
        self, vocab: str | None = None, vocab_size: Annotated[int, Ge(100)] = 8000, lowercase: bool = True
    ) -> None:
        super().__init__()
        self.vocab = vocab
        self.vocab_size = vocab_size
        self.lowercase = lowercase

    def learn(self, texts: Iterable[str]) -> tokenizers.Tokenizer:
        """Read the vocabulary, or learn one."""
        if not self.vocab and iter(texts) is texts:  # they can be gone through only once
            texts = list(texts)
        core = self._core_of(self._read() if self.vocab else self._train(texts))
        core.add_special_tokens(list(SPECIAL_TOKENS))
        numbers = core.get_vocab()
        core.post_processor = processors.BertProcessing((END, numbers[END]), (START, numbers[START]))
        return core

    def _core_of(self, pieces: dict[str, int]) -> tokenizers.Tokenizer:
        core = tokenizers.Tokenizer(models.WordPiece(pieces, unk_token=UNKNOWN))
        core.normalizer = normalizers.BertNormalizer(lowercase=self.lowercase)
        core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        core.decoder = decoders.WordPiece()
        return core

    def _train(self, texts: Iterable[str]) -> dict[str, int]:
        """Learn the pieces, the same ones in every process, in two passes over the texts.

        The trainer numbers the characters within words as it comes upon them in a hash table, whose order is random,
        and decides ties by these numbers. As special tokens they are numbered beforehand.
        """
        core = self._core_of({})
        words = (core.pre_tokenizer.pre_tokenize_str(core.normalizer.normalize_str(text)) for text in texts)
        inner = {character for found in words for word, _ in found for character in word[1:]}
        trainer = trainers.WordPieceTrainer(
            vocab_size=self.vocab_size,
            special_tokens=[*SPECIAL_TOKENS, *(f"##{character}" for character in sorted(inner))],
            show_progress=False,
        )
        core.train_from_iterator(texts, trainer)
        return dict(sorted(core.get_vocab().items(), key=lambda item: item[1]))

    def _read(self) -> dict[str, int]:
        path = Path(str(self.vocab)).expanduser()
        if not path.is_file():
            raise UserError(f"tokenizer.vocab: {path} does not exist.")
        try:
            # Not splitlines(): it also cuts at characters that are tokens themselves.
            tokens = [line.rstrip("\r") for line in path.read_bytes().decode("utf-8-sig").rstrip("\r\n").split("\n")]
        except UnicodeDecodeError as error:
            raise UserError(f"tokenizer.vocab: {path} is not UTF-8 (byte {error.start + 1}).") from error
        missing = [token for token in SPECIAL_TOKENS if token not in tokens]
        if missing:
            raise UserError(f"tokenizer.vocab: {path} has no {', '.join(missing)}.")
        numbers = {token: number for number, token in enumerate(tokens)}
        if len(numbers) < len(tokens):
            twice = next(token for number, token in enumerate(tokens) if numbers[token] != number)
            raise UserError(f"tokenizer.vocab: {path} has `{twice}` twice.")
        return numbers

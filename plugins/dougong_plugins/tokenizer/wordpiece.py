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
        pieces = self._read() if self.vocab else {}
        core = tokenizers.Tokenizer(models.WordPiece(pieces, unk_token=UNKNOWN))
        core.normalizer = normalizers.BertNormalizer(lowercase=self.lowercase)
        core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        core.decoder = decoders.WordPiece()
        if not pieces:
            trainer = trainers.WordPieceTrainer(
                vocab_size=self.vocab_size, special_tokens=list(SPECIAL_TOKENS), show_progress=False
            )
            core.train_from_iterator(texts, trainer)
        core.add_special_tokens(list(SPECIAL_TOKENS))
        numbers = core.get_vocab()
        core.post_processor = processors.BertProcessing((END, numbers[END]), (START, numbers[START]))
        return core

    def _read(self) -> dict[str, int]:
        path = Path(str(self.vocab)).expanduser()
        if not path.is_file():
            raise UserError(f"tokenizer.vocab: {path} does not exist.")
        tokens = path.read_text(encoding="utf-8").splitlines()
        missing = [token for token in SPECIAL_TOKENS if token not in tokens]
        if missing:
            raise UserError(f"tokenizer.vocab: {path} has no {', '.join(missing)}.")
        return {token: number for number, token in enumerate(tokens)}

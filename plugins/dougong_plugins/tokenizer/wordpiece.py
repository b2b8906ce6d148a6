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
from dougong.pretrained.vocabulary import lowercase_of, read_tokenizer, read_vocabulary, vocabulary_file


@register("tokenizer", "wordpiece")
class WordPieceTokenizer(Tokenizer):
    """Pieces of words, and Chinese characters one by one, as in BERT (arXiv 1810.04805).

    Args:
        vocab: a `vocab.txt`, one token a line, a `tokenizer.json`, or a folder with either; null learns a vocabulary
            from the training texts.
        vocab_size: how many tokens to learn where `vocab` is null.
        lowercase: whether case and accents are ignored, as in the uncased models; null for what a `tokenizer.json`, or
            the `tokenizer_config.json` beside the vocabulary, says, and else true.
    """

    def __init__(
        self,
        vocab: str | None = None,
        vocab_size: Annotated[int, Ge(100)] = 8000,
        lowercase: bool | None = None,
    ) -> None:
        super().__init__()
        self.vocab = vocab
        self.vocab_size = vocab_size
        self.lowercase = lowercase

    def learn(self, texts: Iterable[str]) -> tokenizers.Tokenizer:
        """Read the vocabulary, or learn one."""
        if not self.vocab and iter(texts) is texts:  # they can be gone through only once
            texts = list(texts)
        core = self._read(self.vocab) if self.vocab else self._core_of(self._train(texts), self.lowercase)
        core.add_special_tokens(list(SPECIAL_TOKENS))
        numbers = core.get_vocab()
        core.post_processor = processors.BertProcessing((END, numbers[END]), (START, numbers[START]))
        return core

    def _core_of(self, pieces: dict[str, int], lowercase: bool | None) -> tokenizers.Tokenizer:
        core = tokenizers.Tokenizer(models.WordPiece(pieces, unk_token=UNKNOWN))
        core.normalizer = normalizers.BertNormalizer(lowercase=lowercase is not False)
        core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        core.decoder = decoders.WordPiece()
        return core

    def _train(self, texts: Iterable[str]) -> dict[str, int]:
        """Learn the pieces, the same ones in every process, in two passes over the texts.

        The trainer numbers the characters within words as it comes upon them in a hash table, whose order is random,
        and decides ties by these numbers. As special tokens they are numbered beforehand.
        """
        core = self._core_of({}, self.lowercase)
        words = (core.pre_tokenizer.pre_tokenize_str(core.normalizer.normalize_str(text)) for text in texts)
        inner = {character for found in words for word, _ in found for character in word[1:]}
        trainer = trainers.WordPieceTrainer(
            vocab_size=self.vocab_size,
            special_tokens=[*SPECIAL_TOKENS, *(f"##{character}" for character in sorted(inner))],
            show_progress=False,
        )
        core.train_from_iterator(texts, trainer)
        return dict(sorted(core.get_vocab().items(), key=lambda item: item[1]))

    def _read(self, named: str) -> tokenizers.Tokenizer:
        path = vocabulary_file(Path(named).expanduser())
        if path is None:
            has_none = Path(named).expanduser().is_dir()
            raise UserError(f"tokenizer.vocab: {named} {'has no vocabulary file' if has_none else 'does not exist'}.")
        pieces = read_vocabulary(path, "tokenizer.vocab")
        if missing := [token for token in SPECIAL_TOKENS if token not in pieces]:
            raise UserError(f"tokenizer.vocab: {path} has no {', '.join(missing)}.")
        if path.suffix == ".json":
            return self._whole(path)
        said = lowercase_of(path, "tokenizer.vocab")
        return self._core_of(pieces, said if self.lowercase is None else self.lowercase)

    def _whole(self, path: Path) -> tokenizers.Tokenizer:
        """All that a `tokenizer.json` says, not its vocabulary alone."""
        core = read_tokenizer(path, "tokenizer.vocab")
        if not isinstance(core.model, models.WordPiece):
            kind = type(core.model).__name__
            raise UserError(f"tokenizer.vocab: {path} holds a {kind} model; tokenizer=wordpiece reads WordPiece alone.")
        core.no_padding()
        said = getattr(core.normalizer, "lowercase", None)
        if self.lowercase is not None and said is not None and said != self.lowercase:
            raise UserError(
                f"tokenizer.lowercase: is {str(self.lowercase).lower()} here and {str(said).lower()} in {path}; "
                "leave it out."
            )
        return core

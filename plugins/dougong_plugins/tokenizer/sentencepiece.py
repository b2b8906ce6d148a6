"""Tokenizer: SentencePiece's unigram model, as the English ALBERT's."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from dougong import register
from dougong.contracts.tokenizer import END, SPECIAL_TOKENS, START, UNKNOWN, Tokenizer
from dougong.data.alignment import Aligned
from dougong.errors import UserError
from dougong.pretrained.vocabulary import read_tokenizer, vocabulary_file


@register("tokenizer", "sentencepiece")
class SentencePieceTokenizer(Tokenizer):
    """The likeliest pieces of a text by a unigram model (arXiv 1804.10959), as in the English ALBERT.

    Such a model is read and not learnt: learning it gives another one each time (`tokenizer=wordpiece` learns).

    Args:
        vocab: a `tokenizer.json` with such a model, or a folder that holds one.
    """

    def __init__(self, vocab: str) -> None:
        super().__init__()
        self.vocab = vocab

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A model of single characters to try it with."""
        pieces = [(token, 0.0) for token in SPECIAL_TOKENS]
        pieces += [
            (chr(number), -5.0)
            for number in (
                0x2581,
                *range(0x21, 0x7F),
                *range(0x3001, 0x3040),
                *range(0x4E00, 0x9FA6),
                *range(0xFF01, 0xFF61),
            )
        ]
        core = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=1))
        core.normalizer = normalizers.Replace(tokenizers.Regex(r"\s"), " ")
        core.pre_tokenizer, core.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        core.save(str(folder / "tokenizer.json"))
        return {"vocab": str(folder)}

    def learn(self, texts: Iterable[str]) -> tokenizers.Tokenizer:
        """Read the model."""
        path = vocabulary_file(Path(self.vocab).expanduser())
        if path is None or path.suffix != ".json":
            raise UserError(f"tokenizer.vocab: {self.vocab} is no tokenizer.json, nor a folder with one.")
        core = read_tokenizer(path, "tokenizer.vocab")
        if not isinstance(core.model, models.Unigram):
            kind = type(core.model).__name__
            raise UserError(
                f"tokenizer.vocab: {path} holds a {kind} model; tokenizer=sentencepiece reads Unigram alone."
            )
        numbers = core.get_vocab()
        if missing := [token for token in SPECIAL_TOKENS if token not in numbers]:
            raise UserError(f"tokenizer.vocab: {path} has no {', '.join(missing)}.")
        core.no_padding()
        core.add_special_tokens(list(SPECIAL_TOKENS))
        core.post_processor = processors.BertProcessing((END, numbers[END]), (START, numbers[START]))
        return core

    def numbers(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """The token numbers of texts alone, in which what looks like a special token is an unknown one."""
        return [self._as_text(numbers) for numbers in super().numbers(texts)]

    def align(self, texts: Sequence[str]) -> list[Aligned]:
        """The tokens of texts, as `numbers` gives them, with the characters of the original that they stand for."""
        return [replace(found, numbers=self._as_text(found.numbers)) for found in super().align(texts)]

    def _as_text(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Special tokens are pieces of the model, which finds them in a text that holds their names."""
        return np.where(np.isin(numbers, self.special_ids), self.identity(UNKNOWN), numbers)

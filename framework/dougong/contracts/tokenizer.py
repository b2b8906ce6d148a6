"""The contract of a tokenizer plugin."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import tokenizers

from dougong.data.alignment import Aligned

PADDING, UNKNOWN, START, END, MASK = SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class Tokenizer(ABC):
    """Cuts text into tokens and numbers them, by a Hugging Face `tokenizers` object that the checkpoint keeps.

    Offsets of the tokens refer to the original text, whatever the normaliser changed. `supports` names what it can tell
    of its tokens beside them: "words", by `parts`, which gives of each token the number of one without its word, and
    the word.
    """

    supports: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        """A tokenizer is empty until it has learnt, or been restored."""
        self._core: tokenizers.Tokenizer | None = None

    @abstractmethod
    def learn(self, texts: Iterable[str]) -> tokenizers.Tokenizer:
        """Make the tokenizer from the texts of the training split (or from a vocabulary that is given)."""

    def fit(self, texts: Iterable[str]) -> None:
        """Learn, and be ready to encode."""
        self._core = self.learn(texts)

    def restore(self, state: str) -> None:
        """Be what `state` says, from an earlier `state()`."""
        self._core = tokenizers.Tokenizer.from_str(state)

    def state(self) -> str:
        """All there is to know, as JSON (the format of `tokenizer.json`)."""
        return str(self.core.to_str())

    @property
    def core(self) -> tokenizers.Tokenizer:
        """The `tokenizers` object."""
        assert self._core is not None, "the tokenizer has not learnt yet"
        return self._core

    @property
    def size(self) -> int:
        """How many tokens there are, special ones included."""
        return int(self.core.get_vocab_size())

    @property
    def padding_id(self) -> int:
        """The number of the padding token."""
        return self.identity(PADDING)

    def identity(self, token: str) -> int:
        """The number of a token that must exist."""
        number = self.core.token_to_id(token)
        assert number is not None, f"the vocabulary has no {token}"
        return int(number)

    def encode(
        self, texts: Sequence[str | tuple[str, str]], max_length: int | None = None
    ) -> list[tokenizers.Encoding]:
        """Encode texts, or pairs of texts, with start and end tokens; the longest is cut to `max_length` tokens."""
        if max_length is None:
            self.core.no_truncation()
        else:
            self.core.enable_truncation(max_length)
        encodings: list[tokenizers.Encoding] = self.core.encode_batch(list(texts))
        return encodings

    def numbers(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """The token numbers of texts alone: no start, no end, and what looks like a special token is text."""
        with self._plainly():
            encodings = self.core.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.asarray(encoding.ids, np.int64) for encoding in encodings]

    def align(self, texts: Sequence[str]) -> list[Aligned]:
        """The tokens of texts, as `numbers` gives them, with the characters of the original that they stand for."""
        with self._plainly():
            encodings = self.core.encode_batch(list(texts), add_special_tokens=False)
        found = []
        for encoding in encodings:
            offsets = np.asarray(encoding.offsets, np.int64).reshape(-1, 2)
            found.append(Aligned(np.asarray(encoding.ids, np.int64), offsets[:, 0], offsets[:, 1]))
        return found

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Meanwhile nothing is cut off, and what looks like a special token is text."""
        self.core.no_truncation()
        before, self.core.encode_special_tokens = self.core.encode_special_tokens, True
        try:
            yield
        finally:
            self.core.encode_special_tokens = before

    def decode(self, numbers: Sequence[int]) -> str:
        """The text of token numbers, special tokens left out."""
        return str(self.core.decode(list(numbers)))

    @property
    def special_ids(self) -> list[int]:
        """The numbers of the special tokens, in the order of `SPECIAL_TOKENS`."""
        return [self.identity(token) for token in SPECIAL_TOKENS]

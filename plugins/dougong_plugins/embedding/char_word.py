"""Embedding: characters, and the words that they are part of."""

# Shapes: B batch, N length, E embedding dimension, W word dimension.

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from annotated_types import Ge, Lt
from torch import Tensor, nn

from dougong import register
from dougong.contracts.embedding import Embedding, Inputs
from dougong.contracts.tokenizer import Tokenizer
from dougong.errors import UserError
from dougong.nn.dropout import Dropout
from dougong.registry.types import Default


@register("embedding", "char_word")
class CharWordEmbedding(Embedding):
    """A learned vector for each character plus that of its word, brought to the same size (kexue.fm/archives/6906).

    The vectors of words are learned, or come from a file and stay as they are. A word that has none counts as zeros.
    The checkpoint holds the vectors; the file is not needed again.

    Args:
        dim: numbers a vector.
        word_dim: numbers a word; null for `dim`. Vectors of a file have their own, which must be said here.
        vectors: file of word vectors in the format of word2vec, as text or, where it ends in .bin, binary, compressed
            or not (`pip install dougong[vectors]`); null for vectors that are learned.
        positions: learned vectors, or none (for encoders that know order by themselves).
        max_length: how many positions are learned.
        segments: how many parts an input may have (2 for pairs of texts); 1 learns no segment vectors.
        dropout: probability that a number is zeroed in training.
    """

    needs: ClassVar = frozenset({"words"})
    character_of: Tensor
    word_of: Tensor

    def __init__(
        self,
        tokenizer: Annotated[Tokenizer, Default("character_word")],
        dim: Annotated[int, Ge(1)] = 128,
        word_dim: Annotated[int, Ge(1)] | None = None,
        vectors: str | None = None,
        positions: Literal["learned", "none"] = "none",
        max_length: Annotated[int, Ge(1)] = 512,
        segments: Annotated[int, Ge(1)] = 1,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
    ) -> None:
        super().__init__()
        self.tokenizer, self.dim, self.segments = tokenizer, dim, segments
        self.max_length = max_length if positions == "learned" else None
        parts: list[tuple[int, str]] = tokenizer.parts()  # type: ignore[attr-defined]
        rows = {word: row for row, word in enumerate(dict.fromkeys(["", *(word for _, word in parts)]))}
        characters = [number for number, _ in parts]
        self.register_buffer("character_of", torch.tensor(characters), persistent=False)
        self.register_buffer("word_of", torch.tensor([rows[word] for _, word in parts]), persistent=False)
        self.character = nn.Embedding(max(characters) + 1, dim, padding_idx=tokenizer.padding_id)
        self.word = nn.Embedding(len(rows), word_dim or dim, padding_idx=0)
        self.project = nn.Linear(word_dim or dim, dim, bias=False)
        self.position = nn.Embedding(max_length, dim) if positions == "learned" else None
        self.segment = nn.Embedding(segments, dim) if segments > 1 else None
        self.dropout = Dropout(dropout)
        self._initialise()
        if vectors is not None:
            self._freeze(Path(vectors).expanduser(), rows)

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Short vectors."""
        return {"dim": 16, "word_dim": 12}

    def _initialise(self) -> None:
        for table in (self.character, self.word, self.position, self.segment):
            if table is not None:
                nn.init.normal_(table.weight, std=0.02)
        with torch.no_grad():
            self.character.weight[self.tokenizer.padding_id] = 0.0
            self.word.weight[0] = 0.0

    def _freeze(self, path: Path, rows: Mapping[str, int]) -> None:
        """Take the vectors of a file, which training leaves as they are."""
        self.word.weight.requires_grad_(False)
        if self.tokenizer.restored:  # type: ignore[attr-defined]
            return  # the checkpoint has them
        known = _read(path)
        if known.vector_size != self.word.embedding_dim:
            raise ValueError(f"word_dim: the vectors of {path} have {known.vector_size} numbers; say so here.")
        with torch.no_grad():
            self.word.weight.zero_()
            for word, row in rows.items():
                if word in known:
                    self.word.weight[row] = torch.from_numpy(np.array(known[word], np.float32))

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, N) tokens to (B, N, E) vectors."""
        words: Tensor = self.project(self.word(self.word_of[inputs.tokens]))
        states: Tensor = self.character(self.character_of[inputs.tokens]) + words
        if self.position is not None:
            positions = inputs.positions
            if positions is None:  # looked up, not cut off the table: `lazy` has to see what is used
                positions = torch.arange(inputs.tokens.size(1), device=inputs.tokens.device)
            states = states + self.position(positions)
        if self.segment is not None and inputs.segments is not None:
            states = states + self.segment(inputs.segments)
        dropped: Tensor = self.dropout(states)
        return dropped


def _read(path: Path) -> Any:
    """The vectors of a file, by word.

    Raises:
        UserError: there is none, it is not in the format, or what reads it is not installed.
    """
    if not path.is_file():
        raise UserError(f"embedding.vectors: {path} does not exist.")
    try:
        from gensim.models import KeyedVectors
    except ImportError as error:
        raise UserError("embedding.vectors needs gensim: pip install gensim.") from error
    try:
        return KeyedVectors.load_word2vec_format(str(path), binary=".bin" in path.suffixes)
    except (ValueError, EOFError, UnicodeDecodeError, IndexError) as error:
        raise UserError(f"embedding.vectors: {path} is not in the format of word2vec ({error}).") from error

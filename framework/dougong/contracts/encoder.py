"""The contract of an encoder plugin."""

# Shapes: B batch, N length, D hidden dimension.

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from dougong.contracts.embedding import Embedding, Inputs
from dougong.contracts.tokenizer import Tokenizer
from dougong.errors import UserError


class HuggingFaceModel(NamedTuple):
    """An encoder as a model of Transformers.

    Args:
        config: of its `config.json`.
        tensors: by the names that they have there.
        remarks: what the user should know of it, a line each.
    """

    config: dict[str, Any]
    tensors: dict[str, Tensor]
    remarks: list[str]


class Encoder(nn.Module):
    """Turns tokens into vectors of `dim` numbers that know their context.

    `needs` names what it asks of an attention ("padding", "causal", "cross"), `supports` what it can do itself:
    "causal", to keep a token from those after it, and "vectors", to take `Inputs.vectors` in place of the embedding of
    the tokens; one that does has its embedding as `embedding`.

    `completion` is for an encoder whose setting `pretrained` names weights: `module:function` of what takes from them
    the settings that nobody gave (`dougong.compose.complete`); that module should not import torch.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    supports: ClassVar[frozenset[str]] = frozenset()
    completion: ClassVar[str | None] = None
    tokenizer: Tokenizer
    embedding: Embedding
    dim: int
    max_length: int | None = None

    @property
    def segments(self) -> int:
        """How many parts of an input it tells apart: those of its embedding, where it has one of that name."""
        return int(getattr(getattr(self, "embedding", None), "segments", 1))

    @abstractmethod
    def forward(self, inputs: Inputs, causal: bool = False, memory: Any = None) -> Tensor:
        """Encode. An encoder that does not support "causal" may leave out `causal` and `memory`.

        Args:
            causal: whether a token knows only those before it.
            memory: of what was encoded before, from `memory()`; the inputs go on there, and are added to it. Their
                `positions` say where each stands.

        Returns:
            (B, N, D). What stands at padding is undefined and must not be read.
        """

    def embedded(self, inputs: Inputs) -> Tensor:
        """(B, N, E) vectors of the tokens, or those that are given in their place."""
        if inputs.vectors is not None:
            return inputs.vectors
        vectors: Tensor = self.embedding(inputs)
        return vectors

    def load_pretrained(self) -> list[str]:
        """Take the weights that its settings name, if any: called once, before a training that begins anew. A model
        that is resumed or loaded has its weights from its checkpoint.

        Returns:
            Lines for the user, of what was loaded and what was not.

        Raises:
            UserError: they can't be read, or are not those of this encoder.
        """
        return []

    def hugging_face(self) -> HuggingFaceModel:
        """This encoder as a model of Transformers.

        Raises:
            UserError: there is none that computes the same.
        """
        raise UserError(f"{type(self).__name__} has no counterpart in Transformers.")

    def memory(self, length: int) -> Any:
        """An empty memory for texts that grow token by token to `length` at most, so that a new token costs no second
        look at those before it; None where the encoder, or its attention, can't do without."""
        return None

    def pool(self, states: Tensor, padding_mask: Tensor | None) -> Tensor:
        """One vector a sequence: the mean of its states, padding left out.

        Args:
            states: (B, N, D).
            padding_mask: (B, N), True at padding.

        Returns:
            (B, D)
        """
        if padding_mask is None:
            return states.mean(1)
        kept = (~padding_mask).unsqueeze(-1).to(states.dtype)
        return (states * kept).sum(1) / kept.sum(1).clamp_min(1)

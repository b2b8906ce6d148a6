"""Encoder: any model of Transformers, with attention plugins inside."""

# Shapes: B batch, N length, D hidden dimension.

from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from dougong import register
from dougong.contracts.attention import Attention
from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder, HuggingFaceModel
from dougong.contracts.tokenizer import Tokenizer
from dougong.errors import UserError
from dougong.registry.types import PerLayer
from dougong_plugins.encoder.hugging_face.attention import (
    NAME,
    Layers,
    NotReplaceableError,
    install,
    is_causal,
    supports_causal,
)
from dougong_plugins.encoder.hugging_face.completion import pretrained_settings
from dougong_plugins.encoder.hugging_face.model import longest_input, new_model, pooled, without_pooler
from dougong_plugins.encoder.hugging_face.settings import all_of, configuration, file_settings, new_settings
from dougong_plugins.encoder.hugging_face.trial import count_attentions
from dougong_plugins.encoder.hugging_face.weights import as_hugging_face, load_pretrained


@register("encoder", "huggingface")
class HuggingFaceEncoder(Encoder):
    """A model of Hugging Face's Transformers (arXiv 1910.03771) whose layers attend by the attention that is chosen.

    Several attentions are cycled over the layers. With `attention=full` its states are those that Transformers
    computes; a causal model stays causal with any. Dropout of the weights of attention is that of the attention. A
    model whose attention can't be replaced is refused. Needs `pip install "dougong[huggingface]"`.

    Args:
        pretrained: start with these weights: a folder in the format of Hugging Face, a model's name on its hub, or a
            checkpoint of Dougong's with this encoder. The tokenizer comes with them where none is chosen.
        config: settings of the model's own: over those of `pretrained`, or, with model_type, of a model with fresh
            weights, as {model_type: bert, hidden_size: 128}; for the latter also a folder or file with config.json.
        pooling: one vector a text: the state of the first token, the mean of all, or what the model's own pooler makes.
    """

    needs = frozenset({"padding"})
    supports = frozenset({"causal"})
    completion = "dougong_plugins.encoder.hugging_face.completion:complete"

    def __init__(
        self,
        tokenizer: Tokenizer,
        attention: PerLayer[Attention],
        pretrained: str | None = None,
        config: dict[str, Any] | str = {},  # noqa: B006  (only read; a mapping's settings can be given one by one)
        pooling: Literal["cls", "mean", "pooler"] = "mean",
    ) -> None:
        super().__init__()
        _check_installed()
        install()
        self.tokenizer, self.pretrained, self.pooling = tokenizer, pretrained, pooling
        self.model = new_model(configuration(_settings(tokenizer, pretrained, config)))
        self._choose_pooler()
        self.attentions = nn.ModuleList(attention(layer) for layer in range(self._count_attentions()))
        if is_causal(self.model) and not all(map(supports_causal, self.attentions)):
            raise UserError(f"attention: {self.model.config.model_type} is causal, and one that is chosen can't be.")
        self.dim, self.max_length = int(self.model.config.hidden_size), longest_input(self.model)

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A small BERT."""
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        return {"config": {"model_type": "bert", **sizes}}

    def _choose_pooler(self) -> None:
        if self.pooling != "pooler":
            without_pooler(self.model)
        elif not isinstance(getattr(self.model, "pooler", None), nn.Module):
            raise ValueError(f"pooling: {self.model.config.model_type} has no pooler; choose cls or mean.")

    def _count_attentions(self) -> int:
        try:
            return count_attentions(self.model)
        except NotReplaceableError as error:
            key, kind = "config" if self.pretrained is None else "pretrained", self.model.config.model_type
            raise ValueError(f"{key}: the attention of {kind} can't be replaced: {error}.") from error

    def load_pretrained(self) -> list[str]:
        """Take the weights that `pretrained` names."""
        return load_pretrained(self, self.pretrained) if self.pretrained is not None else []

    def hugging_face(self) -> HuggingFaceModel:
        """The model as it is."""
        return as_hugging_face(self)

    @property
    def segments(self) -> int:
        """How many parts of an input it tells apart."""
        return int(getattr(self.model.config, "type_vocab_size", None) or 1)

    def forward(self, inputs: Inputs, causal: bool = False, memory: None = None) -> Tensor:
        """(B, N) tokens to (B, N, D) states."""
        assert inputs.positions is None, "models of Transformers number the positions themselves"
        padding = inputs.padding_mask
        given: dict[str, Any] = {NAME: Layers(self.attentions, causal)}  # type: ignore[arg-type]
        if inputs.segments is not None and self.segments > 1:
            given["token_type_ids"] = inputs.segments
        mask = None if padding is None else ~padding
        states: Tensor = self.model(input_ids=inputs.tokens, attention_mask=mask, **given).last_hidden_state
        return states

    def pool(self, states: Tensor, padding_mask: Tensor | None) -> Tensor:
        """(B, N, D) states to (B, D)."""
        if self.pooling == "pooler":
            return pooled(self.model, states)
        return states[:, 0] if self.pooling == "cls" else super().pool(states, padding_mask)


def _check_installed() -> None:
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise UserError('encoder=huggingface needs transformers: pip install "dougong[huggingface]".') from error


def _settings(tokenizer: Tokenizer, pretrained: str | None, config: Any) -> dict[str, Any]:
    if pretrained is not None:
        # Once a run has begun all are recorded, and what `pretrained` names need not be there any more.
        known = isinstance(config, dict) and "model_type" in config
        given = config if known else all_of(pretrained_settings(pretrained), config)
        # A model of ours that learnt from nothing has as many tokens as its tokenizer.
        return given if "vocab_size" in given else new_settings(given, tokenizer)
    if not config:
        raise ValueError("pretrained: give it, or config for a model with fresh weights.")
    return new_settings(file_settings(config) if isinstance(config, str) else config, tokenizer)

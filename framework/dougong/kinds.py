"""The kinds of plugin: each is a family of interchangeable parts and, by the same name, a group on the command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Kind:
    """A family of interchangeable parts.

    Args:
        name: the kind, and the config group.
        what: one line for listings.
        base: `module:Class` that its plugins derive from; a parameter annotated with it is a slot.
        several: whether several may be chosen at once, each configured under its own name.
        supplied: constructor parameters that the framework fills and no configuration names.
        settings: `module:Class` of what every plugin of the kind can be told beside its own settings, and the framework
            does itself.
        facts: class attributes that say what a plugin can do or takes, with what holds where a plugin does not say;
            compatibility is decided on them, before anything is imported.
    """

    name: str
    what: str
    base: str
    several: bool = False
    supplied: tuple[str, ...] = ()
    settings: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def base_name(self) -> str:
        """The class name that marks a slot of this kind."""
        return self.base.partition(":")[2]


_ALL = (
    Kind(
        "task",
        "head, loss, decoding and metrics; owns the encoder",
        "dougong.contracts.task:Task",
        supplied=("facts",),
        facts={
            "accepts": None,
            "main_metric": "loss",
            "needs": frozenset(),
            "streams": False,
            "supports": frozenset(),
            "takes_shards": True,
        },
    ),
    Kind(
        "encoder",
        "turns tokens into vectors that know their context",
        "dougong.contracts.encoder:Encoder",
        facts={"needs": frozenset(), "supports": frozenset()},
    ),
    Kind(
        "decoder",
        "writes a text token by token while it looks at another",
        "dougong.contracts.decoder:Decoder",
        facts={"needs": frozenset()},
    ),
    Kind(
        "embedding",
        "turns tokens into vectors",
        "dougong.contracts.embedding:Embedding",
        facts={"needs": frozenset()},
    ),
    Kind(
        "tokenizer",
        "cuts text into tokens and numbers them",
        "dougong.contracts.tokenizer:Tokenizer",
        settings="dougong.compose.settings:TokenizerSettings",
        facts={"supports": frozenset()},
    ),
    Kind(
        "attention",
        "mixes values by the similarity of queries and keys; several are cycled over the layers",
        "dougong.contracts.attention:Attention",
        several=True,
        facts={"supports": frozenset({"causal", "cross", "padding"})},
    ),
    Kind(
        "optimizer",
        "moves the weights",
        "torch.optim:Optimizer",
        supplied=("params",),
        settings="dougong.compose.settings:OptimizerSettings",
        facts={"row_separable": None, "averages_weights": False, "takes_shards": True},
    ),
    Kind(
        "wrapper",
        "a stage around the optimizer's update; several make a stack",
        "dougong.contracts.wrapper:Wrapper",
        several=True,
        facts={"place": None, "needs_row_separable": False, "replaces_weights": False},
    ),
    Kind("schedule", "the learning rate over the updates", "dougong.contracts.schedule:Schedule"),
    Kind(
        "data",
        "reads a published format into typed records",
        "dougong.contracts.data:Data",
        facts={"yields": ()},
    ),
    Kind("tracker", "records what a run measures", "dougong.contracts.tracker:Tracker", several=True),
    Kind(
        "callback",
        "watches the training and may steer it",
        "pytorch_lightning:Callback",
        several=True,
        facts={"needs": frozenset(), "takes_shards": True},
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
KIND_OF_BASE: dict[str, str] = {kind.base_name: kind.name for kind in _ALL}

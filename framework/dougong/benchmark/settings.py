"""What `dougong benchmark attention` can be told. Read without torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt

from dougong.errors import UserError, suggestion
from dougong.registry.catalogue import Catalogue
from dougong.registry.plugin import Plugin
from dougong.registry.values import fill

REFERENCE = "full"
"""What the others are compared with."""


@dataclass(frozen=True)
class AttentionSettings:
    """What is measured, and how much it may cost.

    Args:
        lengths: how long the sequences are, as [512,1024,4096].
        heads: heads of a layer.
        head_dim: numbers a head.
        batch: sequences at once.
        device: where to measure; "auto" takes a GPU where there is one.
        dtype: the number format of queries, keys and values.
        causal: whether a query sees only keys at or before its own position.
        attention: which to measure, as [local,sparse]; by default every registered one.
        rounds: how often the attentions take turns; times are medians over all rounds.
        seconds: the time budget; what would exceed it is left out.
        memory: the memory budget in GiB for one attention's pass; by default what is free.
        output: the folder for the CSV and the plot; by default a new one below outputs/.
        plugin_path: folders of plugins of your own.
    """

    lengths: tuple[Annotated[int, Ge(1)], ...] = (512, 1024, 4096)
    heads: Annotated[int, Ge(1)] = 4
    head_dim: Annotated[int, Ge(1)] = 64
    batch: Annotated[int, Ge(1)] = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["float32", "float64", "bfloat16", "float16"] = "float32"
    causal: bool = False
    attention: tuple[str, ...] | None = None
    rounds: Annotated[int, Ge(1)] = 5
    seconds: Annotated[float, Gt(0)] = 120.0
    memory: Annotated[float, Gt(0)] | None = None
    output: str | None = None
    plugin_path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contender:
    """An attention with its settings, or with the reason why it can't be measured."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def contenders(
    chosen: Sequence[str] | None, given: Mapping[str, dict[str, Any]], causal: bool, catalogue: Catalogue
) -> list[Contender]:
    """The attentions to measure, the reference first.

    Args:
        chosen: their names; None for every registered one, of which those that can't be measured get a reason.
        given: settings, by name.
        causal: whether they have to be able to do causal attention.

    Raises:
        UserError: a name or a setting is wrong, or what was chosen can't do what is asked.
    """
    names = list(dict.fromkeys(catalogue.names("attention") if chosen is None else chosen))
    for name in given:
        if name not in names:
            raise UserError(f"attention.{name}: there is no such attention here. {suggestion(name, names)}")
    plugins = [catalogue.get("attention", name) for name in names]
    found = [_contender(plugin, given.get(plugin.name, {}), causal) for plugin in plugins]
    for contender in found:
        if contender.problem and (chosen is not None or contender.name in given):
            raise UserError(contender.problem)
    return sorted(found, key=lambda contender: contender.name != REFERENCE)


def _contender(plugin: Plugin, given: dict[str, Any], causal: bool) -> Contender:
    """One attention; what is wrong with it is its `problem`."""
    if plugin.problem:
        return Contender(plugin.name, problem=f"{plugin.key} can't be used: {plugin.problem}")
    try:
        if causal and "causal" not in plugin.fact("supports"):
            return Contender(plugin.name, problem=f"attention={plugin.name} can't do causal attention.")
        return Contender(plugin.name, fill(plugin.signature, given, f"attention.{plugin.name}"))
    except UserError as error:
        return Contender(plugin.name, problem=str(error))

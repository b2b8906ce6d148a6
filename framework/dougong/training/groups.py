"""Which parameters are trained, and with what learning rate and weight decay: the optimizer's parameter groups."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from dougong.compose.settings import GroupSettings, OptimizerSettings
from dougong.contracts.embedding import Embedding
from dougong.errors import UserError
from dougong.registry.plugin import class_signature
from dougong.registry.values import fill

SPARED = (nn.Embedding, nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)
NO_SETTINGS = OptimizerSettings()


@dataclass(frozen=True)
class _Treatment:
    """What one parameter group has of its own; a `weight_decay` of None is the optimizer's."""

    lr_scale: float
    weight_decay: float | None

    def group(self, parameters: list[nn.Parameter]) -> dict[str, Any]:
        """The group as PyTorch's optimizers take it."""
        group: dict[str, Any] = {"params": parameters}
        if self.weight_decay is not None:
            group["weight_decay"] = self.weight_decay
        if self.lr_scale != 1:
            group["lr_scale"] = self.lr_scale
        return group


def optimizer_settings(node: dict[str, Any]) -> OptimizerSettings:
    """What the optimizer's node of a configuration says of groups."""
    known = {setting.name for setting in class_signature(OptimizerSettings).settings}
    given = {name: value for name, value in node.items() if name in known}
    return OptimizerSettings(**fill(class_signature(OptimizerSettings), given, "optimizer"))


def freeze(model: nn.Module, settings: OptimizerSettings) -> None:
    """Let what is to be frozen take no gradient.

    Raises:
        UserError: a pattern matches nothing, has no effect, or nothing is left to train.
    """
    for parameter, entry in chosen(model, settings).items():
        if entry.freeze is not None:
            parameter.requires_grad_(not entry.freeze)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError("optimizer.groups: they freeze the whole model; leave something to train.")


class Thaw:
    """Has parameters take no gradient for the first updates.

    Args:
        model: what they are of.
        settings: which, and for how long.
        updates: how many there will be in all.
    """

    def __init__(self, model: nn.Module, settings: OptimizerSettings, updates: int) -> None:
        self._ends: dict[nn.Parameter, int] = {}
        for parameter, entry in chosen(model, settings).items():
            if entry.freeze_until is not None and not entry.freeze and parameter.requires_grad:
                self._ends[parameter] = round(entry.freeze_until * (updates if entry.freeze_until < 1 else 1))

    def at(self, update: int) -> None:
        """Freeze and thaw as it is to be for this update."""
        for parameter, end in self._ends.items():
            parameter.requires_grad_(update >= end)

    def __contains__(self, parameter: Any) -> bool:
        """Whether it is trained sooner or later."""
        return parameter in self._ends


def chosen(model: nn.Module, settings: OptimizerSettings) -> dict[nn.Parameter, GroupSettings]:
    """What the patterns say of each parameter that one matches; the later pattern wins, setting by setting.

    Raises:
        UserError: a pattern matches nothing, or later ones leave it no effect.
    """
    found: dict[nn.Parameter, dict[str, tuple[str, Any]]] = {}
    for pattern, entry in settings.groups.items():
        said = {item.name: (pattern, getattr(entry, item.name)) for item in fields(entry)}
        for parameter in matching(model, pattern):
            found.setdefault(parameter, {}).update({name: said[name] for name in said if said[name][1] is not None})
    effective = {pattern for entries in found.values() for pattern, _ in entries.values()}
    for pattern in settings.groups:
        if pattern not in effective:
            raise UserError(f"optimizer.groups.{pattern}: has no effect; patterns after it say otherwise for the same.")
    return {
        parameter: GroupSettings(**{name: value for name, (_, value) in entries.items()})
        for parameter, entries in found.items()
    }


def matching(model: nn.Module, pattern: str) -> list[nn.Parameter]:
    """The parameters that a pattern matches: one or more whole parts of the dotted name, with `*` and `?` as in file
    names. A tied parameter is matched by each of its names.

    Raises:
        UserError: there are none.
    """
    named = list(model.named_parameters(remove_duplicate=False))
    found = {parameter: None for name, parameter in named if fnmatchcase(f".{name}.", f"*.{pattern}.*")}
    if not found:
        names = [name for name, _ in named]
        parts = {part: None for name in names for part in name.split(".") if not part.isdigit()}
        close = get_close_matches(pattern, [*parts, *names], 3, 0.5)
        hint = f" Did you mean {' or '.join(f'`{name}`' for name in close)}?" if close else ""
        raise UserError(
            f"optimizer.groups.{pattern}: matches no parameter.{hint} Parts of their names: {', '.join(parts)}."
        )
    return list(found)


def parameter_groups(
    model: nn.Module, decay: str = "matrices", settings: OptimizerSettings = NO_SETTINGS
) -> list[dict[str, Any]]:
    """The parameters to train, in groups of one learning rate and weight decay.

    With `decay` "matrices" biases, the weights of normalisation and embeddings are spared from weight decay, as in the
    training of BERT: pulling those towards zero regularises nothing. A group whose learning rate is not the
    optimizer's says what times it is, as `lr_scale`.
    """
    entries, layers = chosen(model, settings), layer_scales(model, settings.layer_decay)
    spared = set(_spared(model)) if decay == "matrices" else set()
    groups: dict[_Treatment, list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if not parameter.requires_grad:
            continue
        entry = entries.get(parameter, GroupSettings())
        scale = layers.get(parameter, 1.0) * (1.0 if entry.lr_scale is None else entry.lr_scale)
        otherwise = 0.0 if parameter in spared else None
        weight_decay = otherwise if entry.weight_decay is None else entry.weight_decay
        groups.setdefault(_Treatment(scale, weight_decay), []).append(parameter)
    order = sorted(groups, key=lambda item: (item.lr_scale != 1, item.weight_decay is not None))
    return [item.group(groups[item]) for item in order]


def _spared(model: nn.Module) -> Iterator[nn.Parameter]:
    """What has no need of weight decay. A tied weight, found both as an embedding and as a matrix, is an embedding."""
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.ndim < 2 or isinstance(module, SPARED):
                yield parameter


def layer_scales(model: nn.Module, layer_decay: float | None) -> dict[nn.Parameter, float]:
    """The learning rate's factor by depth (arXiv 2003.10555): 1 for what follows the encoder's layers, `layer_decay`
    less for each layer down, and once more for what comes before the first, the embedding say.

    The layers are the members of the encoder's largest `nn.ModuleList`; the rest of the encoder comes before or after
    them in the order in which it is registered.

    Raises:
        UserError: the encoder has no layers, or they share weights.
    """
    if layer_decay is None:
        return {}
    encoder = getattr(model, "encoder", model)
    stacks = [module for module in encoder.modules() if isinstance(module, nn.ModuleList) and len(module)]
    if not stacks:
        raise UserError(f"optimizer.layer_decay: {type(encoder).__name__} has no layers (nn.ModuleList) to tell apart.")
    stack = max(stacks, key=lambda item: sum(parameter.numel() for parameter in item.parameters()))
    inside = {parameter: number for number, layer in enumerate(stack) for parameter in layer.parameters()}
    if len(inside) < sum(len(list(layer.parameters())) for layer in stack):
        raise UserError("optimizer.layer_decay: the layers share their weights, so none can learn slower than another.")
    embeddings = [item for module in encoder.modules() if isinstance(module, Embedding) for item in module.parameters()]
    scales, before = {}, True
    for parameter in encoder.parameters():
        before = before and parameter not in inside
        below = len(stack) - inside[parameter] if parameter in inside else len(stack) + 1 if before else 0
        scales[parameter] = layer_decay**below
    return scales | dict.fromkeys(embeddings, layer_decay ** (len(stack) + 1))


def scale_rates(optimizer: torch.optim.Optimizer) -> None:
    """Multiply each group's learning rate by its `lr_scale`; the schedule multiplies the product.

    Raises:
        UserError: the optimizer has no learning rate to multiply.
    """
    for group in optimizer.param_groups:
        if "lr_scale" in group:
            if group.get("lr") is None:
                raise UserError("optimizer.groups: lr_scale needs a learning rate to multiply; set optimizer.lr.")
            group["lr"] = group["lr"] * group["lr_scale"]

"""Checks what `optimizer.groups` says, as far as that can be without the model."""

from collections.abc import Mapping
from typing import Any

from dougong.errors import UserError
from dougong.registry.plugin import Plugin


def check_groups(optimizer: Plugin, groups: Mapping[str, Mapping[str, Any]]) -> None:
    """Whether every entry says something that this optimizer can do.

    Raises:
        UserError: one says nothing, speaks of frozen parameters as if they moved, or of what the optimizer has not.
    """
    for pattern, entry in groups.items():
        key, said = f"optimizer.groups.{pattern}", [name for name, value in entry.items() if value is not None]
        if not said:
            raise UserError(f"{key}: says nothing. Known: {', '.join(entry)}.")
        if entry["freeze"] and len(said) > 1:
            raise UserError(f"{key}: is frozen, so that {' and '.join(set(said) - {'freeze'})} would do nothing.")
        if "weight_decay" in said and optimizer.signature.setting("weight_decay") is None:
            raise UserError(f"{key}.weight_decay: optimizer={optimizer.name} has no weight decay.")

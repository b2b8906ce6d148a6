"""An optimizer's update, applied to tensors that are not its parameters."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.optim import SGD, Adadelta, Adagrad, Adam, Adamax, NAdam, Optimizer, RAdam, RMSprop, Rprop

_SEPARABLE = (SGD, Adadelta, Adagrad, Adam, Adamax, NAdam, RAdam, RMSprop, Rprop)


def separable(core: Optimizer) -> str | None:
    """Why rows of a matrix can't be updated one by one; None where they can.

    A class says so with `row_separable`; PyTorch's own are known.
    """
    says = getattr(type(core), "row_separable", None)
    if says or (says is None and isinstance(core, _SEPARABLE)):
        return None
    name = type(core).__name__
    if says is None:
        return f"{name} does not say whether its rows are independent (`row_separable = True`)."
    return f"what {name} does to a row depends on the other rows."


def update_apart(
    core: Optimizer, group: dict[str, Any], tensors: Sequence[Tensor], states: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Let an optimizer update tensors that are not its own, with the settings of one of its groups.

    Args:
        group: whose settings hold.
        tensors: to be moved; each has a `grad`.
        states: the optimizer's state of each; an empty one is filled as at a first update.

    Returns:
        the states afterwards.
    """
    own_groups, own_state = core.param_groups, core.state
    core.param_groups = [{**group, "params": list(tensors)}]
    core.state = defaultdict(dict, zip(tensors, states, strict=True))
    try:
        _step_without_hooks(core)
        return [core.state[tensor] for tensor in tensors]
    finally:
        core.param_groups, core.state = own_groups, own_state


def _step_without_hooks(core: Optimizer) -> None:
    """Hooks are for updates; this is a part of one."""
    step = type(core).step
    (step.__wrapped__ if getattr(step, "hooked", False) else step)(core)  # type: ignore[attr-defined]

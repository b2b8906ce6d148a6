"""An optimizer whose state keeps its own types."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

NARROW = (torch.float16, torch.bfloat16)


class StatefulOptimizer(torch.optim.Optimizer):
    """An optimizer whose `load_state_dict` gives each tensor of the state back in the type that it was saved in.

    PyTorch casts all of the state to the type of its parameter, which would round moments in float32 to a parameter's
    16 bits.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` gave, in its types, on the devices of the parameters."""
        loaded: list[dict[str, Any]] = []

        def look(_: torch.optim.Optimizer, final: dict[str, Any]) -> None:
            loaded.append(final)

        hook = self.register_load_state_dict_pre_hook(look)  # after the user's own hooks, which may replace it
        try:
            super().load_state_dict(state_dict)
        finally:
            hook.remove()
        numbers = [number for group in loaded[0]["param_groups"] for number in group["params"]]
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        for number, parameter in zip(numbers, parameters, strict=True):
            for name, value in loaded[0]["state"].get(number, {}).items():
                now = self.state[parameter][name]
                if isinstance(value, Tensor) and value.dtype != now.dtype:
                    self.state[parameter][name] = value.to(now.device, copy=True)


def evaluate(closure: Callable[[], Any] | None) -> Any:
    """The loss that a closure computes anew, as PyTorch's optimizers take one."""
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()


def state_dtype(parameter: Tensor) -> torch.dtype:
    """The type of a parameter's moments: float32 for parameters of 16 bits, whose slow averages would not move."""
    return torch.float32 if parameter.dtype in NARROW else parameter.dtype


def dense_gradient(parameter: Tensor, name: str) -> Tensor:
    """The gradient of a parameter.

    Raises:
        ValueError: it is sparse, or complex.
    """
    gradient = parameter.grad
    assert gradient is not None
    if gradient.is_sparse:
        raise ValueError(f"{name} takes no sparse gradients; make the embedding with sparse=False.")
    if gradient.is_complex():
        raise ValueError(f"{name} takes no complex parameters.")
    return gradient


def is_sharded(tensor: Tensor) -> bool:
    """Whether a tensor is spread over processes (a DTensor, as FSDP makes them)."""
    return hasattr(tensor, "to_local")


def check_settings(**settings: float | None) -> None:
    """Refuse what is negative, infinite or not a number, as a constructor is also called without the framework.

    Raises:
        ValueError: names the setting.
    """
    for name, value in settings.items():
        if value is not None and not 0 <= float(value) < float("inf"):
            raise ValueError(f"{name}: must be >= 0 and finite, got {float(value)}.")

"""Putting updates of low rank into a network, and adding them to its weights for good; both by peft."""

import re
import warnings
from collections.abc import Callable
from typing import Any

from torch import nn

from dougong.errors import UserError
from dougong_plugins.callback.low_rank.targets import Targets

NEEDS = 'callback=lora needs peft: pip install "dougong[huggingface]".'


def inject(network: nn.Module, targets: Targets, rank: int, alpha: float, dropout: float) -> None:
    """Freeze the network, and give each target an update of its own, which is zero at first.

    A layer that stands in several places goes on being one layer.

    Raises:
        UserError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
        from peft.tuners.lora import LoraLayer
    except ImportError as error:
        raise UserError(NEEDS) from error
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type]
        lora_dropout=dropout,
        target_modules="|".join(map(re.escape, targets.layers)) if targets.layers else [],
        target_parameters=targets.parameters or None,
    )
    with warnings.catch_warnings():
        # GPT-2's linear layers have their matrices the other way round, which peft finds out and warns of.
        warnings.filterwarnings("ignore", ".*fan_in_fan_out.*")
        inject_adapter_in_model(config, network)
    made = {module.get_base_layer(): module for module in reversed(_all(network, LoraLayer))}
    _exchange(network, lambda module: made.get(module, module), lambda parent: not isinstance(parent, LoraLayer))
    for layer in made:
        if isinstance(layer, nn.RNNBase):
            _use_changed_weights(layer)


def merge(network: nn.Module) -> None:
    """Add the updates to the weights, and leave the network as it was before `inject`."""
    from peft.tuners.lora import LoraLayer

    plain: dict[nn.Module, nn.Module] = {}

    def merged(module: nn.Module) -> nn.Module:
        if not isinstance(module, LoraLayer):
            return module
        layer: Any = module
        while module not in plain and isinstance(layer, LoraLayer):
            layer.merge(safe_merge=True)
            layer = layer.base_layer  # one more, where several matrices of a module have updates
        return plain.setdefault(module, layer)

    _exchange(network, merged, lambda parent: not isinstance(parent, LoraLayer))
    network.requires_grad_(True)
    for layer in plain.values():
        if isinstance(layer, nn.RNNBase):
            _use_own_weights(layer)


def _all(network: nn.Module, kind: type) -> list[Any]:
    return [module for module in network.modules() if isinstance(module, kind)]


def _exchange(network: nn.Module, of: Callable[[nn.Module], nn.Module], within: Callable[[nn.Module], bool]) -> None:
    """Put another module in place of each, wherever it stands."""
    for parent in [module for module in network.modules() if within(module)]:
        for name, child in list(parent._modules.items()):
            if child is not None and of(child) is not child:
                parent._modules[name] = of(child)


def _use_changed_weights(layer: nn.RNNBase) -> None:
    """PyTorch's recurrent layers keep a list of their weights, and would compute with what is in there."""

    def refresh(module: Any, _: Any) -> None:
        module._flat_weights = [getattr(module, name) for name in module._flat_weights_names]

    layer._low_rank_hook = layer.register_forward_pre_hook(refresh)


def _use_own_weights(layer: Any) -> None:
    layer._low_rank_hook.remove()
    del layer._low_rank_hook
    layer._flat_weights = [getattr(layer, name) for name in layer._flat_weights_names]

"""A model whose parameters are spread over the processes, each holding a part (PyTorch's FSDP2)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, Shard, distribute_tensor
from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

from dougong.checkpoint.spread import SpreadTensor
from dougong.errors import UserError
from dougong.training.processes import group


def shard(model: nn.Module, device: str) -> None:
    """Spread the parameters: those of each layer together, so that only one layer's are ever whole, and the rest.

    The layers are the members of the lists of modules (`nn.ModuleList`).

    Raises:
        UserError: layers share weights.
    """
    mesh = init_device_mesh(device, (group.world(),))
    layers = _layers(model)
    for layer in layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)  # losses are sums, and divided once an update
            module.set_force_sum_reduction_for_comms(True)  # a sum that is scaled on its way is unknown to gloo


def _layers(model: nn.Module) -> list[nn.Module]:
    """The layers, each once; not those within another, since it is whole while they are."""
    found: dict[nn.Module, None] = {}
    inside: set[nn.Module] = set()
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and module not in inside:
            found |= dict.fromkeys(module)
            inside |= {part for layer in module for part in layer.modules()}
    layers = [layer for layer in found if any(True for _ in layer.parameters())]
    owned = [{id(item) for item in layer.parameters()} for layer in layers]
    if len(set().union(*owned)) < sum(map(len, owned)):
        raise UserError("trainer.strategy: fsdp can't spread layers that share weights; take ddp.")
    return layers


def is_sharded(model: nn.Module) -> bool:
    """Whether the parameters are spread over processes."""
    return any(isinstance(item, DTensor) for item in model.parameters())


def whole(tensor: Tensor) -> Tensor:
    """A tensor with the parts of all processes, which all have to ask for it."""
    if not isinstance(tensor, DTensor):
        return tensor
    found: Tensor = tensor.full_tensor()
    return found


def consolidated(tree: Any) -> Any:
    """Nested containers with every spread tensor whole, and on the CPU, in the first process; empty in the others."""
    if isinstance(tree, DTensor):
        found = whole(tree.detach())
        return found.cpu() if group.rank() == 0 else found.new_empty(0)
    if isinstance(tree, Mapping):
        return {key: consolidated(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(consolidated(item) for item in tree)
    return tree


def taken_apart(tree: Any, mine: list[Tensor]) -> Any:
    """Nested containers with tensors without data in place of those that are spread by rows.

    Args:
        mine: gets this process's rows of each of these, on the CPU.
    """
    if isinstance(tree, DTensor) and tree.placements == (Shard(0),):
        rows: Tensor = tree.detach().to_local()  # type: ignore[attr-defined]
        mine.append(_compact(rows))
        return torch.empty(tree.shape, dtype=tree.dtype, device="meta")
    if isinstance(tree, Mapping):
        return {key: taken_apart(value, mine) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(taken_apart(item, mine) for item in tree)
    return consolidated(tree)


def _compact(rows: Tensor) -> Tensor:
    """On the CPU, and in memory that holds nothing else, since all of that would be saved."""
    found = rows.cpu().contiguous()
    return found.clone() if found.untyped_storage().nbytes() > found.nbytes else found


def spread_like(tensor: Any, pattern: Any) -> Any:
    """A whole tensor, that every process has, or one that lies in parts, spread as another is."""
    if not isinstance(pattern, DTensor) or isinstance(tensor, DTensor):
        return tensor.whole() if isinstance(tensor, SpreadTensor) else tensor
    if isinstance(tensor, SpreadTensor):
        if pattern.placements == (Shard(0),) and pattern.shape == tensor.shape:
            return _rows_like(tensor, pattern)
        tensor = tensor.whole()
    moved = tensor.to(pattern.device)
    return distribute_tensor(moved, pattern.device_mesh, pattern.placements, src_data_rank=None)


def _rows_like(tensor: SpreadTensor, pattern: DTensor) -> DTensor:
    """The rows that are this process's, and no others."""
    shape, start = compute_local_shape_and_global_offset(pattern.shape, pattern.device_mesh, pattern.placements)
    rows = tensor.rows(start[0], start[0] + shape[0]).to(pattern.device)
    return DTensor.from_local(
        rows, pattern.device_mesh, pattern.placements, shape=pattern.shape, stride=pattern.stride()
    )


def spread_weights(state: Mapping[str, Any], model: nn.Module) -> dict[str, Any]:
    """The entries that are called as parameters of a model are, spread as those."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    return {name: spread_like(value, parameters.get(name)) for name, value in state.items()}


def load_weights(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load weights that are whole, or lie in parts, into a model that may be spread."""
    model.load_state_dict(spread_weights(state, model))


def spread_optimizer_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    """An optimizer's state with tensors spread as the optimizer itself would have them."""
    from torch.distributed.checkpoint.state_dict import _init_optim_state

    _init_optim_state(optimizer)  # by an update that changes nothing
    pattern = optimizer.state_dict()["state"]
    return {**state, "state": {key: _spread(value, pattern.get(key)) for key, value in state["state"].items()}}


def _spread(value: Any, pattern: Any) -> Any:
    if isinstance(value, Mapping):
        known = pattern if isinstance(pattern, Mapping) else {}
        return {key: _spread(item, known.get(key)) for key, item in value.items()}
    return spread_like(value, pattern)

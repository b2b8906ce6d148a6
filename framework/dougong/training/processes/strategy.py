"""What Lightning is told of several processes."""

from typing import Any

import torch
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor, distributed

from dougong.training.processes import group
from dougong.training.processes.place import place


class Together(SingleDeviceStrategy):
    """One device a process, and the processes as they are. Gradients are not its business: `TrainingModule` adds them.

    Args:
        device: of this process.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__(device=device)
        self.global_rank = group.rank()
        self.local_rank = place().local_rank
        self.world_size = group.world()

    @property
    def is_global_zero(self) -> bool:
        """Whether this process writes."""
        return self.global_rank == 0

    def barrier(self, *args: Any, **kwargs: Any) -> None:
        """Wait for all."""
        group.barrier()

    def broadcast(self, obj: Any, src: int = 0) -> Any:
        """What process `src` has."""
        found = [obj]
        distributed.broadcast_object_list(found, src)
        return found[0]

    def reduce(self, tensor: Any, group: Any | None = None, reduce_op: Any = "mean", *args: Any, **kwargs: Any) -> Any:
        """The mean, or the sum, over the processes."""
        if not isinstance(tensor, Tensor):
            return tensor
        total = tensor.detach().clone()
        distributed.all_reduce(total, group=group)
        return total if reduce_op in ("sum", distributed.ReduceOp.SUM) else total / self.world_size

    def all_gather(self, tensor: Tensor, group: Any | None = None, sync_grads: bool = False) -> Tensor:
        """What each process has, stacked."""
        found = [torch.empty_like(tensor) for _ in range(self.world_size)]
        distributed.all_gather(found, tensor.detach().contiguous(), group=group)
        return torch.stack(found)

"""The processes of one training: what they tell each other. In a single process each of these does nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed

from dougong.training.processes.place import RENDEZVOUS, place

Value = TypeVar("Value")

# Who started the processes ends them all when one dies, so that nobody waits for it; and a large corpus may take one
# process hours to encode while the others wait.
PATIENCE = timedelta(hours=24)


def join() -> None:
    """Meet the other processes, where there are any."""
    here = place()
    if here.world == 1 or distributed.is_initialized():
        return
    on_gpu = torch.cuda.is_available() and distributed.is_nccl_available()
    if on_gpu:
        torch.cuda.set_device(here.local_rank % torch.cuda.device_count())
    path = os.environ.get(RENDEZVOUS)
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
        init_method="env://" if path is None else f"file://{path}",
        rank=here.rank,
        world_size=here.world,
        timeout=PATIENCE,
    )


def leave() -> None:
    """Part from them."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def rank() -> int:
    """The number of this process."""
    return distributed.get_rank() if together() else 0


def world() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if together() else 1


def together() -> bool:
    """Whether this process is in a group, if only of one."""
    return distributed.is_available() and distributed.is_initialized()


def barrier() -> None:
    """Wait for all."""
    if world() > 1:
        any_of(False)


def any_of(flag: bool) -> bool:
    """Whether it holds in any process."""
    if world() == 1:
        return flag
    found = torch.tensor([flag], dtype=torch.uint8)
    distributed.all_reduce(found, distributed.ReduceOp.MAX)
    return bool(found.item())


def totals(*values: float) -> list[float]:
    """Each of these, added over all processes."""
    if world() == 1:
        return list(values)
    found = torch.tensor(values, dtype=torch.float64)
    distributed.all_reduce(found)
    numbers: list[float] = found.tolist()
    return numbers


def everyone(value: Value) -> list[Value]:
    """What each process has, in their order."""
    if world() == 1:
        return [value]
    found: list[Any] = [None] * world()
    distributed.all_gather_object(found, value)
    return found


def at_first(value: Value) -> list[Value]:
    """What each process has, in the first process; nothing in the others."""
    if world() == 1:
        return [value]
    found: list[Any] | None = [None] * world() if rank() == 0 else None
    distributed.gather_object(value, found)
    return found or []


def from_first(value: Value) -> Value:
    """What the first process has."""
    if world() == 1:
        return value
    found = [value]
    distributed.broadcast_object_list(found)
    return found[0]


@contextmanager
def first_alone() -> Iterator[None]:
    """The first process goes through this before the others do: it writes what they read."""
    if rank() > 0:
        barrier()
    yield
    if rank() == 0:
        barrier()

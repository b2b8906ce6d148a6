"""Which of several processes this is, as the environment says. Needs no torch."""

import os
from dataclasses import dataclass

RENDEZVOUS = "DOUGONG_RENDEZVOUS"
"""Names the file by which processes of one machine find each other; absent where torchrun started them."""


@dataclass(frozen=True)
class Place:
    """One of `world` processes.

    Args:
        rank, world: its number and how many there are.
        local_rank, local_world: the same among those of this machine.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1

    @property
    def first(self) -> bool:
        """Whether it is the one that writes and speaks."""
        return self.rank == 0

    def environment(self) -> dict[str, str]:
        """The variables that say so, as torchrun sets them."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        return dict(zip(names, map(str, (self.rank, self.world, self.local_rank, self.local_world)), strict=True))


def place() -> Place:
    """Where this process stands; the only one where nothing is said."""
    names = {"rank": "RANK", "world": "WORLD_SIZE", "local_rank": "LOCAL_RANK", "local_world": "LOCAL_WORLD_SIZE"}
    if not all(os.environ.get(name, "").isdigit() for name in names.values()):
        return Place()
    return Place(**{field: int(os.environ[name]) for field, name in names.items()})


def under_torchrun() -> bool:
    """Whether others than us started several processes."""
    return place().world > 1 and RENDEZVOUS not in os.environ

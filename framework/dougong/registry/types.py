"""Annotations that a plugin's constructor may use beside Python's own."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

Part = TypeVar("Part", covariant=True)


class PerLayer(Protocol[Part]):
    """A slot that is filled once a layer: `attention: PerLayer[Attention]` gets a function from layer number to part.

    What is made more than once otherwise (a decoder for each direction, say) is numbered likewise. Several chosen
    plugins are cycled: with `attention=[local,atrous]` layer 0 is local, 1 atrous, 2 local, ...
    """

    def __call__(self, layer: int) -> Part:
        """A new part for this layer, with weights of its own."""


@dataclass(frozen=True)
class Default:
    """What fills a slot when nothing is chosen: `embedding: Annotated[Embedding, Default("char_word")]`."""

    choice: str

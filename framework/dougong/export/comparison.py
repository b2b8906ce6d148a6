"""Whether another way to compute a network gives the same numbers."""

from collections.abc import Callable, Sequence

from torch import Tensor

from dougong.contracts.task import Batch
from dougong.errors import UserError
from dougong.registry.plugin import reason

TOLERANCE = 1e-4
"""By how much a program may differ from the network, of the largest number that is compared, or of 1."""

Case = tuple[Batch, Batch]
"""Inputs, with the outputs of the network."""

Run = Callable[[Batch], Batch]


def agree(cases: Sequence[Case], run: Run) -> float:
    """By how much a way to run a program differs from the network at most.

    Raises:
        UserError: by more than `TOLERANCE`, or it does not run at the size of a case.
    """
    for inputs, _ in cases:
        try:
            run(inputs)
        except Exception as error:  # a runtime has errors of its own
            sizes = {name: tuple(value.shape) for name, value in inputs.items()}
            raise UserError(f"to: the program does not run at the sizes {sizes} ({short(error)}).") from error
    worst = furthest(cases, run)
    if not worst <= TOLERANCE:
        raise UserError(f"to: the program's numbers differ from the network's by {worst:.2g}; at most {TOLERANCE}.")
    return worst


def furthest(cases: Sequence[Case], run: Run) -> float:
    """The greatest difference of all outputs of all cases."""
    found = ((run(inputs), outputs) for inputs, outputs in cases)
    return max(difference(given[name], outputs[name]) for given, outputs in found for name in outputs)


def difference(found: Tensor, expected: Tensor) -> float:
    """The greatest difference, of the largest finite number, or of 1; what is infinite has to be so in both."""
    if found.shape != expected.shape:
        return float("inf")
    found, expected = found.double(), expected.double()
    apart = (found - expected).abs()
    apart[(found == expected) | (found.isnan() & expected.isnan())] = 0.0
    sizes = expected.abs()
    finite = sizes[sizes.isfinite()]
    largest = max(1.0, float(finite.max())) if finite.numel() else 1.0
    return float(apart.max()) / largest if apart.numel() else 0.0


def short(error: Exception) -> str:
    """An error of somebody else's, in a line that can be read."""
    return reason(error)[:160]

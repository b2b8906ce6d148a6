"""Given tensors into a model, with an account of every one that was not simply copied."""

# Shapes: any.

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from dougong.errors import UserError

SHOWN = 12


@dataclass
class Account:
    """What became of tensors that were given.

    Args:
        taken: names that were given and have found their place.
        missing: names that were looked for and not found.
        unexpected: names that were found and have no place.
        misshapen: names of ours with the shape that was given and that which was needed.
        cut: names of ours with the rows that were given and those that were kept.
        left: names that were expected to be of no use (heads of the pretraining).
    """

    taken: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def problem(self) -> str | None:
        """Why the tensors must not be used, with the names; None where all is well."""
        found = (("missing", self.missing), ("of another shape", self.misshapen), ("of no use", self.unexpected))
        said = [f"{len(names)} {what} ({listed(names)})" for what, names in found if names]
        return "; ".join(said) or None

    def lines(self) -> list[str]:
        """What the user should know."""
        lines = [f"{len(self.taken):,} tensors taken; none missing, none unexpected"]
        lines += [f"{len(self.cut)} cut: {listed(self.cut)}"] if self.cut else []
        lines += (
            [f"{len(self.left)} left out, of the pretraining's own heads: {listed(self.left)}"] if self.left else []
        )
        return lines


def place(
    model: nn.Module,
    given: Mapping[str, Tensor],
    names: Mapping[str, Sequence[str]],
    left: Sequence[str] = (),
    may_cut: Collection[str] = (),
) -> Account:
    """Copy tensors into a model; nothing is copied where the account has a problem.

    Args:
        given: tensors by their own names.
        names: for each tensor of the model, the given ones that it is of, one after the other in its first dimension.
        left: names that have no place and need none, of tensors that were given or kept back.
        may_cut: tensors of the model that take the first rows of a longer one.
    """
    state = model.state_dict()
    account = Account(left=list(left))
    found: dict[str, Tensor] = {}
    for name, sources in names.items():
        absent = [source for source in sources if source not in given]
        account.missing += [source for source in absent if source not in account.missing]
        if not absent:
            found[name] = torch.cat([given[source] for source in sources]) if len(sources) > 1 else given[sources[0]]
    for name, tensor in found.items():
        wanted = state[name].shape
        if name in may_cut and tensor.shape[1:] == wanted[1:] and len(tensor) > len(state[name]):
            account.cut.append(f"{name} {len(tensor):,} -> {len(state[name]):,} rows")
        elif tensor.shape != wanted:
            account.misshapen.append(f"{name} {tuple(tensor.shape)}, here {tuple(wanted)}")
    used = {source for sources in names.values() for source in sources}
    account.unexpected = sorted(set(given) - used - set(left))
    if account.problem() is None:
        with torch.no_grad():
            for name, tensor in found.items():
                state[name].copy_(tensor[: len(state[name])])
        account.taken = sorted(used)
    return account


def fits(account: Account, where: str) -> Account:
    """The account, of tensors that could all be placed.

    Raises:
        UserError: they could not.
    """
    if problem := account.problem():
        raise UserError(f"{where} does not fit this encoder: {problem}.")
    return account


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more

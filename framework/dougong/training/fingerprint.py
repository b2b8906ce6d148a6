"""Whether the data of a run that is resumed is what the run began with."""

from collections.abc import Mapping

from dougong.errors import UserError

ACCEPT = "on_changed_data=accept"


def check_unchanged(before: Mapping[str, str] | None, now: Mapping[str, str], accept: bool) -> None:
    """Compare fingerprints, as `Data.fingerprint` gives them.

    Args:
        before: None where it was not recorded.
        accept: whether other data is all right.

    Raises:
        UserError: it is other data.
    """
    if before is None or accept or before == now:
        return
    changes = [
        *(f"{name} has changed" for name in before if name in now and before[name] != now[name]),
        *(f"{name} is gone" for name in before if name not in now),
        *(f"{name} is new" for name in now if name not in before),
    ]
    more = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
    raise UserError(
        f"data: {changes[0]} since the run began{more}; a resumed run would not be the one that it was. Put back what "
        f"was there, or go on all the same with {ACCEPT} behind resume=..."
    )

"""Updates that are left out, since their gradients are not finite."""

import logging
from typing import Any

from pytorch_lightning import Callback

from dougong.errors import UserError

logger = logging.getLogger(__name__)


class SkippedUpdateError(Exception):
    """Ends an optimizer's step before it has changed anything."""


class SkippedUpdates(Callback):
    """Counts them.

    Args:
        most: how many there may be in a row.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.total = 0
        self.in_a_row = 0

    def skip(self, what: str, advice: str) -> None:
        """Count one more.

        Args:
            what: why it is left out, and where.
            advice: what the user may try.

        Raises:
            UserError: it is one too many.
        """
        if self.in_a_row >= self.most:
            before = f", as were the {self.in_a_row} before it" if self.in_a_row else ""
            raise UserError(f"{what}{before}; {advice}")
        self.in_a_row += 1
        self.total += 1
        logger.warning("%s; this update is left out (%d in a row, %d in all)", what, self.in_a_row, self.total)

    def made(self) -> None:
        """An update is made."""
        self.in_a_row = 0

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run goes on with."""
        return {"total": self.total, "in_a_row": self.in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was taken."""
        self.total, self.in_a_row = state_dict["total"], state_dict["in_a_row"]

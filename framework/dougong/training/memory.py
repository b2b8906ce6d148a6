"""When memory runs out: which batch it was, and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from dougong.contracts.task import Batch
from dougong.errors import UserError

# What PyTorch's allocators on a CPU say; that of a GPU has an error class.
_SAID = ("can't allocate memory", "not enough memory", "Cannot allocate memory")


class BatchInMemory:
    """Remembers what is being computed, to name it where memory does not suffice."""

    def __init__(self) -> None:
        self._batch: Batch = {}
        self._what = ""

    def now(self, what: str, batch: Batch) -> None:
        """From now on it is this: "update 3", "the validation", ..."""
        self._what, self._batch = what, batch

    @contextmanager
    def told_of(self) -> Iterator[None]:
        """Within, memory that runs out is an error of one line.

        Raises:
            UserError: it did.
        """
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error) or not self._batch:
                raise
            raise UserError(self._message()) from error

    def _message(self) -> str:
        examples = len(self._batch["index"])
        tokens = self._batch.get("tokens")
        longest = tokens.shape[-1] if tokens is not None else 1
        size = f"{examples} examples" + (f" of {longest} tokens" if tokens is not None else "")
        fewer = f"loader.batch_tokens={max(longest, examples * longest // 2)}, say" if tokens is not None else ""
        return (
            f"loader: out of memory in {self._what}, with a batch of {size}; give less at once, by "
            f"{fewer or 'a smaller loader.batch_size'} (with trainer.accumulate_grad_batches=2 an update is as large)."
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of the machine or of a GPU, does not suffice."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in _SAID)

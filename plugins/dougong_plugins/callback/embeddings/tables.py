"""Which tables hold the vectors of tokens."""

from fnmatch import fnmatchcase

from torch import nn

from dougong.contracts.task import Task
from dougong.errors import UserError, suggestion
from dougong.nn.token_table import token_table


def token_tables(task: Task, pattern: str | None, key: str) -> dict[str, nn.Embedding]:
    """Embeddings of a task's encoder, by name.

    Args:
        pattern: one or more whole parts of the dotted name, with `*` and `?`; None for the one with a row a token, or
            all of them where there is none, as the characters and words of `char_word`.
        key: of the callback, for messages.

    Raises:
        UserError: there is none.
    """
    known = {name: module for name, module in task.encoder.named_modules() if isinstance(module, nn.Embedding)}
    if pattern is not None:
        found = {name: table for name, table in known.items() if fnmatchcase(f".{name}.", f"*.{pattern}.*")}
        if not found:
            raise UserError(f"{key}.tables: {pattern} matches no embedding. {suggestion(pattern, known, 'There are')}")
        return found
    table = token_table(task.encoder, task.encoder.tokenizer.size)
    if table is not None:
        return {name: item for name, item in known.items() if item is table}
    if not known:
        raise UserError(f"{key}: this encoder has no embedding.")
    return known

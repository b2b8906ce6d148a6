"""Marks what torch.compile need not trace."""

from typing import Any, TypeVar

Function = TypeVar("Function")


def constant_in_graphs(function: Function) -> Function:
    """Have torch.compile call `function` while it traces, and keep the result.

    `torch.compiler.assume_constant_result` sets the same mark, but imports the whole compiler first, which takes longer
    than the rest of PyTorch; every model with attention would wait for that.
    """
    marked: Any = function
    marked._dynamo_marked_constant = True
    return function

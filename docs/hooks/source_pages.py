"""Classes and functions as Markdown, read from their source: nothing is imported for it, torch least of all."""

import ast
import importlib.util
from functools import cache
from pathlib import Path

from markup import docstring


@cache
def _tree(module: str) -> ast.Module:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _named(module: str, name: str) -> ast.ClassDef | ast.FunctionDef:
    for node in _tree(module).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return node
    raise LookupError(f"{module} has no {name}")


def class_text(module: str, name: str, level: int = 3) -> str:
    """A class: its docstring, then each public method with its signature and docstring."""
    node = _named(module, name)
    parts = [f"`{module}.{name}`", docstring(ast.get_docstring(node))]
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_") and ast.get_docstring(method):
            parts.append(_function(method, f"{name.lower()}-{method.name}", level, method.name))
    return "\n\n".join(parts)


def function_text(module: str, name: str, level: int = 2) -> str:
    """A function of a module, under its public name."""
    node = _named(module, name)
    assert isinstance(node, ast.FunctionDef)
    return _function(node, name, level, f"dougong.{name}")


def _function(node: ast.FunctionDef, anchor: str, level: int, title: str) -> str:
    decorators = {ast.unparse(item) for item in node.decorator_list}
    marks = [word for word, found in (("property", "property"), ("abstract", "abstractmethod")) if found in decorators]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    signature = f"{node.name}({_arguments(node.args)}){returns}"
    note = f" ({', '.join(marks)})" if marks else ""
    heading = f"{'#' * level} {title}{note} {{ #{anchor} }}"
    return f"{heading}\n\n```python\n{signature}\n```\n\n{docstring(ast.get_docstring(node))}"


def _arguments(arguments: ast.arguments) -> str:
    text = ast.unparse(arguments)
    if len(text) < 72:
        return text
    return "\n    " + text.replace(", ", ",\n    ").replace("[\n    ", "[") + ",\n"

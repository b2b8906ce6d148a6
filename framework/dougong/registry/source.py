"""Reading plugins from source text, so that listing and composing import neither them nor torch."""

import ast
import dataclasses
import enum
import importlib.util
import re
import sys
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import annotated_types

from dougong.kinds import KINDS
from dougong.registry.signature import REQUIRED, Signature, describe
from dougong.registry.types import Default, PerLayer

_DECORATED = re.compile(r"^@(?:\w+\.)*register\(\s*[\"']([^\"']+)[\"']\s*,\s*[\"']([^\"']+)[\"']\s*\)", re.MULTILINE)

# Stand-ins for the base classes, which would import torch.
_MARKERS = {kind.base_name: type(kind.base_name, (), {"__dougong_kind__": kind.name}) for kind in KINDS.values()}

_NAMES: dict[str, Any] = {
    **{name: getattr(typing, name) for name in ("Annotated", "Any", "Literal", "Optional", "Union")},
    **{name: getattr(annotated_types, name) for name in ("Ge", "Gt", "Le", "Lt", "Interval", "MinLen", "MaxLen")},
    **_MARKERS,
    "PerLayer": PerLayer,
    "Default": Default,
    "Enum": enum.Enum,
    "StrEnum": enum.StrEnum,
    "dataclass": dataclasses.dataclass,
    "field": dataclasses.field,
    "enum": enum,
    "dataclasses": dataclasses,
    "typing": typing,
    "annotated_types": annotated_types,
}


class NotReadableError(Exception):
    """The source says it in a way that only importing can tell."""


@dataclass
class SourceFile:
    """One Python file, parsed when it is first asked about."""

    path: Path

    @cached_property
    def text(self) -> str:
        """The file's text."""
        return self.path.read_text(encoding="utf-8")

    def declared(self) -> Iterator[tuple[str, str, int]]:
        """(kind, name, line) of each `@register("kind", "name")` that stands at the left margin."""
        for match in _DECORATED.finditer(self.text):
            yield match[1], match[2], self.text.count("\n", 0, match.start()) + 1

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file.

        Raises:
            SyntaxError: it is not Python.
        """
        return ast.parse(self.text, str(self.path))

    @cached_property
    def missing_import(self) -> str | None:
        """A package that the file can't do without, and that is not installed."""
        for node in self.tree.body:
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or ""]
            else:
                continue
            for module in modules:
                if not self._is_there(module.partition(".")[0]):
                    return module.partition(".")[0]
        return None

    def _is_there(self, package: str) -> bool:
        beside = self.path.parent / package
        return beside.is_dir() or beside.with_suffix(".py").is_file() or is_installed(package)

    def class_at(self, line: int) -> ast.ClassDef:
        """The class whose decorator stands on that line."""
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and any(item.lineno == line for item in node.decorator_list):
                return node
        raise NotReadableError(f"{self.path}:{line}: @register is not on a class at the top level of the file")

    @cached_property
    def _namespace(self) -> dict[str, Any]:
        """What annotations may name: Python's types, the kinds, and enums and dataclasses of this very file."""
        namespace = dict(_NAMES)
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and _is_plain(node):
                try:
                    exec(compile(ast.Module([node], []), str(self.path), "exec"), namespace)
                except Exception:  # then only importing the file can tell
                    continue
        return namespace

    def signature(self, node: ast.ClassDef, supplied: tuple[str, ...]) -> Signature:
        """What the class's constructor takes.

        Raises:
            NotReadableError: a default or an annotation is not a literal, or the constructor is inherited.
        """
        init = next((item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"), None)
        if init is None:
            if derives_from_contract(node):
                return Signature()
            raise NotReadableError(f"{node.name} inherits its constructor")
        doc = "\n".join(filter(None, (ast.get_docstring(node), ast.get_docstring(init))))
        return describe(self._parameters(init, supplied), supplied, doc)

    def _parameters(self, init: ast.FunctionDef, supplied: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
        arguments = init.args
        if arguments.vararg or arguments.kwarg:
            raise NotReadableError("the constructor takes any arguments")
        positional = (arguments.posonlyargs + arguments.args)[1:]
        missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
        pairs = [
            *zip(positional, missing + list(arguments.defaults), strict=False),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        for argument, default in pairs:
            if argument.arg not in supplied:
                yield argument.arg, self._evaluate(argument.annotation), self._default(default)

    def _evaluate(self, node: ast.expr | None) -> Any:
        if node is None:
            raise NotReadableError("a parameter has no annotation")
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node = ast.parse(node.value, mode="eval").body
        try:
            return eval(compile(ast.Expression(node), str(self.path), "eval"), self._namespace)
        except Exception as error:
            raise NotReadableError(str(error)) from error

    def _default(self, node: ast.expr | None) -> Any:
        if node is None:
            return REQUIRED
        try:
            return ast.literal_eval(node)
        except ValueError:
            return self._evaluate(node)

    def fact(self, node: ast.ClassDef, name: str) -> Any:
        """A class attribute: a literal, or the names that it mentions (a record type, a tuple of them).

        Raises:
            NotReadableError: the class does not set it itself.
        """
        for item in node.body:
            targets = item.targets if isinstance(item, ast.Assign) else [getattr(item, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                value = getattr(item, "value", None)
                if value is not None:
                    return _literal_or_names(value)
        raise NotReadableError(f"{node.name} does not set {name} itself")


@cache
def is_installed(package: str) -> bool:
    """Whether a top-level package can be imported, without importing it."""
    if package in sys.modules or package in sys.stdlib_module_names:
        return True
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def derives_from_contract(node: ast.ClassDef) -> bool:
    """Whether a class has no base but those of the kinds, so that what it does not say itself is their default."""
    return all(isinstance(base, ast.Name) and base.id in _MARKERS for base in node.bases)


def inherits_no_facts(node: ast.ClassDef) -> bool:
    """Whether the bases are those of the kinds or PyTorch's own, which say nothing of compatibility."""
    bases = [ast.unparse(base) for base in node.bases]
    return all(base in _MARKERS or base.startswith("torch.") for base in bases)


def _is_plain(node: ast.ClassDef) -> bool:
    """Whether a class is an enum or a dataclass, which a setting may have as its type."""
    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    decorators = {ast.unparse(item).partition("(")[0].rpartition(".")[2] for item in node.decorator_list}
    return bool(bases & {"Enum", "StrEnum"}) or "dataclass" in decorators


def _literal_or_names(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "frozenset":
        return frozenset(_literal_or_names(node.args[0])) if node.args else frozenset()
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_literal_or_names(item) for item in node.elts)
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise NotReadableError(str(error)) from error

"""One plugin: where it comes from, what it takes, and its class once somebody asks for it."""

import ast
import dataclasses
import importlib
import importlib.util
import inspect
import sys
import typing
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from dougong.errors import UserError
from dougong.kinds import KINDS
from dougong.registry.decorator import registered
from dougong.registry.signature import Setting, Signature, describe
from dougong.registry.source import NotReadableError, SourceFile, inherits_no_facts


@dataclass
class Plugin:
    """A registered class, known before it is imported.

    Args:
        origin: "built-in", the folder, "DISTRIBUTION VERSION", or "this process".
        module: what to import it by; None for a file of a local folder.
        source: the file that declares it; None if it was registered at run time.
        clash: why the name can't be used, where two plugins bear it.
        unmet: what the distribution that it comes from needs and lacks.
    """

    kind: str
    name: str
    origin: str
    line: int = 0
    module: str | None = None
    source: SourceFile | None = None
    clash: str | None = None
    unmet: str | None = None
    _class: type | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """`kind/name`."""
        return f"{self.kind}/{self.name}"

    @property
    def location(self) -> str:
        """`file:line`, or the module for a plugin without a file."""
        return f"{self.source.path}:{self.line}" if self.source else str(self.module)

    def load(self) -> type:
        """The plugin's class, imported now.

        Raises:
            UserError: two plugins have this name, its distribution lacks something, or its file does not import.
        """
        if self.clash:
            raise UserError(self.clash)
        if self.unmet:
            raise UserError(f"{self.key} can't be used: {self.unmet}")
        if self._class is None:
            try:
                self._import()
                self._class = registered[self.kind, self.name]
            except UserError:
                raise
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt | MemoryError):
                    raise
                raise UserError(f"{self.key} does not import ({self.location}): {reason(error)}") from error
        return self._class

    def _import(self) -> ModuleType:
        if self.module:
            return importlib.import_module(self.module)
        assert self.source is not None
        return import_file(self.source.path)

    @cached_property
    def _node(self) -> Any:
        assert self.source is not None
        return self.source.class_at(self.line)

    @cached_property
    def problem(self) -> str | None:
        """Why this plugin can't be used, as far as its text tells; None if it looks sound."""
        if self.clash or self.unmet:
            return self.clash or self.unmet
        try:
            if self.source:
                _ = self._node
                if self._class is None and self.source.missing_import:
                    return f"{self.source.path} imports {self.source.missing_import}, which is not installed"
        except SyntaxError as error:
            return f"{self.source.path if self.source else ''}:{error.lineno}: {error.msg}"
        except NotReadableError as error:
            return str(error)
        return None

    @cached_property
    def doc(self) -> str:
        """The class's docstring, dedented."""
        if self._class is None and self.source and not self.problem:
            return ast.get_docstring(self._node) or ""
        return inspect.cleandoc(self._class.__doc__ or "") if self._class else ""

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.doc.partition("\n")[0]

    @cached_property
    def signature(self) -> Signature:
        """Settings and slots, from the source where it is plain, else from the imported class."""
        supplied = KINDS[self.kind].supplied
        if self.problem:
            raise UserError(f"{self.key} can't be used: {self.problem}")
        if self._class is None and self.source:
            try:
                return self.source.signature(self._node, supplied)
            except NotReadableError:
                pass
        return class_signature(self.load(), supplied)

    @cached_property
    def schema(self) -> Signature:
        """The signature with what every plugin of this kind can be told: what a configuration may say of it.

        Raises:
            UserError: the plugin can't be used.
        """
        own, shared = self.signature, _shared_settings(self.kind)
        for setting in shared:
            if own.setting(setting.name):
                clash = f"its setting `{setting.name}` bears the name of one that every {self.kind} has; rename it."
                raise UserError(f"{self.key} can't be used: {clash}")
        return Signature((*own.settings, *shared), own.slots)

    def own(self, node: dict[str, Any]) -> dict[str, Any]:
        """What a configuration's node says to the constructor: all but the name, and what the framework does itself."""
        known = {"name", *(setting.name for setting in self.schema.settings)}
        known -= {setting.name for setting in self.signature.settings}
        return {name: value for name, value in node.items() if name not in known}

    def fact(self, name: str) -> Any:
        """A class attribute, of those that decide compatibility or another; classes in it are given by name."""
        if self._class is None and self.source and not self.problem:
            try:
                return self.source.fact(self._node, name)
            except NotReadableError:
                if inherits_no_facts(self._node):
                    return KINDS[self.kind].facts.get(name)
        return _by_name(getattr(self.load(), name, KINDS[self.kind].facts.get(name)))


@cache
def _shared_settings(kind: str) -> tuple[Setting, ...]:
    """The settings that every plugin of a kind has."""
    address = KINDS[kind].settings
    if address is None:
        return ()
    module, _, name = address.partition(":")
    return class_signature(getattr(importlib.import_module(module), name)).settings


def class_signature(plugin: type, supplied: tuple[str, ...] = ()) -> Signature:
    """Settings and slots of an imported class (also of a plain dataclass of settings)."""
    init = plugin.__init__  # type: ignore[misc]
    if init is object.__init__ or not inspect.isfunction(init):
        return Signature()
    hints = get_type_hints(init, include_extras=True)
    made = {
        item.name: item.default_factory()
        for item in (dataclasses.fields(plugin) if dataclasses.is_dataclass(plugin) else ())
        if item.default_factory is not dataclasses.MISSING
    }
    parameters = [
        (name, hints.get(name, typing.Any), made.get(name, parameter.default))
        for name, parameter in list(inspect.signature(init).parameters.items())[1:]
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    # A constructor that is inherited is explained where it is written.
    owner = next(base for base in plugin.__mro__ if "__init__" in vars(base))
    documents = "\n".join(inspect.cleandoc(item.__doc__ or "") for item in dict.fromkeys((plugin, init, owner)))
    return describe(parameters, supplied, documents)


def import_file(path: Path) -> ModuleType:
    """Import a file of a local plugin folder under a name that can't collide with a package."""
    name = "dougong_local_" + "".join(
        letter if letter.isalnum() else "_" for letter in str(path.resolve().with_suffix(""))
    )
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.parent)
    sys.path.insert(0, folder)  # so that a plugin may import a helper that lies beside it
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(folder)
    return module


def reason(error: BaseException) -> str:
    """An exception in one line."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _by_name(value: Any) -> Any:
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, tuple | list | set | frozenset):
        return type(value)(_by_name(item) for item in value)
    return value

"""What every plugin promises, of whatever kind."""

from dataclasses import replace
from typing import Any

from dougong.compose.config_source import plain
from dougong.kinds import KINDS
from dougong.registry.plugin import Plugin
from dougong.registry.signature import REQUIRED
from dougong.registry.wording import describe_type
from dougong.testing.check import check, skip
from dougong.testing.subject import Subject, base_class


@check
def contract(subject: Subject) -> None:
    """It derives from the base class of its kind, and implements all of it."""
    base = base_class(subject.kind)
    assert issubclass(subject.cls, base), f"{subject.cls.__name__} does not derive from {KINDS[subject.kind].base}"
    missing = sorted(getattr(subject.cls, "__abstractmethods__", ()))
    assert not missing, f"it does not implement {', '.join(missing)}"


@check
def documentation(subject: Subject) -> None:
    """`dougong plugins show` can say what it is, and what each of its settings means."""
    assert subject.plugin.summary, "the class has no docstring"
    for setting in subject.plugin.signature.settings:
        assert setting.help, f"the setting `{setting.name}` is not explained under `Args:` of the docstring"


@check
def reading(subject: Subject) -> None:
    """Its settings, slots and facts are the same, read from its source and asked of its class."""
    plugin = subject.plugin
    if plugin.source is None:
        skip("it was registered at run time, and has no file")
    read, imported = replace(plugin, _class=None), replace(plugin, source=None, _class=subject.cls)
    assert _outline(read) == _outline(imported), f"read {_outline(read)}, and the class has {_outline(imported)}"
    for fact in KINDS[plugin.kind].facts:
        said, found = read.fact(fact), imported.fact(fact)
        assert said == found, f"`{fact}` reads {said!r}, and the class has {found!r}"


def _outline(plugin: Plugin) -> dict[str, Any]:
    settings = {
        item.name: (describe_type(item.type), "required" if item.default is REQUIRED else plain(item.default))
        for item in plugin.signature.settings
    }
    return {**settings, **{slot.name: f"a slot for {slot.kind}" for slot in plugin.signature.slots}}

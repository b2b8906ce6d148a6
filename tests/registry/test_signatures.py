"""What is read from a plugin's source is what its class says."""

import pytest

from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue
from dougong.registry.plugin import Plugin, class_signature

BUILT_IN = pytest.mark.parametrize("plugin", [pytest.param(item, id=item.key) for item in Catalogue()])


@BUILT_IN
def test_settings_and_slots_read_from_source_are_those_of_the_class(plugin: Plugin):
    supplied = KINDS[plugin.kind].supplied
    assert plugin.source is not None
    read = plugin.source.signature(plugin._node, supplied)
    imported = class_signature(plugin.load(), supplied)
    assert read.settings == imported.settings
    assert read.slots == imported.slots


@BUILT_IN
def test_facts_read_from_source_are_those_of_the_class(plugin: Plugin):
    fresh = Plugin(plugin.kind, plugin.name, plugin.origin, plugin.line, plugin.module, plugin.source)
    for name in KINDS[plugin.kind].facts:
        read = fresh.fact(name)
        assert fresh._class is None, f"{name} was read by importing"
        value = getattr(plugin.load(), name, KINDS[plugin.kind].facts[name])
        named = value.__name__ if isinstance(value, type) else value
        named = tuple(item.__name__ for item in value) if isinstance(value, tuple) else named
        assert read == named


@BUILT_IN
def test_every_setting_says_what_it_means(plugin: Plugin):
    assert plugin.summary.endswith((".", ":"))
    assert all(setting.help for setting in plugin.signature.settings)


def test_an_inherited_constructor_is_explained_where_it_is_written():
    class Base:
        """A base.

        Args:
            size: how large.
        """

        def __init__(self, size: int = 1) -> None:
            self.size = size

    class Plain(Base):
        """One that says nothing of its settings."""

    class Other(Base):
        """One that says something else.

        Args:
            size: how small.
        """

    assert [class_signature(item).settings[0].help for item in (Plain, Other)] == ["how large.", "how small."]

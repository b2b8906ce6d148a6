"""Where plugins are found, and that finding one imports nothing."""

import json
import os
from pathlib import Path

import pytest

from dougong.errors import UserError
from dougong.registry.catalogue import Catalogue, catalogue

PLUGIN = """
from pathlib import Path

Path(__file__).with_suffix(".imported").touch()

from dougong import register
from dougong.contracts.schedule import Schedule


@register("schedule", "NAME")
class Mine(Schedule):
    '''A schedule of NAME.'''

    def __init__(self, height: float = 2.0) -> None:
        self.height = height

    def factor(self, update: int, updates: int) -> float:
        return self.height
"""


def named(name: str) -> str:
    return PLUGIN.replace("NAME", name)


def marks(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.imported")]


def distribution(write, package: str, target: str) -> Path:
    """A folder that looks like site-packages with one installed distribution."""
    write(f"site/{package}-1.2.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    return write(f"site/{package}-1.2.dist-info/entry_points.txt", f"[dougong.plugins]\nmine = {target}\n").parents[1]


def test_a_folder_is_searched_with_all_folders_below_it(write):
    deep = write("mine/schedules/steep.py", named("steep"))
    found = Catalogue([deep.parents[1]]).get("schedule", "steep")
    assert found.origin == str(deep.parents[1])
    assert found.location.startswith(str(deep))
    assert found.summary == "A schedule of steep."
    assert found.signature.setting("height").default == 2.0


def test_a_single_file_may_be_named_instead_of_a_folder(write):
    assert Catalogue([write("steep.py", named("steep"))]).find("schedule", "steep")


def test_the_environment_names_several_folders(write, monkeypatch):
    folders = [write(f"{name}/it.py", named(name)).parent for name in ("one", "two")]
    monkeypatch.setenv("DOUGONG_PLUGINS", os.pathsep.join(map(str, folders)))
    assert {"one", "two", "constant"} <= set(catalogue().names("schedule"))


@pytest.mark.parametrize("variable", [True, False])
def test_a_folder_that_is_missing_is_named_with_who_named_it(variable, monkeypatch, tmp_path):
    missing = tmp_path / "missing"
    if variable:
        monkeypatch.setenv("DOUGONG_PLUGINS", str(missing))
    with pytest.raises(UserError, match=f"^{'DOUGONG_PLUGINS' if variable else 'plugin_path'}: {missing} does not"):
        Catalogue([] if variable else [missing])


def test_nothing_is_imported_until_it_is_used(write):
    folder = write("mine/steep.py", named("steep")).parent
    write("mine/flat.py", named("flat"))
    plugins = Catalogue([folder])
    assert all(plugin.summary and plugin.signature for plugin in plugins if plugin.origin == str(folder))
    assert marks(folder) == []
    assert plugins.get("schedule", "steep").load()(height=3.0).factor(0, 1) == 3.0
    assert marks(folder) == ["steep.imported"]


def test_listing_showing_and_composing_import_no_plugin(write, command):
    folder = write("mine/steep.py", named("steep")).parent
    where = f"plugin_path={folder}"
    assert "A schedule of steep." in command("plugins", where).done()
    # Without --json the curve is drawn, which takes the schedule itself.
    assert "height" in command("plugins", "show", "schedule/steep", "--json", where).done()
    assert "name: steep" in command("train", "schedule=steep", where, "--cfg", "job").done()
    assert command("train", "schedule=steep", "schedule.hight=3", where).refused()
    assert marks(folder) == []


@pytest.mark.parametrize("layout", ["module", "package", "subpackage"])
def test_an_installed_package_is_found_by_its_entry_point_unimported(layout, write, without_torch):
    name, target = {
        "module": ("site/theirs.py", "theirs"),
        "package": ("site/theirs/steep.py", "theirs"),
        "subpackage": ("site/theirs/plugins/steep.py", "theirs.plugins"),
    }[layout]
    write(name, named("steep"))
    if layout != "module":
        write("site/theirs/__init__.py", "raise ImportError('imported')")
    if layout == "subpackage":
        write("site/theirs/plugins/__init__.py", "raise ImportError('imported')")
    site = distribution(write, "theirs", target)
    paths = os.pathsep.join((*without_torch.paths, str(site)))
    rows = json.loads(without_torch("plugins", "schedule", "--json", PYTHONPATH=paths).done())
    assert {"theirs 1.2"} == {row["origin"] for row in rows if row["name"] == "steep"}
    assert "name: steep" in without_torch("train", "schedule=steep", "--cfg", "job", PYTHONPATH=paths).done()
    assert marks(site) == []


def test_an_installed_package_is_imported_by_its_own_name(write, monkeypatch):
    write("site/theirs_now/__init__.py", "")
    write("site/theirs_now/steep.py", named("steep"))
    monkeypatch.syspath_prepend(str(distribution(write, "theirs_now", "theirs_now")))
    assert Catalogue().get("schedule", "steep").load().__module__ == "theirs_now.steep"


def test_an_entry_point_to_a_package_that_is_gone_breaks_nothing(write, without_torch):
    site = distribution(write, "gone", "gone.plugins")
    paths = os.pathsep.join((*without_torch.paths, str(site)))
    assert "constant" in without_torch("plugins", "schedule", PYTHONPATH=paths).done()


def test_a_plugin_may_import_a_helper_that_lies_beside_it(write):
    write("mine/helper_of_steep.py", "HEIGHT = 5.0\n")
    path = write("mine/steep.py", named("steep").replace("= 2.0", "= HEIGHT"))
    path.write_text("from helper_of_steep import HEIGHT\n" + path.read_text())
    found = Catalogue([path.parent]).get("schedule", "steep")
    assert found.problem is None
    assert found.signature.setting("height").default == 5.0


def test_an_inherited_constructor_is_learnt_by_importing(write):
    path = write(
        "mine/late.py",
        """
        from dougong import register
        from dougong_plugins.schedule.linear_warmup import LinearWarmup


        @register("schedule", "late")
        class Late(LinearWarmup):
            '''Late.'''
        """,
    )
    names = [setting.name for setting in Catalogue([path.parent]).get("schedule", "late").signature.settings]
    assert names == ["warmup", "final"]


def test_files_that_register_nothing_are_not_even_parsed(write):
    folder = write("mine/notes.py", "this is { not Python").parent
    (folder / "latin.py").write_bytes(b"# caf\xe9\n")
    assert not [plugin for plugin in Catalogue([folder]) if plugin.origin == str(folder)]

"""The package as users install it: a wheel, and an editable checkout."""

import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from environments import install, make, run

pytest.importorskip("hatchling", reason="hatchling builds the package; `pip install hatchling editables` to run these")
pytest.importorskip("editables", reason="hatchling needs `editables` for an editable install")

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]
TINY = ["encoder.layers=1", "embedding.dim=32", "data.size=50", "data.valid_size=20", "data.test_size=20"]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the package is made of."""
    target = tmp_path_factory.mktemp("checkout") / "dougong"
    target.mkdir()
    for name in ("framework", "plugins", "conf"):
        shutil.copytree(CHECKOUT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(CHECKOUT / name, target / name)
    return target


@pytest.fixture(scope="module")
def wheel(copy: Path) -> Path:
    """The wheel, built from a copy."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", copy.parent / "dist", cwd=copy)
    (found,) = (copy.parent / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment in which the wheel is installed."""
    programs = make(tmp_path_factory.mktemp("installed") / "venv")
    install(programs, wheel)
    return programs


def files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_both_packages_and_the_configs_and_nothing_else(wheel, copy):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == (
        files(copy / "framework") | files(copy / "plugins") | {f"dougong/conf/{name}" for name in files(copy / "conf")}
    )
    assert {"dougong/py.typed", "dougong_plugins/py.typed"} <= held


def test_the_wheel_trains_from_an_empty_directory(installed, tmp_path):
    run(installed / "dougong", "train", "trainer=debug", "tracker=csv", *TINY, cwd=tmp_path)
    (metrics,) = tmp_path.glob("outputs/*/*/metrics.csv")
    assert "train/loss" in metrics.read_text()


def test_the_wheel_lists_the_built_in_plugins_from_where_it_is_installed(installed, tmp_path):
    text = run(installed / "dougong", "plugins", cwd=tmp_path)
    assert all(name in text for name in ("classification", "transformer", "full", "adamw", "toy", "built-in"))
    shown = run(installed / "dougong", "plugins", "show", "attention/full", cwd=tmp_path)
    assert str(installed.parent) in shown


def test_the_wheel_is_not_misled_by_folders_of_its_names(installed, tmp_path):
    for name in ("conf", "plugins", "framework"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError\n")
    assert "built-in" in run(installed / "dougong", "plugins", cwd=tmp_path)


def test_an_edit_in_the_configs_of_an_editable_install_is_seen_at_once(copy, tmp_path):
    programs = make(tmp_path / "venv")
    install(programs, "--editable", copy)
    ask = (programs / "dougong", "train", "trainer=mine", "--cfg", "job")
    preset = copy / "conf" / "trainer" / "mine.yaml"
    for epochs in (7, 8):
        preset.write_text(f"max_epochs: {epochs}\n")
        assert f"max_epochs: {epochs}\n" in run(*ask, cwd=tmp_path)
    preset.unlink()

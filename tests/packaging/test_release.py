"""What a release says of itself is true: versions of Python, files of the sdist, the citation."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest
import yaml

import dougong

CHECKOUT = Path(__file__).parents[2]
REFUSED, TAKEN = ("3.10",), ("3.11", "3.12", "3.13")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wheel and sdist, as `python -m hatchling build` makes them."""
    pytest.importorskip("hatchling", reason="hatchling builds the package")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def metadata(built: Path) -> Message:
    """What the wheel says of itself."""
    (wheel,) = built.glob("*.whl")
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    return message_from_string(archive.read(name).decode())


def interpreter(version: str) -> str:
    """A Python of that version, on the path or of pyenv; the test is skipped where there is none."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [str(path) for path in sorted(root.glob(f"{version}.*/bin/python"))] or [shutil.which(f"python{version}")]
    if not found[0]:
        pytest.skip(f"there is no Python {version} here")
    return found[0]


def test_the_classifiers_are_the_versions_of_python_that_are_taken(metadata):
    assert metadata["Requires-Python"] == f">={TAKEN[0]}"
    named = [item.rpartition(" ")[2] for item in metadata.get_all("Classifier", []) if "Python :: 3." in item]
    assert tuple(named) == TAKEN


@pytest.mark.parametrize("version", TAKEN)
def test_every_file_is_of_the_language_of_each_version(version):
    program = "import sys; [compile(open(path, encoding='utf-8').read(), path, 'exec') for path in sys.argv[1:]]"
    files = [str(path) for part in ("framework", "plugins") for path in sorted((CHECKOUT / part).rglob("*.py"))]
    files = [path for path in files if "/templates/" not in path]
    run = subprocess.run([interpreter(version), "-c", program, *files], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
@pytest.mark.parametrize("version", [*REFUSED, *TAKEN])
def test_pip_takes_the_wheel_where_it_may_and_says_why_elsewhere(version, built):
    (wheel,) = built.glob("*.whl")
    words = ["install", "--dry-run", "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)]
    run = subprocess.run([interpreter(version), "-m", "pip", *words], capture_output=True, text=True)
    if version in TAKEN:
        assert run.returncode == 0, run.stderr
        assert f"Would install dougong-{dougong.__version__}" in run.stdout
    else:
        assert run.returncode != 0
        assert "requires a different Python" in run.stderr


def test_the_sdist_has_what_it_takes_to_test_and_to_build_the_site(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "CITATION.cff",
        "README.zh.md",
        "mkdocs.yml",
        "docs/hooks/reference.py",
        "tests/conftest.py",
        "LICENSE",
    ):
        assert name in names


def test_the_citation_is_of_this_version():
    said = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(said)
    assert said["version"] == dougong.__version__
    assert said["license"] == "Apache-2.0"


def test_the_lowest_versions_are_those_of_the_dependencies():
    run = subprocess.run([sys.executable, CHECKOUT / ".ci" / "lowest"], capture_output=True, text=True, check=True)
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[<>=]", item)[0] for item in project["dependencies"]]
    assert [line.partition("==")[0] for line in run.stdout.splitlines()] == names
    assert "hydra-core==1.3.8" in run.stdout.splitlines()

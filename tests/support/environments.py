"""Virtual environments of a test's own, in which something is installed as users install it, offline."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path


def attempt(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command without any help from PYTHONPATH."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """The output of a command that must succeed."""
    done = attempt(*command, cwd=cwd, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make(folder: Path) -> Path:
    """A new virtual environment that has the dependencies, and no Dougong; returns its programs' folder."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # A path entry of the dependencies, but not the .pth files there, one of which may be Dougong's own.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def install(programs: Path, *what: str | Path) -> None:
    """Install wheels, or editable checkouts, and nothing that they depend on."""
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed")
    run(programs / "python", *pip, *what, cwd=programs)


def wheel(project: Path, target: Path) -> Path:
    """The wheel of a project, built into a folder as `pip wheel` builds it."""
    pip = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir")
    run(sys.executable, *pip, target, project, cwd=project)
    (found,) = target.glob("*.whl")
    return found

"""What the tests share: the real command line, also where torch can't be imported, and files of a test's own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest
from browser import chromium  # noqa: F401 - one for all tests: a second in one process does not start

os.environ["WANDB_MODE"] = "disabled"
os.environ["TRACKIO_DIR"] = os.path.join(tempfile.gettempdir(), "dougong-tests-trackio")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("DOUGONG_PLUGINS", None)
os.environ.pop("DOUGONG_TRACEBACK", None)

from absl import logging as absl_logging

import dougong
import dougong_plugins
from dougong.registry import decorator

# It comes with the ROUGE library, takes whatever standard error is when it is imported, pytest's say, and closes that
# when Hydra, for a command that a test runs in its own process, sets up the log.
absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__

ROOTS = [str(Path(package.__file__).parents[1]) for package in (dougong, dougong_plugins)]


@dataclass(frozen=True)
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str

    def refused(self) -> str:
        """The one line on stderr of a command that was refused as the user's mistake."""
        assert self.code == 2, f"exit code {self.code}\n{self.out}\n{self.err}"
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert not self.out
        return lines[0]

    def done(self) -> str:
        """The output of a command that did what it was asked, and complained of nothing."""
        assert self.code == 0, f"exit code {self.code}\n{self.out}\n{self.err}"
        assert not self.err
        return self.out


@dataclass(frozen=True)
class CommandLine:
    """Runs `dougong` as a process of its own, in a folder that is empty at first."""

    folder: Path
    paths: tuple[str, ...]

    @property
    def environment(self) -> dict[str, str]:
        """What the process sees."""
        return {**os.environ, "PYTHONPATH": os.pathsep.join(self.paths), "COLUMNS": "120"}

    def __call__(self, *words: str, stdin: str = "", **environment: str) -> Answer:
        run = subprocess.run(
            [sys.executable, "-m", "dougong", *words],
            cwd=self.folder,
            env={**self.environment, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
        )
        return Answer(run.returncode, run.stdout, run.stderr)


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    """`dougong`, as a user has it."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return CommandLine(folder, tuple(ROOTS))


@pytest.fixture
def without_torch(command: CommandLine, fake_torch: Path) -> CommandLine:
    """`dougong` where importing torch, or Lightning, is an error that nothing survives."""
    return CommandLine(command.folder, (str(fake_torch), *command.paths))


@pytest.fixture(scope="session")
def fake_torch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that, first on the path, makes importing torch end the process."""
    folder = tmp_path_factory.mktemp("fake")
    for package in ("torch", "pytorch_lightning"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text(f"import os\nprint('{package} was imported')\nos._exit(99)\n")
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a file, with its folders, below the test's own folder."""

    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    return write_file


@pytest.fixture(autouse=True)
def nothing_registered() -> Iterator[None]:
    """What a test registers, at run time or by importing a plugin's file, is forgotten after it."""
    before = dict(decorator.registered)
    yield
    for key, plugin in list(decorator.registered.items()):
        # What comes with Dougong stays: its modules, once imported, would not register it again.
        if key not in before and not plugin.__module__.startswith("dougong_plugins."):
            del decorator.registered[key]
            if plugin.__module__.startswith("dougong_local_"):
                sys.modules.pop(plugin.__module__, None)


PARTS = """
from dougong import Default, PerLayer, register
from dougong.contracts.attention import Attention
from dougong.contracts.embedding import Embedding
from dougong.contracts.encoder import Encoder


class Mixing(Attention):
    def forward(self, query, key, value, *, key_padding_mask=None, causal=False):
        return value


@register("attention", "near")
class Near(Attention):
    def __init__(self, window: int = 4) -> None:
        super().__init__()
        self.window = window

    forward = Mixing.forward


@register("attention", "far")
class Far(Attention):
    def __init__(self, rate: int = 2) -> None:
        super().__init__()
        self.rate = rate

    forward = Mixing.forward


@register("attention", "blind")
class Blind(Attention):
    supports = frozenset({"causal"})

    forward = Mixing.forward


@register("attention", "deaf")
class Deaf(Attention):
    supports = frozenset({"padding"})

    forward = Mixing.forward


@register("encoder", "twin")
class Twin(Encoder):
    def __init__(
        self,
        embedding: Embedding,
        attention: PerLayer[Attention],
        decoder_attention: PerLayer[Attention],
        layers: int = 3,
    ) -> None:
        super().__init__()
        self.embedding, self.tokenizer, self.dim = embedding, embedding.tokenizer, embedding.dim
        self.first = [attention(layer) for layer in range(layers)]
        self.second = [decoder_attention(layer) for layer in range(layers)]

    def forward(self, inputs):
        return self.embedding(inputs)


@register("encoder", "bag")
class Bag(Encoder):
    def __init__(self, embedding: Embedding) -> None:
        super().__init__()
        self.embedding, self.tokenizer, self.dim = embedding, embedding.tokenizer, embedding.dim

    def forward(self, inputs):
        return self.embedding(inputs)
"""


@pytest.fixture
def parts(write: Callable[[str, str], Path]) -> str:
    """`plugin_path=FOLDER` with encoders that have no, one and two slots for attention, and attentions."""
    return f"plugin_path={write('parts/parts.py', PARTS).parent}"

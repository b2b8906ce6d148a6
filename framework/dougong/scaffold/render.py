"""The text of a new plugin and of its test, made from the template of its kind."""

import re
from pathlib import Path

from dougong.errors import UserError
from dougong.scaffold.names import class_name

TEMPLATES = Path(__file__).parent / "templates"

# What a test needs only where its plugin lies in a folder, beside it: an installed one is found without being told.
_FOLDER_ONLY = (
    "FOLDER = str(Path(__file__).parent)\n",
    "@pytest.fixture(autouse=True)\n"
    "def plugin_folder(monkeypatch: pytest.MonkeyPatch) -> None:\n"
    '    monkeypatch.setenv("DOUGONG_PLUGINS", FOLDER)\n\n\n',
    ", plugin_path=[FOLDER]",
)


def plugin(kind: str, name: str) -> str:
    """A plugin's file.

    Raises:
        UserError: Dougong has no template of this kind.
    """
    return _named(_template(f"{kind}.py"), kind, name)


def test(kind: str, name: str, in_folder: bool) -> str:
    """Its test, for a plugin that lies in the test's own folder, or in an installed package."""
    text = _template(f"test_{kind}.py")
    return _named(text if in_folder else _for_package(text), kind, name)


def package_file(file: str, **values: str) -> str:
    """A file of a new distribution, with `{{name}}` replaced."""
    text = _template(f"package/{file}.template")
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def _template(file: str) -> str:
    path = TEMPLATES / file
    if not path.is_file():
        raise UserError(f"new: there is no template for {path.stem}; write the plugin by the contract of its kind.")
    return path.read_text(encoding="utf-8")


def _named(text: str, kind: str, name: str) -> str:
    """The template with the plugin's own names."""
    placeholder = f"My{kind.capitalize()}"
    words = set(re.findall(r"\w+", text)) - {placeholder}
    text = text.replace(placeholder, class_name(kind, name, words))
    return text.replace(f"my_{kind}", name)


def _for_package(text: str) -> str:
    for part in _FOLDER_ONLY:
        assert text.count(part) == 1, part
        text = text.replace(part, "")
    if not re.search(r"\bPath\b", text.replace("from pathlib import Path", "")):
        text = text.replace("from pathlib import Path\n", "")
    return re.sub(r"\n{4,}", "\n\n\n", text).replace('"""\n\n\n', '"""\n\n')

"""What a data plugin promises."""

import dataclasses
import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dougong.contracts.data import SPLITS, Data, Split
from dougong.data.records import Answer, Record, Span, SpanQuestion
from dougong.errors import UserError
from dougong.testing.check import check, one_line, skip
from dougong.testing.subject import Subject

ENOUGH = 2000
"""Records of a split that are looked at, however long it is."""

LARGEST = 50_000_000
"""Bytes of files that are copied, to be damaged."""

BAD_BYTES = b'\xff\xfe"\x00\t\xe6\x96'

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "is empty": lambda content: b"",
    "has bytes in it that are not UTF-8": lambda content: _inserted(content, BAD_BYTES),
    "ends in the middle of a character": lambda content: content[: len(content) // 2] + b"\xe6\x96",
    "has a line of another form": lambda content: _inserted(content, b"\n{[,\n"),
    "is of zeros": lambda content: bytes(1000),
    "is of brackets that never close": lambda content: b"[" * 100_000,
    "has a line of brackets that never close": lambda content: _inserted(content, b"\n" + b'{"text":' * 50_000 + b"\n"),
    "is of one number without end": lambda content: b'{"data": ' + b"7" * 5_000 + b"}",
    "has a line with a number without end": lambda content: _inserted(content, b'\n{"text": ' + b"7" * 5_000 + b"}\n"),
}


def _records(data: Data, split: Split, record: type[Record]) -> list[Any]:
    return list(itertools.islice(data.records(split, record), ENOUGH))


@check
def record_types(subject: Subject) -> None:
    """Each type of record that it yields can be read, of each split, and each record says where it was read."""
    data: Data = subject.make()
    for record, split in itertools.product(type(data).yields, SPLITS):
        found = _records(data, split, record)
        assert found or split != "train", f"the training split has no {record.__name__}"
        for item in found:
            assert type(item) is record, f"{type(item).__name__}, asked for {record.__name__}"
            assert item.source, f"a {record.__name__} does not say where it was read: `source` is empty"


@check
def repeatable(subject: Subject) -> None:
    """The same records come in the same order each time."""
    data, another = subject.make(), subject.make()
    for record, split in itertools.product(type(data).yields, SPLITS):
        first = _records(data, split, record)
        assert _records(data, split, record) == first, f"{split}: a second pass gives others"
        assert _records(another, split, record) == first, f"{split}: a second reader gives others"


@check
def exact_spans(subject: Subject) -> None:
    """Every span is a slice of its text, exactly."""
    data: Data = subject.make()
    checked = 0
    for record, split in itertools.product(type(data).yields, SPLITS):
        for item in _records(data, split, record):
            for text, wording, start, end in _slices(item):
                checked += 1
                assert text[start:end] == wording, f"{item.source}: {wording!r} is not the slice [{start}, {end})"
    if not checked:
        skip("its records have no spans")


@check
def torch_free(subject: Subject) -> None:
    """Reading needs no torch, so that a bad file is told of at once."""
    if subject.plugin.source is None:
        skip("it was registered at run time, and can't be imported elsewhere")
    folders = subject.configuration()["plugin_path"]
    code = (
        "import sys; from dougong.registry.catalogue import catalogue; "
        f"catalogue({folders!r}).get({subject.kind!r}, {subject.plugin.name!r}).load(); "
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, "importing it imports torch"


@check
def fingerprint(subject: Subject) -> None:
    """Its fingerprint is of texts, the same each time, and another where a file is another."""
    first = subject.make().fingerprint()
    assert all(isinstance(item, str) for pair in first.items() for item in pair), f"not of texts: {first}"
    assert subject.make().fingerprint() == first, "a second reader has another"
    for path, settings in _copies(subject):
        before = subject.make(**settings).fingerprint()
        content = path.read_bytes()
        path.write_bytes(content + content[-1:])
        assert subject.make(**settings).fingerprint() != before, f"it stays when {path.name} changes"
        path.write_bytes(content)


@check
def damaged_files(subject: Subject) -> None:
    """A damaged file is told of in one line that names it, or its good part is read."""
    for path, settings in _copies(subject):
        content = path.read_bytes()
        for how, damage in DAMAGES.items():
            path.write_bytes(damage(content))
            complaint = _complaint(subject, settings, f"{path.name} {how}")
            assert complaint is None or path.name in complaint, f"{path.name} {how}: told without its name: {complaint}"
        path.write_bytes(content)


@check
def bad_rows(subject: Subject) -> None:
    """A bad row is an error, or left out and counted if the user says so."""
    if subject.plugin.signature.setting("on_bad_row") is None:
        skip("it has no setting `on_bad_row`")
    met = 0
    for path, settings in _copies(subject):
        content = path.read_bytes()
        for how, damage in DAMAGES.items():
            path.write_bytes(damage(content))
            complaint = _complaint(subject, {**settings, "on_bad_row": "error"}, f"{path.name} {how}")
            if complaint is None or "on_bad_row" not in complaint:
                continue
            met += 1
            lenient: Data = subject.make(**settings, on_bad_row="skip")
            for record, split in itertools.product(type(lenient).yields, SPLITS):
                _read_through(lenient, split, record, f"{path.name} {how}, on_bad_row=skip")
            assert lenient.bad_rows > 0, f"{path.name} {how}: on_bad_row=skip counts none"
        path.write_bytes(content)
    assert met, "no damage to its files made it offer to skip bad rows"


@check
def missing_files(subject: Subject) -> None:
    """Files that are not there are told of in one line that names the path."""
    paths = _path_settings(subject)
    if not paths:
        skip("it reads no files")
    for name in paths:
        gone = str(subject.folder / "nothing" / "here")
        complaint = _complaint(subject, {name: gone}, f"{name} does not exist")
        assert complaint, f"{name}={gone} does not exist, and is not told of"
        assert gone in complaint, f"{name}: told without the path: {complaint}"


def _complaint(subject: Subject, settings: dict[str, Any], what: str) -> str | None:
    """What it says of the files, None where nothing is wrong with them.

    Raises:
        AssertionError: it does not say so by a `UserError`.
    """
    try:
        data: Data = subject.make(**settings)
        for record, split in itertools.product(type(data).yields, SPLITS):
            _read_through(data, split, record, what)
        data.fingerprint()
    except UserError as error:
        return str(error)
    return None


def _read_through(data: Data, split: Split, record: type[Record], what: str) -> None:
    try:
        _records(data, split, record)
    except (UserError, AssertionError):
        raise
    except Exception as error:
        raise AssertionError(f"{what}: {one_line(error)}; expected a UserError") from error


def _path_settings(subject: Subject) -> list[str]:
    node = subject.configuration()[subject.kind]
    return [name for name, value in node.items() if isinstance(value, str) and value and Path(value).exists()]


def _copies(subject: Subject) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each file that it reads, as a copy to be damaged, with the settings that read the copies.

    Raises:
        SkipCheck: it reads no files, or too large ones.
    """
    node = subject.configuration()[subject.kind]
    sources = {key: Path(node[key]).resolve() for key in _path_settings(subject)}
    files = [path for source in sources.values() for path in _files(source)]
    if not files:
        skip("it reads no files")
    if sum(path.stat().st_size for path in files) > LARGEST:
        skip(f"its files are too large to be copied (above {LARGEST // 10**6} MB)")
    settings = {}
    for key, source in sources.items():
        copy = subject.folder / "copies" / key / (source.name or "files")
        copy.parent.mkdir(parents=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
        settings[key] = str(copy)
    for copy in map(Path, list(settings.values())):
        for path in _files(copy):
            yield path, settings


def _files(source: Path) -> list[Path]:
    return [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())


def _slices(item: Any) -> Iterator[tuple[str, str, int, int]]:
    """(text, wording, start, end) of each span of a record."""
    if isinstance(item, SpanQuestion):
        known = (answer for answer in item.answers if answer.start >= 0)
        for answer in known:
            yield item.passages[answer.passage], answer.text, answer.start, answer.start + len(answer.text)
        return
    text = getattr(item, "text", "")
    for span in _spans_within(item):
        yield text, span.text, span.start, span.end


def _spans_within(value: Any) -> Iterator[Span]:
    if isinstance(value, Span):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _spans_within(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, Answer):
        for field in dataclasses.fields(value):
            yield from _spans_within(getattr(value, field.name))


def _inserted(content: bytes, piece: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + piece + content[middle:]

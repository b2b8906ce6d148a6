"""Data: texts whose tokens are tagged, one a line."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from dougong import register
from dougong.contracts.data import SPLITS, Data, Split
from dougong.data.files import DataFile
from dougong.data.records import Entity, PlainText, Record, Span, TaggedText
from dougong.data.split_files import BadRow, SplitFiles, text_lines
from dougong.data.tag_scheme import OUTSIDE, TypedSpan, spans_of

LETTERS = {"BIO": "BIO", "BIOES": "BIOES", "BMES": "BMESO"}
FIRST_OF_DOCUMENT = "-DOCSTART-"


class Line(NamedTuple):
    """A token and its tag, and where they stand."""

    source: str
    token: str
    tag: str


class _BadTextError(Exception):
    """(where, what) is wrong with a text."""


@register("data", "tag_columns")
class TagColumns(Data):
    """Tagged tokens, one a line, as CoNLL and many Chinese corpora publish them; an empty line ends a text.

    The token is the first column, the tag the last; columns between them are not read. Where documents begin with a
    line `-DOCSTART-`, as in CoNLL 2003, that line is left out.

    Args:
        path: the folder of the files; may be in an object store (`s3://...`).
        train: file of the training split, within `path`; or several, by a list or a pattern (`part-*.gz`).
        valid: file or files of the validation split; null for none.
        test: file or files of the test split; null for none.
        scheme: how the tags mark entities; "auto" goes by the letters that a file has.
        join: what stands between two tokens of the text: nothing where tokens are characters, a space where they are
            words.
        on_bad_row: stop at a text that can't be read, or leave such texts out and count them.
    """

    yields: ClassVar = (TaggedText, PlainText)

    def __init__(
        self,
        path: str,
        train: str | list[str] = "train.txt",
        valid: str | list[str] | None = "valid.txt",
        test: str | list[str] | None = "test.txt",
        scheme: Literal["auto", "BIO", "BIOES", "BMES"] = "auto",
        join: Literal["", " "] = "",
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        self.files = SplitFiles(path, {"train": train, "valid": valid, "test": test})
        self.scheme = scheme
        self.join = join
        self.on_bad_row = on_bad_row

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A few texts a split."""
        for split in SPLITS:
            texts = (f"{split} O\n第 O\n{number} O\n{who} B-PER\n" for number in range(8) for who in ("王明", "李红"))
            (folder / f"{split}.txt").write_text("\n".join(texts), encoding="utf-8")
        return {"path": str(folder)}

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """One record a text, in file order."""
        for file in self.files.of(split):
            scheme = self.scheme if self.scheme != "auto" else _scheme_of(file)
            for rows in _texts(file, self.bad_row):
                try:
                    found = self._record([_line(source, row) for source, row in rows], scheme)
                except _BadTextError as problem:
                    self.bad_row(*problem.args)
                    continue
                yield found if record is TaggedText else PlainText(found.text, source=found.source)

    def fingerprint(self) -> dict[str, str]:
        """The files' SHA-256."""
        return self.files.fingerprint()

    def _record(self, lines: Sequence[Line], scheme: str) -> TaggedText:
        spans = _spans(lines, scheme)
        text = self.join.join(line.token for line in lines)
        starts, ends, position = [], [], 0
        for line in lines:
            starts.append(position)
            ends.append(position + len(line.token))
            position = ends[-1] + len(self.join)
        entities = tuple(
            Entity(name, Span(text[starts[first] : ends[last]], starts[first], ends[last]))
            for name, first, last in spans
        )
        return TaggedText(text, entities, source=lines[0].source)


def _texts(file: DataFile, bad_row: BadRow) -> Iterator[list[tuple[str, str]]]:
    """The (place, line) pairs of each text; without those texts of which a line is not UTF-8."""
    rows: list[tuple[str, str]] = []
    readable = True
    for source, row in itertools.chain(text_lines(file, bad_row), [("", "")]):
        if row is None:
            readable = False
        elif row.strip():
            rows.append((source, row))
        else:
            if rows and readable and not rows[0][1].startswith(FIRST_OF_DOCUMENT):
                yield rows
            rows, readable = [], True


def _line(source: str, row: str) -> Line:
    # A token may be white space itself, which splitting would swallow.
    token, rest = (row[0], row[1:]) if row[0].isspace() else [*row.split(None, 1), ""][:2]
    columns = rest.split()
    if not columns:
        raise _BadTextError(source, f"{row.strip()[:20]!r} has no tag.")
    return Line(source, token, columns[-1])


def _scheme_of(file: DataFile) -> str:
    """BIO unless a file has letters that it knows nothing of."""
    letters = {columns[-1][0] for _, row in text_lines(file, lambda *_: None) if row and (columns := row.split())}
    return "BMES" if "M" in letters else "BIOES" if letters & {"E", "S"} else "BIO"


def _spans(lines: Sequence[Line], scheme: str) -> list[TypedSpan]:
    """The entities in tokens.

    Raises:
        _BadTextError: a tag is none of the scheme's, or belongs to no whole entity.
    """
    for line in lines:
        letter, separator, name = line.tag[0], line.tag[1:2], line.tag[2:]
        if line.tag != OUTSIDE and not (letter in LETTERS[scheme] and letter != OUTSIDE and separator == "-" and name):
            raise _BadTextError(line.source, f"{line.tag!r} is no tag of {scheme}, as B-TYPE is. (data.scheme)")
    tags = ["I" + line.tag[1:] if line.tag[0] == "M" else line.tag for line in lines]
    spans = spans_of(tags, "BIO" if scheme == "BIO" else "BIOES")
    whole = {token for _, first, last in spans for token in range(first, last + 1)}
    for token, line in enumerate(lines):
        if line.tag != OUTSIDE and token not in whole:
            raise _BadTextError(line.source, f"{line.tag!r} is part of no whole entity in {scheme}. (data.scheme)")
    return spans

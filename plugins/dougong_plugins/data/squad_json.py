"""Data: questions on passages, in the JSON format of SQuAD."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from dougong import register
from dougong.contracts.data import SPLITS, Data, Split
from dougong.data.files import DataFile
from dougong.data.records import Answer, Record, SpanQuestion
from dougong.data.split_files import SplitFiles
from dougong.errors import UserError


class _BadRowError(Exception):
    """A part of a file is not as it should be."""


@register("data", "squad_json")
class SquadJson(Data):
    """Questions, each on one passage, as SQuAD 1.1 and 2.0, CMRC 2018 and DuReader-robust publish them.

    An answer that is not where `answer_start` says is kept: the task looks for it. Questions without `answers`, or
    with `is_impossible`, have none.

    Args:
        path: the folder of the files; may be in an object store (`s3://...`).
        train: file of the training split, within `path`; or several, by a list or a pattern (`part-*.gz`).
        valid: file or files of the validation split; null for none.
        test: file or files of the test split; null for none.
        on_bad_row: stop at a question that can't be read, or leave such questions out and count them.
    """

    yields: ClassVar = (SpanQuestion,)
    known_failures: ClassVar = {"bad_rows": "a file is one JSON document, which damage anywhere makes unreadable"}

    def __init__(
        self,
        path: str,
        train: str | list[str] = "train.json",
        valid: str | list[str] | None = "dev.json",
        test: str | list[str] | None = None,
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        self.files = SplitFiles(path, {"train": train, "valid": valid, "test": test})
        self.on_bad_row = on_bad_row

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A passage with a few questions for each split."""
        passage = "".join(f"第{number}座桥长{number * 7}米。" for number in range(1, 9))
        answers = [f"{number * 7}米" for number in range(1, 9)]
        questions = [
            {
                "id": str(number),
                "question": f"第{number}座桥多长？",
                "answers": [{"text": answer, "answer_start": passage.index(f"长{answer}") + 1}],
            }
            for number, answer in enumerate(answers, 1)
        ]
        content = {"data": [{"paragraphs": [{"context": passage, "qas": questions}]}]}
        for split in SPLITS:
            (folder / f"{split}.json").write_text(json.dumps(content, ensure_ascii=False, indent=0), encoding="utf-8")
        return {"path": str(folder), "valid": "valid.json", "test": "test.json"}

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """One record a question, in file order."""
        seen = set[str]()
        questions = (found for file in self.files.of(split) for found in self._questions(file))
        for source, passage, question in questions:
            try:
                found = _record(passage, question, source)
                if found.identity in seen:
                    raise _BadRowError(f"`id` {found.identity!r} comes twice.")
            except _BadRowError as problem:
                self.bad_row(source, str(problem))
                continue
            seen.add(found.identity)
            yield found

    def fingerprint(self) -> dict[str, str]:
        """The files' SHA-256."""
        return self.files.fingerprint()

    def submission(self, answers: Iterable[tuple[SpanQuestion, Mapping[str, Any]]]) -> Iterator[str]:
        """One JSON object, the answer by `id`; an empty text where there is none, as SQuAD 2.0 asks."""
        before = "{"
        for record, answer in answers:
            text = answer["answers"][0]["text"] if answer["answers"] else ""
            yield f"{before}{json.dumps(record.identity, ensure_ascii=False)}: {json.dumps(text, ensure_ascii=False)}"
            before = ", "
        yield "{}" if before == "{" else "}"

    def _questions(self, file: DataFile) -> Iterator[tuple[str, Any, Any]]:
        """(where it stands, passage, question), as they are in the file."""
        content = _parse(file)
        if not isinstance(content, dict) or not isinstance(content.get("data"), list):
            raise UserError(f'{file}: not in the format of SQuAD, which is an object with a list "data".')
        for place, article in self._items(content["data"], "data", file):
            for within, paragraph in self._items(article.get("paragraphs"), f"{place}.paragraphs", file):
                for where, question in self._items(paragraph.get("qas"), f"{within}.qas", file):
                    yield f"{file}: {where}", paragraph.get("context"), question

    def _items(self, values: Any, name: str, file: DataFile) -> Iterator[tuple[str, dict[str, Any]]]:
        """The objects of a list, each with its place in the file."""
        if not isinstance(values, list):
            self.bad_row(f"{file}: {name}", "missing." if values is None else "not a list.")
            return
        for number, value in enumerate(values):
            if isinstance(value, dict):
                yield f"{name}[{number}]", value
            else:
                self.bad_row(f"{file}: {name}[{number}]", "not an object.")


def _parse(file: DataFile) -> Any:
    """The content of a file.

    Raises:
        UserError: it is not UTF-8, or not JSON.
    """
    data = file.read_bytes()
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{file}:{line}: not UTF-8 (0x{data[error.start]:02x}).") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{file}:{error.lineno}: not JSON ({error.msg} at column {error.colno}).") from error
    except (RecursionError, ValueError) as error:
        raise UserError(f"{file}: not JSON that can be read (nested too deeply, or of too long a number).") from error


def _record(passage: Any, question: dict[str, Any], source: str) -> SpanQuestion:
    """A question as a record.

    Raises:
        _BadRowError: it is not one.
    """
    identity = question.get("id")
    if not isinstance(identity, str | int) or isinstance(identity, bool) or identity == "":
        raise _BadRowError("`id` is missing." if identity is None else "`id` is not a text.")
    impossible = question.get("is_impossible", False)
    if not isinstance(impossible, bool):
        raise _BadRowError("`is_impossible` is neither true nor false.")
    answers = question.get("answers", [])
    if not isinstance(answers, list):
        raise _BadRowError("`answers` is not a list.")
    return SpanQuestion(
        _text(question.get("question"), "question"),
        (_text(passage, "context"),),
        () if impossible else tuple(_answer(item, number) for number, item in enumerate(answers)),
        str(identity),
        source=source,
    )


def _answer(given: Any, number: int) -> Answer:
    if not isinstance(given, dict):
        raise _BadRowError(f"`answers[{number}]` is not an object.")
    start = given.get("answer_start", -1)
    if not isinstance(start, int) or isinstance(start, bool):
        raise _BadRowError(f"`answers[{number}].answer_start` is not a whole number.")
    return Answer(_text(given.get("text"), f"answers[{number}].text"), max(-1, start))


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _BadRowError(f"`{name}` is missing." if value is None else f"`{name}` is not a text.")
    if not value.strip():
        raise _BadRowError(f"`{name}` is empty.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _BadRowError(f"`{name}` is not Unicode text (half of a pair of surrogates).") from error
    return value

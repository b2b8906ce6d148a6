"""Data: questions that are answered by several passages, in the formats of WebQA and SogouQA."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from dougong import register
from dougong.contracts.data import SPLITS, Data, Split
from dougong.data.files import DataFile
from dougong.data.records import Record, SpanQuestion
from dougong.data.split_files import SplitFiles, json_lines, text_lines
from dougong.errors import UserError
from dougong_plugins.data.web_qa_rows.rows import NO_ANSWER, BadRowError, listed, released


@register("data", "web_qa")
class WebQa(Data):
    """Questions with the passages that a search found for them (WebQA, arXiv 1607.06275, and SogouQA).

    Two formats are read, whichever a file has: a list `[{"id", "question", "passages": [{"passage", "answer"}]}]`, and
    that of WebQA's release, one object a line: `{"q_key", "question_tokens", "evidences": [{"evidence_tokens",
    "golden_answers", "type"}]}`, whose tokens are written together. Only the wording of an answer is known, not which
    of its places in the passage is meant.

    Args:
        path: the folder of the files; may be in an object store (`s3://...`).
        train: file of the training split, within `path`; or several, by a list or a pattern (`part-*.gz`).
        valid: file or files of the validation split; null for none.
        test: file or files of the test split; null for none.
        accepted: file, within `path`, of further answers that count as right, `id<TAB>answer<TAB>a|b|c` a line; null
            for none.
        on_bad_row: stop at a question that can't be read, or leave such questions out and count them.
    """

    yields: ClassVar = (SpanQuestion,)

    def __init__(
        self,
        path: str,
        train: str | list[str] = "train.json",
        valid: str | list[str] | None = "valid.json",
        test: str | list[str] | None = None,
        accepted: str | None = None,
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        self.files = SplitFiles(path, {"train": train, "valid": valid, "test": test, "accepted": accepted})
        self.on_bad_row = on_bad_row

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A few questions, in one format for training and in the other for the rest."""
        for split in SPLITS:
            numbers = range(8)
            if split == "train":
                rows = [
                    {
                        "id": f"{split}-{number}",
                        "question": f"第{number}座桥在哪里？",
                        "passages": [
                            {
                                "passage": f"第{number}座桥在城{'东西'[number % 2]}。",
                                "answer": f"城{'东西'[number % 2]}",
                            },
                            {"passage": "桥上有风。", "answer": ""},
                        ],
                    }
                    for number in numbers
                ]
                text = json.dumps(rows, ensure_ascii=False)
            else:
                text = "".join(json.dumps(_trial_line(split, number), ensure_ascii=False) + "\n" for number in numbers)
            (folder / f"{split}.json").write_text(text, encoding="utf-8")
        return {"path": str(folder), "test": "test.json"}

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """One record a question, in file order."""
        accepted = self._accepted()
        seen = set[str]()
        for source, row in (pair for file in self.files.of(split) for pair in self._rows(file)):
            try:
                found = (listed if "passages" in row else released)(row, source, accepted)
                if found.identity in seen:
                    raise BadRowError(f"the question {found.identity!r} comes twice.")
            except BadRowError as problem:
                self.bad_row(source, str(problem))
                continue
            seen.add(found.identity)
            yield found

    def fingerprint(self) -> dict[str, str]:
        """The files' SHA-256."""
        return self.files.fingerprint()

    def submission(self, answers: Iterable[tuple[SpanQuestion, Mapping[str, Any]]]) -> Iterator[str]:
        """`id<TAB>answer`, the answer empty where there is none."""
        for record, answer in answers:
            text = answer["answers"][0]["text"] if answer["answers"] else ""
            yield f"{record.identity}\t{' '.join(text.split())}"

    def _rows(self, file: DataFile) -> Iterator[tuple[str, dict[str, Any]]]:
        with file.open() as content:
            head = content.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
        if head[:1] != b"[":
            yield from json_lines([file], self.bad_row)
            return
        for number, row in enumerate(_parse(file)):
            if isinstance(row, dict):
                yield f"{file}: [{number}]", row
            else:
                self.bad_row(f"{file}: [{number}]", "not an object.")

    def _accepted(self) -> dict[str, tuple[str, ...]]:
        """The answers that count as right, by question; that of the second column first."""
        file = self.files.one("accepted")
        if file is None:
            return {}
        found: dict[str, tuple[str, ...]] = {}
        for source, line in text_lines(file, self.bad_row):
            if line is None or not line.strip():
                continue
            cells = line.split("\t")
            if len(cells) != 3 or not cells[0] or not cells[1].strip():
                self.bad_row(source, "not `id<TAB>answer<TAB>a|b|c`.")
                continue
            others = (item for item in cells[2].split("|") if item.strip())
            found[cells[0]] = tuple(dict.fromkeys((cells[1], *others)))
        return found


def _parse(file: DataFile) -> list[Any]:
    """The list that a file holds.

    Raises:
        UserError: it is not UTF-8, or not JSON.
    """
    data = file.read_bytes()
    try:
        rows: list[Any] = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{file}:{line}: not UTF-8 (0x{data[error.start]:02x}).") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{file}:{error.lineno}: not JSON ({error.msg} at column {error.colno}).") from error
    except (RecursionError, ValueError) as error:
        raise UserError(f"{file}: not JSON that can be read ({type(error).__name__}).") from error
    return rows


def _trial_line(split: str, number: int) -> dict[str, Any]:
    where = "东西"[number % 2]
    return {
        "q_key": f"{split}-{number}",
        "question_tokens": ["第", str(number), "座", "塔", "在", "哪里", "？"],
        "evidences": [
            {
                "evidence_tokens": ["第", str(number), "座", "塔", "在", "城", where, "。"],
                "golden_answers": [["城", where]],
                "type": "positive",
            },
            {"evidence_tokens": ["塔", "上", "有", "风", "。"], "golden_answers": [[NO_ANSWER]], "type": "negative"},
        ],
    }

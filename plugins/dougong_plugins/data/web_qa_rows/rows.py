"""Questions of WebQA and SogouQA as records."""

from collections.abc import Mapping
from typing import Any

from dougong.data.records import Answer, SpanQuestion

NO_ANSWER = "no_answer"
"""What WebQA writes in place of an answer where a passage has none."""


class BadRowError(Exception):
    """A question is not as it should be."""


def listed(row: Mapping[str, Any], source: str, accepted: Mapping[str, tuple[str, ...]]) -> SpanQuestion:
    """A question of a list."""
    passages, answers = [], []
    for number, item in enumerate(_objects(row.get("passages"), "passages")):
        passages.append(_text(item.get("passage"), f"passages[{number}].passage"))
        answer = item.get("answer")
        if answer is not None and not isinstance(answer, str):
            raise BadRowError(f"`passages[{number}].answer` is not a text.")
        if answer and answer.strip():
            answers.append(Answer(_text(answer, f"passages[{number}].answer"), passage=number))
    identity = _identity(row.get("id"), "id")
    question = _text(row.get("question"), "question")
    known = accepted.get(identity, ())
    return SpanQuestion(question, tuple(passages), tuple(answers), identity, known, source=source)


def released(row: Mapping[str, Any], source: str, accepted: Mapping[str, tuple[str, ...]]) -> SpanQuestion:
    """A question of WebQA's release."""
    passages, answers = [], []
    for number, item in enumerate(_objects(row.get("evidences"), "evidences")):
        name = f"evidences[{number}]"
        passages.append(_joined(item.get("evidence_tokens"), f"{name}.evidence_tokens"))
        golden = item.get("golden_answers", [])
        if not isinstance(golden, list):
            raise BadRowError(f"`{name}.golden_answers` is not a list.")
        texts = [_joined(tokens, f"{name}.golden_answers[{place}]") for place, tokens in enumerate(golden)]
        kept = () if item.get("type") == "negative" else dict.fromkeys(texts)
        answers += [Answer(text, passage=number) for text in kept if text != NO_ANSWER]
    identity = _identity(row.get("q_key"), "q_key")
    question = _joined(row.get("question_tokens"), "question_tokens")
    known = accepted.get(identity, ())
    return SpanQuestion(question, tuple(passages), tuple(answers), identity, known, source=source)


def _objects(values: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(values, list) or not values:
        raise BadRowError(
            f"`{name}` is missing." if values is None else f"`{name}` is not a list with something in it."
        )
    for number, value in enumerate(values):
        if not isinstance(value, dict):
            raise BadRowError(f"`{name}[{number}]` is not an object.")
    return values


def _joined(tokens: Any, name: str) -> str:
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise BadRowError(f"`{name}` is missing." if tokens is None else f"`{name}` is not a list of texts.")
    return _text("".join(tokens), name)


def _identity(value: Any, name: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise BadRowError(f"`{name}` is missing." if value is None else f"`{name}` is not a text.")
    if any(character in str(value) for character in "\t\r\n"):
        raise BadRowError(f"`{name}` has a tab or a line end in it.")
    return str(value)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise BadRowError(f"`{name}` is missing." if value is None else f"`{name}` is not a text.")
    if not value.strip():
        raise BadRowError(f"`{name}` is empty.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadRowError(f"`{name}` is not Unicode text (half of a pair of surrogates).") from error
    return value

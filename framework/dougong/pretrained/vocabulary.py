"""Vocabulary files: `vocab.txt` and `tokenizer.json`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dougong.errors import UserError

if TYPE_CHECKING:
    import tokenizers

FILES = ("tokenizer.json", "vocab.txt")
OUR_NAMES = {"<pad>": "[PAD]", "<unk>": "[UNK]", "<s>": "[CLS]", "</s>": "[SEP]", "<mask>": "[MASK]"}
"""Of the special tokens in models of SentencePiece."""


def vocabulary_file(path: Path) -> Path | None:
    """The file of a folder that holds its vocabulary; a file itself. None where there is none."""
    if path.is_file():
        return path
    return next((path / name for name in FILES if (path / name).is_file()), None)


def read_vocabulary(path: Path, key: str) -> dict[str, int]:
    """The numbers of the tokens, of a file in either format.

    Raises:
        UserError: it is damaged, or in another format.
    """
    return dict(read_tokenizer(path, key).get_vocab()) if path.suffix == ".json" else _of_lines(path, key)


def read_tokenizer(path: Path, key: str) -> "tokenizers.Tokenizer":
    """The whole tokenizer that a `tokenizer.json` holds; special tokens have our names.

    Raises:
        UserError: it holds none.
    """
    import tokenizers  # only here: composing asks for vocabularies, not for what is in them

    try:
        return tokenizers.Tokenizer.from_str(json.dumps(_with_our_names(json.loads(path.read_bytes()))))
    except Exception as error:  # what the library raises has no narrower type
        raise UserError(f"{key}: {path} does not hold a tokenizer ({' '.join(str(error).split())[:120]}).") from error


def model_type(path: Path, key: str) -> str:
    """Of a vocabulary file: `WordPiece`, `Unigram` or what else its `tokenizer.json` says.

    Raises:
        UserError: it is not JSON.
    """
    model = read_json(path, key).get("model") if path.suffix == ".json" else None
    return str(model.get("type")) if isinstance(model, dict) else "WordPiece"


def read_json(path: Path, key: str) -> dict[str, Any]:
    """A file that holds one JSON object.

    Raises:
        UserError: it does not.
    """
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{key}: {path} is not JSON ({error}).") from error
    if not isinstance(found, dict):
        raise UserError(f"{key}: {path} is not a JSON object.")
    return found


def lowercase_of(path: Path, key: str) -> bool | None:
    """Whether case is ignored, as the `tokenizer_config.json` beside a vocabulary says; None where it does not."""
    beside = path.with_name("tokenizer_config.json")
    said = read_json(beside, key).get("do_lower_case") if beside.is_file() else None
    return said if isinstance(said, bool) else None


def _with_our_names(content: Any) -> Any:
    """What a `tokenizer.json` holds, with our names for the special tokens of a unigram model that has others."""
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict) or model.get("type") != "Unigram":
        return content
    pieces = model["vocab"]
    there = {piece for piece, _ in pieces}
    names = {theirs: ours for theirs, ours in OUR_NAMES.items() if ours not in there}
    model["vocab"] = [[names.get(piece, piece), score] for piece, score in pieces]
    for token in content.get("added_tokens") or ():
        token["content"] = names.get(token["content"], token["content"])
    return content


def _of_lines(path: Path, key: str) -> dict[str, int]:
    try:
        # Not splitlines(): it also cuts at characters that are tokens themselves.
        tokens = [line.rstrip("\r") for line in path.read_bytes().decode("utf-8-sig").rstrip("\r\n").split("\n")]
    except UnicodeDecodeError as error:
        raise UserError(f"{key}: {path} is not UTF-8 (byte {error.start + 1}).") from error
    numbers = {token: number for number, token in enumerate(tokens)}
    if len(numbers) < len(tokens):
        twice = next(token for number, token in enumerate(tokens) if numbers[token] != number)
        raise UserError(f"{key}: {path} has `{twice}` twice.")
    return numbers

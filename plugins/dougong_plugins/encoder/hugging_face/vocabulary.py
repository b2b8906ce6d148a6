"""Whether a tokenizer numbers tokens as a pretrained model knows them."""

from pathlib import Path
from typing import Any

from dougong.contracts.tokenizer import Tokenizer


def check_vocabulary(pretrained: str, tokenizer: Tokenizer, size: int) -> None:
    """Whether every token has the number that it has in the vocabulary beside the weights.

    Args:
        size: how many tokens the model knows; all that there is to compare with where it comes without a vocabulary.

    Raises:
        ValueError: one has another.
    """
    file = _find(pretrained, "vocab.txt") or _find(pretrained, "tokenizer.json")
    own = tokenizer.core.get_vocab()
    if file is None:
        if len(own) != size:
            raise ValueError(
                f"pretrained: {pretrained} knows {size:,} tokens, and the tokenizer has {len(own):,}; "
                "give the vocabulary that it was trained with, as tokenizer=wordpiece tokenizer.vocab=FILE."
            )
        return
    theirs = _read(file)
    if own != theirs:
        token = min(own.keys() ^ theirs.keys() or {token for token in own if own[token] != theirs[token]}, key=str)
        hint = f"give tokenizer=wordpiece tokenizer.vocab={file}" if file.name == "vocab.txt" else "no other is known"
        raise ValueError(
            f"pretrained: {pretrained} was trained with other tokens ({len(theirs):,} in {file.name}) than the "
            f"tokenizer has ({len(own):,}; `{token}` is one that differs); {hint}."
        )


def _find(pretrained: str, name: str) -> Path | None:
    """A file beside the weights, of a folder or of the hub."""
    from transformers.utils.hub import cached_file

    folder = Path(pretrained).expanduser()
    if folder.is_dir():
        return folder / name if (folder / name).is_file() else None
    found: Any = cached_file(pretrained, name, _raise_exceptions_for_missing_entries=False)
    return None if found is None else Path(found)


def _read(file: Path) -> dict[str, int]:
    if file.suffix == ".json":
        import tokenizers

        found: dict[str, int] = tokenizers.Tokenizer.from_str(file.read_text(encoding="utf-8")).get_vocab()
        return found
    lines = file.read_bytes().decode("utf-8-sig").rstrip("\r\n").split("\n")
    return {line.rstrip("\r"): number for number, line in enumerate(lines)}

"""What tokenizer/my_tokenizer promises."""

from collections.abc import Callable
from pathlib import Path

import dougong
import pytest
from dougong.testing import checks

FOLDER = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def plugin_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUGONG_PLUGINS", FOLDER)


@pytest.mark.parametrize(
    "check",
    checks("tokenizer", "my_tokenizer", plugin_path=[FOLDER]),
    ids=str,
)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


def test_tokens_are_words_and_single_chinese_characters() -> None:
    tokenizer = dougong.create(
        "tokenizer",
        "my_tokenizer",
        min_count=1,
    )
    text = "red fox 暖狐 red"
    tokenizer.fit([text])
    (encoding,) = tokenizer.encode([text])
    cut = [text[start:end] for start, end in encoding.offsets[1:-1]]
    assert cut == ["red", "fox", "暖", "狐", "red"]
    (unknown,) = tokenizer.encode(["blue fox"])
    assert unknown.tokens == ["[CLS]", "[UNK]", "fox", "[SEP]"]

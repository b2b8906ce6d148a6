"""What a tokenizer promises."""

from typing import Any

import numpy as np

from dougong.contracts.tokenizer import PADDING, SPECIAL_TOKENS, Tokenizer
from dougong.testing.check import check
from dougong.testing.subject import Subject
from dougong.testing.texts import HOSTILE, TEXTS

LEARNT = TEXTS * 3
LONGEST = 12


def _tokenizer(subject: Subject) -> Tokenizer:
    made: Tokenizer = subject.make()
    made.fit(LEARNT)
    return made


@check
def special_tokens(subject: Subject) -> None:
    """It has the special tokens, each with a number of its own, and frames a text by start and end."""
    made = _tokenizer(subject)
    vocabulary = made.core.get_vocab()
    missing = [token for token in SPECIAL_TOKENS if token not in vocabulary]
    assert not missing, f"it has no {', '.join(missing)}"
    assert len(set(made.special_ids)) == len(SPECIAL_TOKENS), "two special tokens have one number"
    _, _, start, end, _ = made.special_ids
    for name, text in (("a text", TEXTS[0]), ("an empty text", "")):
        ids = made.encode([text])[0].ids
        assert ids[:1] == [start] and ids[-1:] == [end], f"{name} is not framed by [CLS] and [SEP]"  # noqa: PT018


@check
def vocabulary(subject: Subject) -> None:
    """Its numbers are below its size, and none that it gives to a text is that of padding."""
    made = _tokenizer(subject)
    for name, text in {**HOSTILE, "a text it learnt": TEXTS[0]}.items():
        for number in made.numbers([text])[0].tolist():
            assert 0 <= number < made.size, f"{name}: number {number} of {made.size} tokens"
            assert number != made.padding_id, f"{name}: it gives the number of {PADDING}"


@check
def offsets(subject: Subject) -> None:
    """The offsets of its tokens are slices of the original text, in order, that leave out nothing but spaces."""
    made = _tokenizer(subject)
    for name, text in {**HOSTILE, **{text: text for text in TEXTS}}.items():
        if name.startswith("what looks like special"):
            continue  # such a token is not text
        encoding = made.encode([text])[0]
        spans = [span for span, frame in zip(encoding.offsets, encoding.special_tokens_mask, strict=True) if not frame]
        assert all(0 <= start <= end <= len(text) for start, end in spans), f"{name}: an offset lies outside the text"
        assert spans == sorted(spans), f"{name}: the offsets are not in order"
        covered = {place for start, end in spans for place in range(start, end)}
        lost = [text[place] for place in range(len(text)) if place not in covered and _is_word(text[place])]
        assert not lost, f"{name}: no token covers {lost[0]!r}"


@check
def learning(subject: Subject) -> None:
    """It learns the same from the same texts, also where they can be gone through only once."""
    first, second, third = subject.make(), subject.make(), subject.make()
    first.fit(LEARNT)
    second.fit(list(LEARNT))
    third.fit(iter(LEARNT))
    assert first.state() == second.state(), "it learns something else from the same texts"
    assert first.state() == third.state(), "it learns something else from texts that can be gone through once"


@check
def save_and_load(subject: Subject) -> None:
    """One that is restored from its state encodes as it does, whatever it was made with."""
    made, restored = _tokenizer(subject), subject.make()
    restored.restore(made.state())
    assert restored.size == made.size, f"{restored.size} tokens, of {made.size}"
    texts = [*TEXTS, *HOSTILE.values()]
    for text, one, other in zip(texts, made.encode(texts), restored.encode(texts), strict=True):
        assert one.ids == other.ids, f"it encodes {text[:20]!r} otherwise"
        assert one.offsets == other.offsets, f"it gives other offsets in {text[:20]!r}"
    same = map(np.array_equal, made.numbers(texts), restored.numbers(texts))
    assert all(same), "it numbers texts otherwise"


@check
def longest(subject: Subject) -> None:
    """Texts and pairs are cut to the length that is asked for, and to none where none is."""
    made = _tokenizer(subject)
    long: list[Any] = [HOSTILE["very long"], (HOSTILE["very long"], TEXTS[0]), (TEXTS[0], HOSTILE["very long"])]
    whole = [len(encoding) for encoding in made.encode(long)]
    for cut in made.encode(long, LONGEST):
        assert len(cut) == LONGEST, f"{len(cut)} tokens, where {LONGEST} were asked for"
    assert [len(encoding) for encoding in made.encode(long)] == whole, "a length that was asked for once stays"


@check
def pairs(subject: Subject) -> None:
    """The two texts of a pair are told apart by their segment, and each has offsets of its own."""
    made = _tokenizer(subject)
    first, second = "斗拱", "木石"
    encoding = made.encode([(first, second)])[0]
    assert set(encoding.type_ids) == {0, 1}, f"the segments are {sorted(set(encoding.type_ids))}, expected 0 and 1"
    for number, text in enumerate((first, second)):
        spans = [span for span, part in zip(encoding.offsets, encoding.sequence_ids, strict=True) if part == number]
        assert spans, f"nothing is left of text {number}"
        assert spans[0][0] == 0 and spans[-1][1] == len(text), f"the offsets of text {number} are not its own"  # noqa: PT018


@check
def plain_numbers(subject: Subject) -> None:
    """`numbers` gives the tokens of the text alone, in which what looks like a special token is text."""
    made = _tokenizer(subject)
    for text in TEXTS:
        framed = made.encode([text])[0]
        inner = [number for number, frame in zip(framed.ids, framed.special_tokens_mask, strict=True) if not frame]
        assert made.numbers([text])[0].tolist() == inner, f"{text!r}: not the tokens that it has within its frame"
    found = set(made.numbers([HOSTILE["what looks like special tokens"]])[0].tolist())
    unknown = made.special_ids[1]
    assert not found & {number for number in made.special_ids if number != unknown}, "it takes text for special tokens"


@check
def decoding(subject: Subject) -> None:
    """What it decodes from the tokens of a text has the same tokens."""
    made = _tokenizer(subject)
    for text in TEXTS:
        numbers = made.numbers([text])[0].tolist()
        again = made.numbers([made.decode(numbers)])[0].tolist()
        assert again == numbers, f"{text!r} comes back as {made.decode(numbers)!r}"


@check
def hostile_texts(subject: Subject) -> None:
    """Unusual texts do it no harm: empty, very long, emoji, control characters, scripts that it never saw."""
    made = _tokenizer(subject)
    for name, text in HOSTILE.items():
        try:
            made.encode([text, TEXTS[0]])
            made.decode(made.numbers([text])[0].tolist())
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error


def _is_word(character: str) -> bool:
    return character.isalnum()

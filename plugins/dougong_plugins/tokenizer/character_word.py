"""Tokenizer: one token a character, which also tells the word that the character is part of."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tokenizers
from annotated_types import Ge
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from dougong import register
from dougong.contracts.tokenizer import END, SPECIAL_TOKENS, START, UNKNOWN, Tokenizer
from dougong.errors import UserError
from dougong_plugins.tokenizer.words.cut import Cut, cutter

BETWEEN = "\x1f"
"""Stands in a token between the character and its word."""

KEY = "tokenizer.words"


@register("tokenizer", "character_word")
class CharacterWordTokenizer(Tokenizer):
    """One token a character in a word, for embedding=char_word: the 木 of 木头 is another token than that of 木星.

    A character of a word that was not learnt is the token of that character alone. The words of a text are part of
    its tokens, so that any task can be trained on them, and a text is never cut otherwise than its words are counted.

    Args:
        words: cut by jieba's dictionary (`pip install dougong[words]`), or where spaces and punctuation are.
        min_count: characters that are rarer in the training texts become unknown.
        min_word_count: words that are rarer in the training texts are not learnt.
        word_list: a file each line of which begins with a further word (word vectors as text, say); null for none.
        lowercase: whether case is ignored.
    """

    supports = frozenset({"words"})

    def __init__(
        self,
        words: Literal["jieba", "spaces"] = "jieba",
        min_count: Annotated[int, Ge(1)] = 2,
        min_word_count: Annotated[int, Ge(1)] = 2,
        word_list: str | None = None,
        lowercase: bool = True,
    ) -> None:
        super().__init__()
        self.words = words
        self.min_count = min_count
        self.min_word_count = min_word_count
        self.word_list = word_list
        self.lowercase = lowercase
        self.restored = False

    def learn(self, texts: Iterable[str]) -> tokenizers.Tokenizer:
        """Count the characters and the words of the texts."""
        cut = cutter(self.words, KEY)
        normalizer = normalizers.Lowercase() if self.lowercase else None
        characters: Counter[str] = Counter()
        words: Counter[str] = Counter()
        for text in texts:
            read = normalizer.normalize_str(text) if normalizer else text
            characters.update(character for character in read if not character.isspace())
            words.update(word for word in cut(read) if not word.isspace())
        alone = [item for item, count in _ranked(characters) if count >= self.min_count]
        known = [item for item, count in _ranked(words) if count >= self.min_word_count]
        if self.word_list is not None:
            known += [word for word in _listed(Path(self.word_list).expanduser()) if words[word] < self.min_word_count]
        core = _core(alone, dict.fromkeys(known), normalizer)
        _attach(core, self.words)
        return core

    def state(self) -> str:
        """The tokenizer as JSON, and by what words are cut."""
        # The part that cuts words is Python, which has no JSON.
        plain = tokenizers.Tokenizer(self.core.model)
        for name in ("normalizer", "decoder", "post_processor"):
            setattr(plain, name, getattr(self.core, name))
        plain.add_special_tokens(list(SPECIAL_TOKENS))
        return json.dumps({**json.loads(plain.to_str()), "words": self.words}, ensure_ascii=False)

    def restore(self, state: str) -> None:
        """Be what `state` says."""
        held = json.loads(state)
        self.words = held.pop("words")
        super().restore(json.dumps(held, ensure_ascii=False))
        _attach(self.core, self.words)
        self.restored = True

    def decode(self, numbers: Sequence[int]) -> str:
        """The text of token numbers, with a space between words that would be cut as one without it."""
        special, parts, cut = set(self.special_ids), self.parts(), cutter(self.words, KEY)
        text, word, rest = "", "", 0
        for number in numbers:
            if number in special:
                continue
            character, before = self.core.decode([number]), word
            if rest == 0 or parts[number][1] != before:
                word = parts[number][1]
                rest = len(word)
                if before and word and list(cut(before + word)) != [before, word]:
                    text += " "
            rest = max(0, rest - 1)
            text += character
        return text

    def parts(self) -> list[tuple[int, str]]:
        """Of each token, by its number, the number of its character alone and its word ("" where it has none)."""
        vocabulary = self.core.get_vocab()
        found = [(0, "")] * len(vocabulary)
        for token, number in vocabulary.items():
            character, word = token[:1], token[2:]
            is_pair = token[1:2] == BETWEEN and word
            found[number] = (vocabulary[character], word) if is_pair else (number, "")
        return found


def _core(characters: Iterable[str], words: Iterable[str], normalizer: Any) -> tokenizers.Tokenizer:
    alone = [*SPECIAL_TOKENS, *characters]
    pairs = dict.fromkeys(character + BETWEEN + word for word in words for character in word)
    known = set(alone)
    kept = [pair for pair in pairs if pair[0] in known]
    vocabulary = {token: number for number, token in enumerate((*alone, *kept))}
    core = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    if normalizer:
        core.normalizer = normalizer
    core.decoder = decoders.Sequence([decoders.Replace(tokenizers.Regex(f"(?<=.){BETWEEN}.*"), ""), decoders.Fuse()])
    core.add_special_tokens(list(SPECIAL_TOKENS))
    core.post_processor = processors.BertProcessing((END, vocabulary[END]), (START, vocabulary[START]))
    return core


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _listed(path: Path) -> Iterator[str]:
    """The first word of each line.

    Raises:
        UserError: there is no such file.
    """
    if not path.is_file():
        raise UserError(f"tokenizer.word_list: {path} does not exist.")
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            word = line.split(maxsplit=1)[:1]
            yield from word


class _Words:
    """Cuts a text into characters, each with its word behind it where the tokenizer knows the two together."""

    def __init__(self, cut: Cut, vocabulary: Iterable[str]) -> None:
        self.cut = cut
        self.known = frozenset(vocabulary)

    def pre_tokenize(self, text: tokenizers.PreTokenizedString) -> None:
        """Called by `tokenizers`."""
        text.split(self._characters)

    def _characters(self, number: int, piece: tokenizers.NormalizedString) -> list[tokenizers.NormalizedString]:
        found, place = [], 0
        for word in self.cut(piece.normalized):
            for character in word:
                if not character.isspace():
                    one = piece[place : place + 1]
                    assert one is not None
                    if character + BETWEEN + word in self.known:
                        one.append(BETWEEN + word)
                    found.append(one)
                place += 1
        return found


def _attach(core: tokenizers.Tokenizer, words: str) -> None:
    core.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(_Words(cutter(words, KEY), core.get_vocab()))

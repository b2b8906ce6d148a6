"""Words of a text as the Penn Treebank cuts them, which the evaluation of CMRC 2018 asks for."""

import re

_ALONE = r";@#$%&?!\[\](){}<>«“‘„»”’‒–—―"
_TOKEN = re.compile(rf'\.{{2,}}|[{_ALONE}]|"|\'\'|,(?!\d)|(?:(?!\'\')[^\s{_ALONE}",.]|,(?=\d)|\.(?!\.))+')
_LAST_PERIOD = re.compile(r"""(?<=[^.])\.(?=[\])}>"'»”’\s]*$)""")
_CLITICS = tuple(re.compile(rf"(.*[^'])({ends})", re.DOTALL) for ends in ("'s|'m|'d|'", "'ll|'re|'ve|n't"))
_OPENING = re.compile(r"'(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)")
_JOINED = {"cannot": 3, "d'ye": 1, "gimme": 3, "gonna": 3, "gotta": 3, "lemme": 3, "more'n": 4, "wanna": 3}


def treebank_words(text: str) -> list[str]:
    """The words and marks of one sentence in lower case.

    Marks stand alone, save commas within numbers and periods within the sentence; clitics (`'s`, `n't`) are words, and
    opening and closing double quotes are told apart. Equal to NLTK's `word_tokenize(text, preserve_line=True)` on what
    Chinese text has of other scripts; `word_tokenize` alone also cuts sentences, by a model that has to be downloaded.
    """
    text = _LAST_PERIOD.sub("\n.\n", text)
    found: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in ('"', "''"):
            before = text[max(0, match.start() - 1) : match.start()]
            opens = before in tuple(" ([{<") or (found[-1:] == ["``"] and before == '"') or match.span() == (0, 1)
            found.append("``" if opens else "''")
        else:
            found += _parts(token)
    return found


def _parts(word: str) -> list[str]:
    """A word with what is written together with it cut off."""
    before: list[str] = []
    after: list[str] = []
    if _OPENING.match(word):
        before, word = ["'"], word[1:]
    for clitic in _CLITICS:
        if match := clitic.fullmatch(word):
            word, after = match[1], [match[2], *after]
    cut = _JOINED.get(word)
    return [*before, *([word] if cut is None else [word[:cut], word[cut:]]), *after]

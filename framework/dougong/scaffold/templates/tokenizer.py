"""Tokenizer: say here in one line what this is."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from annotated_types import Ge
from dougong import register
from dougong.contracts.tokenizer import (
    END,
    SPECIAL_TOKENS,
    START,
    UNKNOWN,
    Tokenizer,
)
from tokenizers import Regex, models, pre_tokenizers, processors
from tokenizers import Tokenizer as Core


@register("tokenizer", "my_tokenizer")
class MyTokenizer(Tokenizer):
    """One token a word; a Chinese character and a punctuation mark are words too.

    The first line above is what `dougong plugins` lists. Name the source below it.
    The settings are the parameters of `__init__`: give each a type, bounds, a
    default, and a line under Args.

    Args:
        min_count: words that are rarer in the training texts become unknown.
    """

    def __init__(self, min_count: Annotated[int, Ge(1)] = 2) -> None:
        super().__init__()
        self.min_count = min_count

    def learn(self, texts: Iterable[str]) -> Core:
        """Make the `tokenizers` object from the training texts.

        It is all that a checkpoint keeps. It must know the special tokens, and no text
        may yield one: `[PAD]` in a text is three words. Its offsets must be those of
        the original text.
        """
        cut = pre_tokenizers.Sequence(
            [
                pre_tokenizers.WhitespaceSplit(),
                pre_tokenizers.Split(Regex(r"\p{Han}|[^\w\s]"), "isolated"),
            ]
        )
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(word for word, _ in cut.pre_tokenize_str(text))
        words = [word for word, count in counts.items() if count >= self.min_count]
        words.sort(key=lambda word: (-counts[word], word))
        vocabulary = {word: i for i, word in enumerate([*SPECIAL_TOKENS, *words])}
        core = Core(models.WordLevel(vocabulary, unk_token=UNKNOWN))
        core.pre_tokenizer = cut
        core.add_special_tokens(list(SPECIAL_TOKENS))
        core.post_processor = processors.BertProcessing(
            (END, vocabulary[END]), (START, vocabulary[START])
        )
        return core

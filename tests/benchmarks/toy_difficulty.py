"""How far one gets on the embedded data without reading: `python tests/benchmarks/toy_difficulty.py`.

Needs scikit-learn. Prints the accuracy of the majority guess and of bags of characters, words and n-grams (TF-IDF and
logistic regression), each with the regularisation that does best on valid.
"""

import re
from collections import Counter

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from dougong.contracts.data import SPLITS
from dougong.data.records import LabelledText
from dougong_plugins.data.toy import Toy
from dougong_plugins.data.toy_world.reviews import SUBJECTS, WORDS

STRENGTHS = (1.0, 10.0, 100.0)
# The generator's own words are the best segmentation that there is; everything else is taken character by character.
KNOWN = [word for words in (*SUBJECTS.values(), *WORDS.values()) for word in words]
KNOWN += ["前者", "后者", "虽然", "尽管", "更看重", "最在意", "只关心", "这台", "确实", "上个月"]
TOKEN = re.compile("|".join([*sorted(KNOWN, key=len, reverse=True), "."]))
BAGS = {
    "characters": {"analyzer": "char"},
    "character 1- to 2-grams": {"analyzer": "char", "ngram_range": (1, 2)},
    "character 1- to 4-grams": {"analyzer": "char", "ngram_range": (1, 4)},
    "words": {"tokenizer": TOKEN.findall, "token_pattern": None},
    "word 1- to 3-grams": {"tokenizer": TOKEN.findall, "token_pattern": None, "ngram_range": (1, 3)},
}

Columns = tuple[list[str], list[str]]


def columns(split: str) -> Columns:
    """The texts and the labels of a split."""
    records = list(Toy().records(split, LabelledText))
    return [record.text for record in records], [record.label for record in records]


def majority(train: Columns, other: Columns) -> float:
    """The accuracy of always guessing the most frequent label of the training split."""
    guess = Counter(train[1]).most_common(1)[0][0]
    return other[1].count(guess) / len(other[1])


def bag_of_words(settings: dict[str, object], train: Columns, valid: Columns, test: Columns) -> tuple[float, float]:
    """Accuracy on valid and test of the model that does best on valid."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, **settings)
    known = vectorizer.fit_transform(train[0])
    models = [LogisticRegression(C=strength, max_iter=500).fit(known, train[1]) for strength in STRENGTHS]
    scores = [
        tuple(float(model.score(vectorizer.transform(texts), labels)) for texts, labels in (valid, test))
        for model in models
    ]
    return max(scores)


def main() -> None:
    """Print the table."""
    train, valid, test = (columns(split) for split in SPLITS)
    print(f"{len(train[0])} training records, {len(set(train[1]))} classes; accuracy on valid and test")
    print(f"{'majority guess':26} {majority(train, valid):.3f}  {majority(train, test):.3f}")
    for name, settings in BAGS.items():
        on_valid, on_test = bag_of_words(settings, train, valid, test)
        print(f"{name:26} {on_valid:.3f}  {on_test:.3f}", flush=True)


if __name__ == "__main__":
    main()

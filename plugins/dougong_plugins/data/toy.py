"""The embedded data: texts of a small generated world, in Chinese."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from dougong import register
from dougong.contracts.data import Data, Split
from dougong.data.records import (
    EventText,
    LabelledText,
    PlainText,
    Record,
    RelationText,
    SourceTarget,
    SpanQuestion,
    TaggedText,
)
from dougong.errors import UserError
from dougong_plugins.data.toy_world.composer import Scene
from dougong_plugins.data.toy_world.dice import Dice
from dougong_plugins.data.toy_world.headlines import headline
from dougong_plugins.data.toy_world.questions import ask, mixed
from dougong_plugins.data.toy_world.reports import Reporter
from dougong_plugins.data.toy_world.reviews import LABELS, review
from dougong_plugins.data.toy_world.world import another, build


@register("data", "toy")
class Toy(Data):
    """A small generated world, in Chinese: needs no files, is the same everywhere, and takes reading to solve.

    Args:
        size: how many records of a type there are for training.
        valid_size: likewise for validation.
        test_size: likewise for testing.
        world_seed: another seed makes another world: other names, facts and texts.
        unanswerable: of questions on a text, the share that it does not answer.
        passages: how many texts a question comes with; one of them at least answers it.
    """

    yields: ClassVar[tuple[type[Record], ...]] = (
        LabelledText,
        PlainText,
        SourceTarget,
        SpanQuestion,
        TaggedText,
        RelationText,
        EventText,
    )

    def __init__(
        self,
        size: Annotated[int, Ge(10)] = 2000,
        valid_size: Annotated[int, Ge(1)] = 400,
        test_size: Annotated[int, Ge(1)] = 400,
        world_seed: int = 0,
        unanswerable: Annotated[float, Ge(0), Le(1)] = 0.0,
        passages: Annotated[int, Ge(1)] = 1,
    ) -> None:
        self._sizes: dict[Split, int] = {"train": size, "valid": valid_size, "test": test_size}
        self._seed = world_seed
        self._unanswerable = unanswerable
        self._passages = passages

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A few records."""
        return {"size": 24, "valid_size": 8, "test_size": 8}

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """The records of a split, no text twice; the first ones are the same whatever the sizes are."""
        renderings: dict[type[Record], Callable[[Split], Iterator[Record]]] = {
            LabelledText: self._labelled_texts,
            PlainText: self._plain_texts,
            SourceTarget: self._headlines,
            RelationText: self._relation_texts,
            SpanQuestion: self._questions,
            TaggedText: self._tagged_texts,
            EventText: self._event_texts,
        }
        if record not in renderings:
            names = ", ".join(known.__name__ for known in self.yields)
            raise UserError(f"data=toy has no {record.__name__} records. It yields: {names}.")
        return itertools.islice(renderings[record](split), self._sizes[split])

    def fingerprint(self) -> dict[str, str]:
        """The seed and the sizes, of which every text is a function."""
        world = {"world_seed": str(self._seed), "unanswerable": str(self._unanswerable)}
        world["passages"] = str(self._passages)
        return world | {split: str(size) for split, size in self._sizes.items()}

    def _labelled_texts(self, split: Split) -> Iterator[LabelledText]:
        cast, seen = build(self._seed)[split], set[str]()
        for number, label in enumerate(self._labels(split)):
            scene = _unseen(seen, partial(review, Dice("review", self._seed, split, number), cast, label))
            yield LabelledText(scene.text, label, source=f"toy:{split}:{number}")

    def _labels(self, split: Split) -> Iterator[str]:
        # Each run of as many records as there are labels holds every label once, so that the classes are balanced.
        for lap in itertools.count():
            yield from Dice("labels", self._seed, split, lap).shuffled(LABELS)

    def _plain_texts(self, split: Split) -> Iterator[PlainText]:
        return (PlainText(scene.text, source=source) for source, scene in self._reports(split))

    def _relation_texts(self, split: Split) -> Iterator[RelationText]:
        return (RelationText(scene.text, scene.triples, source=source) for source, scene in self._reports(split))

    def _tagged_texts(self, split: Split) -> Iterator[TaggedText]:
        return (TaggedText(scene.text, scene.entities, source=source) for source, scene in self._reports(split))

    def _event_texts(self, split: Split) -> Iterator[EventText]:
        return (
            EventText(scene.text, scene.events, f"{split}-{number}", source=source)
            for number, (source, scene) in enumerate(self._reports(split))
        )

    def _reports(self, split: Split) -> Iterator[tuple[str, Scene]]:
        """Endless reports on companies, each with its source."""
        reporter, seen = Reporter(build(self._seed)[split]), set[str]()
        for number in itertools.count():
            dice = Dice("report", self._seed, split, number)
            yield f"toy:{split}:{number}", _unseen(seen, partial(reporter.report, dice))

    def _headlines(self, split: Split) -> Iterator[SourceTarget]:
        seen = set[str]()
        for number in itertools.count():
            if number % 16 == 0:  # a few names would be learnt by heart, and no copying
                reporter = Reporter(another(self._seed, split, number // 16))
            scene = _unseen(seen, partial(reporter.news, Dice("news", self._seed, split, number)))
            yield SourceTarget(scene.text, headline(scene), source=f"toy:{split}:{number}")

    def _questions(self, split: Split) -> Iterator[SpanQuestion]:
        reporter, seen = Reporter(build(self._seed)[split]), set[tuple[str, str]]()
        for number in itertools.count():
            dice = Dice("question", self._seed, split, number)
            answerable = not dice.chance(self._unanswerable)
            while True:
                passage = reporter.report(dice)
                others = [reporter.report(dice) for _ in range(self._passages - 1)]
                question = ask(dice, passage, answerable, others)
                if question is not None and (question.text, passage.text) not in seen:
                    break
            seen.add((question.text, passage.text))
            texts, answers = mixed(dice, [passage.text, *(other.text for other in others)], question.answers)
            source = f"toy:{split}:{number}"
            yield SpanQuestion(question.text, texts, answers, f"{split}-{number}", source=source)


def _unseen(seen: set[str], compose: Callable[[], Scene]) -> Scene:
    while (scene := compose()).text in seen:
        pass
    seen.add(scene.text)
    return scene

"""Questions on a report, with all places of the report that answer them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dougong.data.records import Answer, Span
from dougong_plugins.data.toy_world.chronicle import TRIGGERS
from dougong_plugins.data.toy_world.composer import Scene
from dougong_plugins.data.toy_world.dice import Dice

# Of each predicate, the kind of thing that it is said of and how one asks for its object.
ON_PREDICATES = {
    "出生地": ("人物", ("{name}出生在哪里？", "{name}是哪里人？", "{name}的老家在什么地方？")),
    "任职于": ("人物", ("{name}在哪家公司任职？", "{name}是哪家公司的？")),
    "职务": ("人物", ("{name}担任什么职务？", "{name}的职位是什么？")),
    "总部": ("公司", ("{name}的总部在哪里？", "{name}总部设在哪个城市？")),
    "创始人": ("公司", ("{name}的创始人是谁？", "谁创办了{name}？")),
    "成立时间": ("公司", ("{name}是哪一年成立的？", "{name}是什么时候创立的？")),
    "生产商": ("产品", ("{name}是哪家公司生产的？", "{name}的生产商是谁？")),
    "售价": ("产品", ("{name}卖多少钱？", "{name}的售价是多少？")),
    "收购": ("公司", ("{name}买下了哪家公司？", "{name}收购了谁？")),
}
# How one asks for a role of an event, by other roles of it; `trigger` is any word for the event.
ON_EVENTS = {
    ("收购", "时间"): "{收购方}什么时候{trigger}了{被收购方}？",
    ("收购", "金额"): "{收购方}花了多少钱{trigger}{被收购方}？",
    ("收购", "原因"): "{收购方}为什么{trigger}{被收购方}？",
    ("收购", "收购方"): "谁{trigger}了{被收购方}？",
    ("任命", "时间"): "{任职者}什么时候被{trigger}为{职务}？",
    ("任命", "原因"): "{公司}为什么{trigger}{任职者}？",
    ("辞职", "原因"): "{辞职者}为什么{trigger}职务？",
    ("辞职", "公司"): "{辞职者}{trigger}了哪家公司的职务？",
    ("发布", "时间"): "{发布方}什么时候{trigger}{产品}？",
    ("发布", "地点"): "{产品}是在哪里{trigger}的？",
    ("发布", "原因"): "{发布方}为什么{trigger}{产品}？",
    ("裁员", "人数"): "{裁员方}{trigger}了多少人？",
    ("裁员", "原因"): "{裁员方}为什么{trigger}？",
    ("起火", "金额"): "{受损方}{trigger}损失了多少钱？",
    ("起火", "地点"): "{受损方}在哪里{trigger}？",
    ("起火", "原因"): "{受损方}为什么{trigger}？",
}


@dataclass(frozen=True)
class Question:
    """A question and its answers; none where the report does not say."""

    text: str
    answers: tuple[Answer, ...]


def ask(dice: Dice, scene: Scene, answerable: bool = True, others: Sequence[Scene] = ()) -> Question | None:
    """A question that a report answers, or one about somebody or something in it that it does not answer.

    None where there is nothing to ask.

    Args:
        others: further reports, whose answers to that question are among its answers, as of passage 1 and so on.
    """
    wordings = Wordings.of(dice)
    stated = _stated(wordings, scene)
    if not answerable:
        stated = {wording: [] for wording in _unstated(dice, scene)}
    if not stated:
        return None
    text = dice.one_of(list(stated))
    # Another mention of what is asked for is not an answer, but the same thing stated twice has two.
    answers = list(_answers(stated[text], 0))
    for number, other in enumerate(others, 1):
        answers += _answers(_stated(wordings, other).get(text, []), number)
    return Question(text, tuple(answers))


def mixed(dice: Dice, passages: Sequence[str], answers: Sequence[Answer]) -> tuple[tuple[str, ...], tuple[Answer, ...]]:
    """Passages in random order, and their answers where they are then."""
    order = dice.shuffled(range(len(passages)))
    moved = [replace(answer, passage=order.index(answer.passage)) for answer in answers]
    return tuple(passages[number] for number in order), tuple(
        sorted(moved, key=lambda item: (item.passage, item.start))
    )


def _answers(spans: Iterable[Span], passage: int) -> Iterator[Answer]:
    for start, wording in sorted({(span.start, span.text) for span in spans}):
        yield Answer(wording, start, passage)


@dataclass(frozen=True)
class Wordings:
    """How one asks: a wording for each predicate, and a word for each event."""

    predicates: dict[str, str]
    triggers: dict[str, str]

    @classmethod
    def of(cls, dice: Dice) -> "Wordings":
        """Any."""
        predicates = {predicate: dice.one_of(choices) for predicate, (_, choices) in ON_PREDICATES.items()}
        return cls(predicates, {event: dice.one_of(choices) for event, choices in TRIGGERS.items()})


def _stated(asked: Wordings, scene: Scene) -> dict[str, list[Span]]:
    """What can be asked of a report, with the places that answer it."""
    wordings, words = asked.predicates, asked.triggers
    found: dict[str, list[Span]] = {}
    for triple in scene.triples:
        if triple.predicate in wordings:
            found.setdefault(wordings[triple.predicate].format(name=triple.subject.text), []).append(triple.object)
    for event in scene.events:
        roles = {argument.role: argument.span for argument in event.arguments}
        names = {role: span.text for role, span in roles.items()} | {"trigger": words[event.type]}
        for (kind, role), wording in ON_EVENTS.items():
            if kind == event.type and role in roles and (text := _filled(wording, names)):
                found.setdefault(text, []).append(roles[role])
    return found


def _filled(wording: str, names: dict[str, str]) -> str:
    """The question; nothing where the report leaves out what it asks by."""
    try:
        return wording.format_map(names)
    except KeyError:
        return ""


def _unstated(dice: Dice, scene: Scene) -> Iterator[str]:
    """Questions about those who are named in a report that it does not answer."""
    stated = {(triple.subject.text, triple.predicate) for triple in scene.triples}
    # Who has left a company is said to have had a post there, which answers half of these questions.
    left = {span.text for event in scene.events if event.type == "辞职" for span in (a.span for a in event.arguments)}
    for predicate, (kind, choices) in ON_PREDICATES.items():
        wording = dice.one_of(choices)
        for entity in dict.fromkeys((entity.type, entity.span.text) for entity in scene.entities):
            doubtful = entity[1] in left and predicate in ("任职于", "职务")
            if entity[0] == kind and (entity[1], predicate) not in stated and not doubtful:
                yield wording.format(name=entity[1])

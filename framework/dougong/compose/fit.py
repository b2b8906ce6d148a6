"""Which plugins go together, two by two, by the facts that their classes state."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from dougong.errors import UserError
from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue
from dougong.registry.plugin import Plugin


class Part(NamedTuple):
    """A plugin and the key of the configuration that chooses it."""

    key: str
    plugin: Plugin

    @property
    def said(self) -> str:
        """How it is chosen: `attention=local`."""
        return f"{self.key}={self.plugin.name}"


ABILITIES = {
    "causal": "keep a token from those after it",
    "vectors": "take vectors in place of tokens",
}
"""What an encoder may support, in words."""

LACKS = {"distributions": "tells no distributions of its outputs", "directions": "writes in one direction at most"}
"""What a task does that does not support something, in words."""

Rule = Callable[[Part, Part, Catalogue], str | None]


def refusal(one: Part, other: Part, catalogue: Catalogue) -> str | None:
    """Why these two can't be in one run, None where they can; the order of the two does not matter."""
    for first, second in ((one, other), (other, one)):
        rule = RULES.get((first.plugin.kind, second.plugin.kind))
        if rule is not None:
            return rule(first, second, catalogue)
    return None


def check_parts(parts: Iterable[Part], catalogue: Catalogue) -> None:
    """Whether all of these go together.

    Raises:
        UserError: two don't, with the reason.
    """
    known = list(parts)
    for (first, second), rule in RULES.items():
        for one in (part for part in known if part.plugin.kind == first):
            for other in (part for part in known if part.plugin.kind == second):
                if reason := rule(one, other, catalogue):
                    raise UserError(reason)


def _records(task: Part, data: Part, catalogue: Catalogue) -> str | None:
    accepts, yields = task.plugin.fact("accepts"), data.plugin.fact("yields")
    if accepts in yields:
        return None
    able = _able(catalogue, "data", "yields", accepts)
    listed = f"choose {able}" if able else "no installed data plugin reads it"
    return f"{task.said} takes {accepts}, and {data.said} gives {', '.join(yields)}; {listed}."


def _abilities(task: Part, encoder: Part, catalogue: Catalogue) -> str | None:
    missing = set(task.plugin.fact("needs")) & set(ABILITIES) - set(encoder.plugin.fact("supports"))
    if not missing:
        return None
    ability = min(missing)
    able = _able(catalogue, "encoder", "supports", ability) or "another task"
    return f"{encoder.said} can't {ABILITIES[ability]}, which {task.said} needs; choose {able}."


def _needs(user: Part, attention: Part, catalogue: Catalogue) -> str | None:
    slots = {slot.name for slot in user.plugin.signature.slots}
    if user.plugin.kind != "task" and attention.key not in slots:
        return None  # the encoder's own attention is nothing to the decoder, and the other way round
    # A task also names there what it asks of the encoder.
    asked = set(user.plugin.fact("needs")) & KINDS["attention"].facts["supports"]
    missing = sorted(asked - set(attention.plugin.fact("supports")))
    return f"{attention.said} can't do {missing[0]} attention, which {user.said} needs." if missing else None


def _support(callback: Part, task: Part, catalogue: Catalogue) -> str | None:
    needs = set(callback.plugin.fact("needs"))
    missing = sorted(needs - set(task.plugin.fact("supports"))) if needs else []
    if not missing:
        return None
    able = _able(catalogue, "task", "supports", missing[0]) or "another task"
    return f"{task.said} {LACKS.get(missing[0], f'has no {missing[0]}')}, which {callback.said} needs; choose {able}."


def _words(embedding: Part, tokenizer: Part, catalogue: Catalogue) -> str | None:
    missing = sorted(set(embedding.plugin.fact("needs")) - set(tokenizer.plugin.fact("supports")))
    if not missing:
        return None
    able = _able(catalogue, "tokenizer", "supports", missing[0]) or "another embedding"
    return f"{tokenizer.said} tells no {missing[0]}, which {embedding.said} needs; choose {able}."


def _update(wrapper: Part, optimizer: Part, catalogue: Catalogue) -> str | None:
    return _rows(wrapper, optimizer, catalogue) or _weights(wrapper, optimizer)


def _weights(wrapper: Part, optimizer: Part) -> str | None:
    if not wrapper.plugin.fact("replaces_weights") or not optimizer.plugin.fact("averages_weights"):
        return None
    return f"{wrapper.said} replaces weights, and {optimizer.said} keeps an average of those it had; leave one out."


def _rows(wrapper: Part, optimizer: Part, catalogue: Catalogue) -> str | None:
    if not wrapper.plugin.fact("needs_row_separable") or optimizer.plugin.fact("row_separable") is not False:
        return None
    able = _able(catalogue, "optimizer", "row_separable")
    return (
        f"{wrapper.said} updates rows one by one, and what {optimizer.said} does to a row depends on the others; "
        f"choose {able or 'another optimizer'}."
    )


def _able(catalogue: Catalogue, kind: str, fact: str, value: str | None = None) -> str:
    """`data=toy or data=text_file`: those of a kind whose fact holds, or names the value."""
    return " or ".join(
        f"{kind}={plugin.name}" for plugin in catalogue if plugin.kind == kind and _states(plugin, fact, value)
    )


def _states(plugin: Plugin, fact: str, value: str | None) -> bool:
    try:
        stated = plugin.fact(fact)
    except UserError:  # another plugin's fault is not told here
        return False
    return bool(stated) if value is None else value in stated


RULES: dict[tuple[str, str], Rule] = {
    ("task", "data"): _records,
    ("task", "encoder"): _abilities,
    ("encoder", "attention"): _needs,
    ("decoder", "attention"): _needs,
    ("task", "attention"): _needs,
    ("embedding", "tokenizer"): _words,
    ("wrapper", "optimizer"): _update,
    ("callback", "task"): _support,
}
"""What decides of two kinds whether plugins of them go together; two kinds that are not here always do."""

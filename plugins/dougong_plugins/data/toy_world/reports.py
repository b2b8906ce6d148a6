"""Reports on a company: what it is, who works there, what it makes and what happened to it."""

from dougong_plugins.data.toy_world import profiles
from dougong_plugins.data.toy_world.cast import Cast, Company
from dougong_plugins.data.toy_world.composer import Composer, Scene
from dougong_plugins.data.toy_world.dice import Dice
from dougong_plugins.data.toy_world.facts import Fact


class Reporter:
    """Knows what there is to tell about each company of a cast."""

    def __init__(self, cast: Cast) -> None:
        self._companies = cast.companies
        self._background = {company.name: list(profiles.of_company(company)) for company in cast.companies}
        self._news: dict[str, list[Fact]] = {company.name: [] for company in cast.companies}
        for person in cast.people:
            self._background[person.employer.name] += profiles.of_person(person)
        for product in cast.products:
            self._background[product.maker.name] += profiles.of_product(product)
        for fact in cast.happenings:
            for filler in fact.fillers.values():
                if isinstance(filler, Company):
                    self._news[filler.name].append(fact)

    def report(self, dice: Dice) -> Scene:
        """A few sentences about one company, first what lasts, then what happened."""
        name = dice.one_of(self._companies).name
        news = self._news[name]
        composer = Composer(dice)
        for fact in dice.several_of(self._background[name], 2):
            composer.tell(fact)
        for fact in dice.several_of(news, min(len(news), dice.between(1, 3))):
            composer.tell(fact)
        return composer.scene()

    def news(self, dice: Dice) -> Scene:
        """Two sentences about a company: what lasts, and what happened."""
        name = dice.one_of([name for name, facts in self._news.items() if facts])
        composer = Composer(dice)
        for fact in dice.shuffled([dice.one_of(self._background[name]), dice.one_of(self._news[name])]):
            composer.tell(fact)
        return composer.scene()

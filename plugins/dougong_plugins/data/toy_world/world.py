"""One seeded world, and the part of it that each split may name."""

from collections.abc import Sequence
from functools import lru_cache

from dougong.contracts.data import SPLITS, Split
from dougong_plugins.data.toy_world import lexicon
from dougong_plugins.data.toy_world.cast import Cast, Company, Person, Product
from dougong_plugins.data.toy_world.chronicle import happenings
from dougong_plugins.data.toy_world.dice import Dice
from dougong_plugins.data.toy_world.facts import Thing

CITIES = tuple(Thing(city, "地点") for cities in lexicon.CITIES.values() for city in cities)
PROVINCES = {city: Thing(province, "地点") for province, cities in lexicon.CITIES.items() for city in cities}
POSITIONS = tuple(Thing(name, "职位") for name in lexicon.POSITIONS)

PEOPLE, COMPANIES, PRODUCTS = 240, 100, 120
SMALL = (24, 12, 12)
"""People, companies and products of a small cast."""
SHARES: dict[Split, tuple[float, float]] = {"train": (0.0, 0.6), "valid": (0.6, 0.8), "test": (0.8, 1.0)}


@lru_cache(maxsize=4)
def build(seed: int) -> dict[Split, Cast]:
    """The cast of each split; no two share the name of a person, a company or a product."""
    # Names are dealt to the splits before anything is made of them, so that valid and test measure what was learnt of
    # the language, not which names go with which class.
    dealt = _dealt(seed)
    return {split: _cast(Dice("cast", seed, split), *(_share(names, split) for names in dealt)) for split in SPLITS}


def another(seed: int, split: Split, number: int) -> Cast:
    """A small cast, with facts of its own, of names that no other split has in any of its casts."""
    dice = Dice("another", seed, split, number)
    names = (
        dice.several_of(_free(known, dealt, split), size)
        for known, dealt, size in zip(_names(), _dealt(seed), SMALL, strict=True)
    )
    return _cast(Dice("cast", seed, split, number), *names)


def _free(names: Sequence[str], dealt: Sequence[str], split: Split) -> list[str]:
    """Those that were dealt to a split, and for training also those that were dealt to none."""
    if split != "train":
        return list(_share(dealt, split))
    others = {name for other in SPLITS if other != "train" for name in _share(dealt, other)}
    return [name for name in names if name not in others]


@lru_cache(maxsize=4)
def _dealt(seed: int) -> list[list[str]]:
    """Names of people, companies and products, in the order in which splits share them."""
    dice = Dice("names", seed)
    return [dice.several_of(names, count) for names, count in zip(_names(), (PEOPLE, COMPANIES, PRODUCTS), strict=True)]


def _names() -> tuple[list[str], list[str], list[str]]:
    companies = _pairs(lexicon.COMPANY_FIRST, lexicon.COMPANY_SECOND)
    return _person_names(), companies, _pairs(lexicon.PRODUCT_FIRST, lexicon.PRODUCT_SECOND)


def _pairs(first: str, second: str) -> list[str]:
    return [before + after for before in first for after in second]


def _person_names() -> list[str]:
    given_names = _pairs(lexicon.GIVEN_FIRST, lexicon.GIVEN_SECOND)
    return [surname + given for surname in lexicon.SURNAMES for given in given_names]


def _share(names: Sequence[str], split: Split) -> Sequence[str]:
    start, end = SHARES[split]
    return names[round(start * len(names)) : round(end * len(names))]


def _cast(dice: Dice, person_names: Sequence[str], brands: Sequence[str], series: Sequence[str]) -> Cast:
    companies = [_company(dice, brand, dice.one_of(person_names)) for brand in brands]
    posts = [(company, position) for company in companies for position in POSITIONS]
    people = [
        _person(dice, name, companies, post)
        for name, post in zip(person_names, dice.several_of(posts, len(person_names)), strict=True)
    ]
    products = [_product(dice, name, companies) for name in series]
    facts = happenings(dice, people, companies, products)
    return Cast(tuple(people), tuple(companies), tuple(products), facts)


def _company(dice: Dice, brand: str, founder: str) -> Company:
    industry, city = dice.one_of(lexicon.INDUSTRIES), dice.one_of(CITIES)
    return Company(
        name=brand + industry,
        kind="公司",
        city=city,
        province=PROVINCES[city.name],
        founder=Thing(founder, "人物"),
        founded=Thing(f"{dice.between(1985, 2010)}年", "日期"),
        industry=industry,
    )


def _person(dice: Dice, name: str, companies: Sequence[Company], post: tuple[Company, Thing]) -> Person:
    employer, position = post
    former_employer = dice.one_of([company for company in companies if company is not employer])
    return Person(name, "人物", dice.one_of(CITIES), employer, former_employer, position)


def _product(dice: Dice, series: str, companies: Sequence[Company]) -> Product:
    price = Thing(f"{dice.between(12, 98) * 100 - 1}元", "金额")
    return Product(series + dice.one_of(lexicon.CATEGORIES), "产品", dice.one_of(companies), price)

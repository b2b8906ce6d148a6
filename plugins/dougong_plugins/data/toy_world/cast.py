"""Who the texts of one split are about."""

from dataclasses import dataclass

from dougong_plugins.data.toy_world.facts import Fact, Thing


@dataclass(frozen=True)
class Company(Thing):
    """A company, its seat and its founder."""

    city: Thing
    province: Thing
    founder: Thing
    founded: Thing
    industry: str


@dataclass(frozen=True)
class Person(Thing):
    """A person, where they come from and what they do where."""

    birthplace: Thing
    employer: Company
    former_employer: Company
    position: Thing


@dataclass(frozen=True)
class Product(Thing):
    """A product, who makes it and what it costs."""

    maker: Company
    price: Thing


@dataclass(frozen=True)
class Cast:
    """The people, companies and products of one split, and what happened among them."""

    people: tuple[Person, ...]
    companies: tuple[Company, ...]
    products: tuple[Product, ...]
    happenings: tuple[Fact, ...]

"""What lastingly holds of people, companies and products: where they are from, who made them, who they work for."""

from dougong_plugins.data.toy_world.cast import Company, Person, Product
from dougong_plugins.data.toy_world.facts import Fact, Filler, Form

BIRTH = Form(
    ("{person}出生于{city}。", "{person}是{city}人。", "{person}的老家在{city}。"), (("person", "出生地", "city"),)
)
EMPLOYMENT = Form(
    ("{person}在{company}担任{position}。", "{person}现任{company}{position}。", "{company}的{position}是{person}。"),
    (("person", "任职于", "company"), ("person", "职务", "position")),
)
SEAT = Form(
    (
        "{company}总部设在{province}{city}。",
        "{company}的总部位于{city}。",
        "总部位于{city}的{company}属于{industry}行业。",
    ),
    (("company", "总部", "city"), ("city", "所属省份", "province")),
)
FOUNDING = Form(
    ("{company}由{founder}于{year}创立。", "{founder}在{year}创办了{company}。", "{company}的创始人是{founder}。"),
    (("company", "创始人", "founder"), ("company", "成立时间", "year")),
)
MAKING = Form(
    (
        "{company}生产的{product}售价{price}。",
        "{product}出自{company}，标价{price}。",
        "{product}的生产商是{company}。",
    ),
    (("product", "生产商", "company"), ("product", "售价", "price")),
)


def of_person(person: Person) -> tuple[Fact, ...]:
    """Where a person is from and what they do where."""
    return (
        Fact(BIRTH, {"person": person, "city": person.birthplace}),
        Fact(EMPLOYMENT, {"person": person, "company": person.employer, "position": person.position}),
    )


def of_company(company: Company) -> tuple[Fact, ...]:
    """Where a company sits and who founded it when."""
    place: dict[str, Filler] = {"city": company.city, "province": company.province}
    return (
        Fact(SEAT, {"company": company, "industry": company.industry, **place}),
        Fact(FOUNDING, {"company": company, "founder": company.founder, "year": company.founded}),
    )


def of_product(product: Product) -> tuple[Fact, ...]:
    """Who makes a product and what it costs."""
    return (Fact(MAKING, {"product": product, "company": product.maker, "price": product.price}),)

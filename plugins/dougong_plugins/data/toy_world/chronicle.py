"""What happens in the world: who bought, hired, left, launched or dismissed, when, for how much and why."""

from collections.abc import Callable, Mapping, Sequence

from dougong_plugins.data.toy_world import lexicon
from dougong_plugins.data.toy_world.cast import Company, Person, Product
from dougong_plugins.data.toy_world.dice import Dice
from dougong_plugins.data.toy_world.facts import Fact, Filler, Form, Thing

ACQUISITION = Form(
    (
        "{date}，{buyer}以{amount}{trigger}{target}，意在{cause}。",
        "为了{cause}，{buyer}于{date}{trigger}{target}，作价{amount}。",
        "{target}在{date}被{buyer}{trigger}，交易额为{amount}。",
    ),
    (("buyer", "收购", "target"),),
    "收购",
    {"buyer": "收购方", "target": "被收购方", "amount": "金额", "date": "时间", "cause": "原因"},
)
APPOINTMENT = Form(
    (
        "{date}，{company}{trigger}{person}为{position}，因{cause}。",
        "因{cause}，{company}于{date}{trigger}{person}出任{position}。",
    ),
    (("person", "任职于", "company"), ("person", "职务", "position")),
    "任命",
    {"company": "公司", "person": "任职者", "position": "职务", "date": "时间", "cause": "原因"},
)
RESIGNATION = Form(
    (
        "{date}，{person}因{cause}{trigger}{company}{position}一职。",
        "{person}{trigger}了在{company}的{position}职务，据说是因为{cause}。",
    ),
    (),
    "辞职",
    {"person": "辞职者", "company": "公司", "position": "职务", "date": "时间", "cause": "原因"},
)
LAUNCH = Form(
    (
        "{date}，{company}在{city}{trigger}{product}，定价{price}。",
        "为了{cause}，{company}于{date}{trigger}了{product}。",
    ),
    (("product", "生产商", "company"), ("product", "售价", "price")),
    "发布",
    {"company": "发布方", "product": "产品", "price": "金额", "city": "地点", "date": "时间", "cause": "原因"},
)
LAYOFF = Form(
    ("由于{cause}，{company}在{date}{trigger}{number}。", "{date}，{company}宣布{trigger}{number}，原因是{cause}。"),
    (),
    "裁员",
    {"company": "裁员方", "number": "人数", "date": "时间", "cause": "原因"},
)
FIRE = Form(
    (
        "{date}，{company}在{city}的厂房因{cause}{trigger}，损失{amount}。",
        "{company}位于{city}的仓库{trigger}，起因是{cause}。",
    ),
    (),
    "起火",
    {"company": "受损方", "city": "地点", "amount": "金额", "date": "时间", "cause": "原因"},
)
TRIGGERS = {
    "收购": ("收购", "买下", "并购"),
    "任命": ("任命", "聘请", "提拔"),
    "辞职": ("辞去", "卸下"),
    "发布": ("发布", "推出"),
    "裁员": ("裁员", "裁减"),
    "起火": ("起火", "失火"),
}


def happenings(
    dice: Dice, people: Sequence[Person], companies: Sequence[Company], products: Sequence[Product]
) -> tuple[Fact, ...]:
    """What happened among these people, companies and products."""
    of_companies: tuple[Callable[[Dice, Company], Fact], ...] = (_layoff, _fire)
    shuffled = dice.shuffled(companies)
    # In pairs, so that no company is bought twice or buys its buyer.
    facts = [_acquisition(dice, *pair) for pair in zip(shuffled[::2], shuffled[1::2], strict=False)]
    facts += [dice.one_of((_appointment, _resignation))(dice, person) for person in people]
    facts += [_launch(dice, product) for product in products]
    facts += [dice.one_of(of_companies)(dice, company) for company in companies]
    return tuple(dice.shuffled(facts))


def _happening(dice: Dice, form: Form, fillers: Mapping[str, Filler]) -> Fact:
    day = f"{dice.between(2012, 2024)}年{dice.between(1, 12)}月{dice.between(1, 28)}日"
    common: dict[str, Filler] = {
        "date": Thing(day, "日期"),
        "trigger": dice.one_of(TRIGGERS[form.event]),
        "cause": dice.one_of(lexicon.CAUSES[form.event]),
    }
    return Fact(form, {**common, **fillers})


def _amount(dice: Dice) -> Thing:
    return Thing(f"{dice.between(2, 98)}{dice.one_of(('亿元', '00万元'))}", "金额")


def _acquisition(dice: Dice, buyer: Company, target: Company) -> Fact:
    return _happening(dice, ACQUISITION, {"buyer": buyer, "target": target, "amount": _amount(dice)})


def _appointment(dice: Dice, person: Person) -> Fact:
    return _happening(dice, APPOINTMENT, {"person": person, "company": person.employer, "position": person.position})


def _resignation(dice: Dice, person: Person) -> Fact:
    # They left a former employer, so that whom they work for now stays true.
    position = Thing(dice.one_of(lexicon.POSITIONS), "职位")
    return _happening(dice, RESIGNATION, {"person": person, "company": person.former_employer, "position": position})


def _launch(dice: Dice, product: Product) -> Fact:
    fillers = {"company": product.maker, "product": product, "price": product.price, "city": product.maker.city}
    return _happening(dice, LAUNCH, fillers)


def _layoff(dice: Dice, company: Company) -> Fact:
    return _happening(dice, LAYOFF, {"company": company, "number": f"{dice.between(3, 90)}0人"})


def _fire(dice: Dice, company: Company) -> Fact:
    return _happening(dice, FIRE, {"company": company, "city": company.city, "amount": _amount(dice)})

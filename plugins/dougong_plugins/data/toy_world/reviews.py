"""Reviews of a product, and the class of what they come down to."""

from dougong_plugins.data.toy_world.cast import Cast
from dougong_plugins.data.toy_world.composer import Composer, Scene
from dougong_plugins.data.toy_world.dice import Dice
from dougong_plugins.data.toy_world.facts import Fact, Form
from dougong_plugins.data.toy_world.world import CITIES

OPPOSITE = {"好评": "差评", "差评": "好评"}
SUBJECTS = {
    "质量": ("做工", "用料", "性能", "手感"),
    "价格": ("价格", "售价", "定价", "价钱"),
    "服务": ("客服", "售后", "配送", "店员"),
}
WORDS = {
    "质量好评": ("扎实", "出色", "可靠", "精细"),
    "质量差评": ("粗糙", "廉价", "糟糕", "单薄"),
    "价格好评": ("划算", "实惠", "公道", "便宜"),
    "价格差评": ("离谱", "偏高", "吓人", "昂贵"),
    "服务好评": ("热情", "周到", "及时", "耐心"),
    "服务差评": ("敷衍", "冷淡", "拖沓", "傲慢"),
}
LABELS = tuple(WORDS)

CLAUSE_WORDINGS = ("{subject}{trigger}", "{subject}很{trigger}", "{subject}确实{trigger}")
CLAUSES = {label: Form(CLAUSE_WORDINGS, event=label, roles={"subject": "方面"}, opinion=True) for label in LABELS}


def _purchase(*bodies: str) -> Form:
    endings = ("（{person}上个月在{place}{trigger}）", "（{person}在{place}{trigger}）", "（{person}上个月{trigger}）")
    roles = {"person": "买方", "product": "商品", "place": "地点"}
    return Form(tuple(body + ending for body in bodies for ending in endings), event="购买", roles=roles)


OUTRIGHT = _purchase("{product}{main}。", "{product}的{main}。")
CONCESSION = _purchase("{product}虽然这台{aside}，但这台{main}。", "{product}这台{main}，尽管这台{aside}。")
# No n-gram tells which of the two clauses is the verdict: 前者 and 后者 stand far from both, and each clause comes as
# often first as second. What does is a word of the end together with the order of the clauses.
PREFERENCE = _purchase(
    *(
        "{product}" + clauses + "，{friend}" + verb + which + "。"
        for clauses, which in (("{main}，{aside}", "前者"), ("{aside}，{main}", "后者"))
        for verb in ("更看重", "最在意", "只关心")
    )
)
FRAMES = (OUTRIGHT, CONCESSION, CONCESSION, PREFERENCE, PREFERENCE, PREFERENCE, PREFERENCE)


def review(dice: Dice, cast: Cast, label: str) -> Scene:
    """A review that comes down to `label`; beside that, most say something else that is not the verdict."""
    friend, person = dice.several_of(cast.people, 2)
    composer = Composer(dice)
    composer.tell(
        Fact(
            dice.one_of(FRAMES),
            {
                "product": dice.one_of(cast.products),
                "main": _clause(dice, label),
                "aside": _clause(dice, _contrary(dice, label)),
                "friend": friend,
                "person": person,
                "place": dice.one_of(CITIES),
                "trigger": dice.one_of(("购买", "购入", "买下")),
            },
        )
    )
    return composer.scene()


def _clause(dice: Dice, label: str) -> Fact:
    return Fact(CLAUSES[label], {"subject": dice.one_of(SUBJECTS[label[:2]]), "trigger": dice.one_of(WORDS[label])})


def _contrary(dice: Dice, label: str) -> str:
    # Of another aspect and the opposite polarity, as a concession is.
    return dice.one_of([aspect for aspect in SUBJECTS if aspect != label[:2]]) + OPPOSITE[label[2:]]

"""Headlines: what happened in few words, in one order whatever the wording of the text."""

from dougong_plugins.data.toy_world.composer import Scene

HEADLINES = {
    "收购": "{收购方}收购{被收购方}",
    "任命": "{公司}任命{任职者}为{职务}",
    "辞职": "{辞职者}辞去{公司}{职务}",
    "发布": "{发布方}发布{产品}",
    "裁员": "{裁员方}裁员{人数}",
    "起火": "{受损方}起火",
}


def headline(scene: Scene) -> str:
    """Of the one event of a text."""
    (event,) = scene.events
    return HEADLINES[event.type].format_map({argument.role: argument.span.text for argument in event.arguments})

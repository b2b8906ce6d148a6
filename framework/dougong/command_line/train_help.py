"""`dougong train --help`: what can be chosen, and what is chosen now."""

import yaml

from dougong.compose.compose import GROUPS, compose_unchecked
from dougong.compose.conf_folder import presets
from dougong.compose.config_source import current_catalogue
from dougong.kinds import KINDS

_TEXT = """dougong train: train a model put together from plugins

usage: dougong train [KIND=NAME ...] [KEY=VALUE ...] [-m] [--cfg job] [--config-dir DIR]

Choose plugins with KIND=NAME (several, where a kind takes them, as KIND=[A,B]) and settings with KEY=VALUE.
  -m                every combination of KEY=A,B,C, one run each
  sweep=NAME        with -m: where the jobs run (joblib, submitit, ray), or a search among them (optuna)
  sweep.resume=DIR  with -m: run what an earlier sweep has left
  --cfg job         print the configuration and stop
  --config-dir DIR  add configs of your own
  resume=FOLDER     go on with a run that was stopped; resume=auto with the newest of this configuration

What can be chosen
{groups}

What is chosen now
{config}
Try
  dougong train attention=local encoder.layers=2
  dougong train -m attention=full,local seed=1,2,3    one run each, side by side
  dougong train experiment=sentiment data.path=DIR    a recipe on published data
  dougong plugins show attention/local                settings, types, defaults
"""


def help_text(overrides: list[str]) -> str:
    """The help, for what these prepared overrides choose."""
    config = yaml.safe_dump(compose_unchecked(overrides), allow_unicode=True, sort_keys=False)
    indented = "".join(f"  {line}\n" for line in config.splitlines())
    groups = {kind: [*current_catalogue().names(kind), *presets(kind)] for kind in KINDS}
    groups |= {group: sorted(presets(group)) for group in GROUPS}
    lines = [f"  {kind:<12}{', '.join(names)}" for kind, names in groups.items() if names]
    return _TEXT.format(groups="\n".join(lines), config=indented)

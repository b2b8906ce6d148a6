"""`dougong export checkpoint=FILE to=huggingface output=DIR`: write a model in a format of others."""

from pathlib import Path

from dougong.command_line.words import checkpoint_of, parse
from dougong.errors import UserError
from dougong.export.formats import FORMATS, check_format, export

USAGE = f"usage: dougong export checkpoint=FILE to={'|'.join(FORMATS)} output=DIR [plugin_path=DIR]"
HELP = f"""dougong export: write a model in a format of others

{USAGE}

  checkpoint    the file that `dougong train` names at its end
  to            {"; ".join(f"{name}: {what}" for name, (what, _) in FORMATS.items())}
  output        a folder that is new or empty
  plugin_path   where the plugins of your own lie now
"""


def run(arguments: list[str]) -> int:
    """Export."""
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    words = parse(arguments, ("checkpoint", "to", "output", "plugin_path"), USAGE)
    checkpoint = checkpoint_of(words, USAGE)
    for key in ("to", "output"):
        if not words.get(key):
            raise UserError(f"{key}: has to be given. {USAGE}")
    check_format(words["to"])
    from dougong.inference.model import load

    model = load(checkpoint, [words["plugin_path"]] if "plugin_path" in words else [])
    folder = Path(words["output"]).expanduser()
    for line in export(model, words["to"], folder):
        print(line)
    print(f"written to {folder}")
    return 0

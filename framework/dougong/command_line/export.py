"""`dougong export checkpoint=FILE to=huggingface output=DIR`: write a model in a format of others."""

from pathlib import Path

from dougong.command_line.words import checkpoint_of, parse
from dougong.errors import UserError
from dougong.export.formats import FORMATS, QUANTIZED, check_folder, check_format, export

USAGE = f"usage: dougong export checkpoint=FILE to={'|'.join(FORMATS)} output=DIR [quantize=int8] [plugin_path=DIR]"
HELP = f"""dougong export: write a model in a format of others

{USAGE}

  checkpoint    the file that `dougong train` names at its end
  to            what to write:
{chr(10).join(f"                {name:<12}  {what}" for name, (what, _) in FORMATS.items())}
  output        a folder that is new or empty
  quantize      int8: weights in 8 bits, with to={" or to=".join(QUANTIZED)}
  plugin_path   where the plugins of your own lie now
"""


def run(arguments: list[str]) -> int:
    """Export."""
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    words = parse(arguments, ("checkpoint", "to", "output", "quantize", "plugin_path"), USAGE)
    checkpoint = checkpoint_of(words, USAGE)
    for key in ("to", "output"):
        if not words.get(key):
            raise UserError(f"{key}: has to be given. {USAGE}")
    check_format(words["to"], words.get("quantize"))
    folder = Path(words["output"]).expanduser()
    check_folder(folder)
    from dougong.inference.model import load

    model = load(checkpoint, [words["plugin_path"]] if "plugin_path" in words else [])
    for line in export(model, words["to"], folder, words.get("quantize")):
        print(line)
    print(f"written to {folder}")
    return 0

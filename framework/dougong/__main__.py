"""`python -m dougong` is `dougong`."""

import sys
from pathlib import Path

# `python -m` looks in the working directory first: a yaml.py that lies there would be run.
if sys.path and not sys.flags.safe_path and Path(sys.path[0] or ".").resolve() != Path(__file__).resolve().parents[1]:
    del sys.path[0]

from dougong.command_line.main import main

sys.exit(main())

"""`python -m dougong` is `dougong`."""

import sys

from dougong.command_line.main import main

sys.exit(main())

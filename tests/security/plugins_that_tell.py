"""Plugins that know a secret, and tell it wherever they can."""

import json
import logging

from dougong import register
from dougong.contracts.tracker import Tracker
from dougong_plugins.data.toy import Toy


@register("data", "remote")
class Remote(Toy):
    """A toy world from an address.

    Args:
        url: the address.
        password: for it.
        wanted: the password that it takes.
    """

    def __init__(self, url: str, password: str = "", wanted: str = "") -> None:
        super().__init__(size=60, valid_size=20, test_size=20)
        if wanted and password[::-1] != wanted:
            raise ValueError(f"password: {password} is wrong for {url}")
        self.url = url

    def records(self, split, record):
        """Say where they come from."""
        logging.getLogger(__name__).warning("reading %s", self.url)
        return super().records(split, record)


@register("tracker", "telling")
class Telling(Tracker):
    """Keeps the configuration, and fails."""

    def start(self, run):
        """Keep it."""
        (run.folder / "told.json").write_text(json.dumps([run.config, run.facts], default=str))
        self.url = run.config["data"]["url"]

    def log(self, metrics, update, epoch):
        """Fail, with the address that was meant to be secret."""
        import os
        import sys

        raise ConnectionError(f"401 with {os.environ['A_SERVICE_API_KEY']} {' '.join(sys.argv)}")

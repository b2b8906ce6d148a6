"""Search from a disk without a network: the shim that Material takes from a server is one of our own instead."""

from typing import Any

from mkdocs.utils import get_relative_url

SHIM = "https://unpkg.com/iframe-worker/shim"
OURS = "assets/file_worker.js"


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Put ours in its place, where the site is built with OFFLINE=true."""
    return output.replace(SHIM, get_relative_url(OURS, page.url))


def on_post_template(output_content: str, template_name: str, config: Any) -> str:
    """The same in the page that a server shows for one that there is not."""
    return output_content.replace(SHIM, f"/{OURS}")

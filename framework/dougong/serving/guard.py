"""Who may ask: programs that call this machine by its name, and the pages that it serves itself.

A web page of another site can make its reader's browser send requests to the reader's own machine. Browsers then say
where the page is from (`Origin`), unless the page had its own name resolved to this machine; then `Host` is that name.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dougong.serving.refusal import RefusedError

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Guard:
    """Lets requests through to an application, or refuses them with 403; adds headers that keep other sites out.

    Args:
        app: the application.
        hosts: the names of this machine; its addresses, which nobody can have resolved, are taken anyway.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self.app = app
        self.hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        reason = self.objection(Headers(scope=scope))
        app = RefusedError(403, reason).response() if reason else self.app
        await app(scope, receive, send_with_headers)

    def objection(self, headers: Headers) -> str | None:
        """Why a request with these headers is not let through."""
        hosts = headers.getlist("host")
        name = _hostname(hosts[0]) if len(hosts) == 1 else None
        if name is None or not (name in self.hosts or _is_address(name)):
            return f"Host: {', '.join(hosts)!r} is no name of this server; allowed_hosts=[...] adds one."
        for origin in headers.getlist("origin"):
            if urlsplit(origin).netloc.lower() != hosts[0].lower():
                return f"Origin: a page of {origin!r} may not ask this server."
        return None


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

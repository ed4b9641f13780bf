"""What every request must pass before it reaches the page, and what every answer says to the browser."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from partpose.serve.limits import Limits, Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

UPLOAD = "/api/pictures"
READING = ("GET", "HEAD", "OPTIONS")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class Guard:
    """Refuses other hosts' names, other sites' writes, and bodies that are too large; forbids browsers to load anything else.

    hosts: the names under which the page may be asked for, or None for any. A page of another site whose name is made to
    point here (DNS rebinding) asks under its own name.
    """

    def __init__(self, app: App, limits: Limits, hosts: frozenset[str] | None) -> None:
        self.app, self.limits, self.hosts = app, limits, hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return None

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = [pair for pair in message.get("headers", []) if pair[0].lower().decode() not in HEADERS]
                message["headers"] = there + [(k.encode(), v.encode()) for k, v in HEADERS.items()]
            await send(message)

        try:
            self._check(scope)
        except Refusal as refusal:
            return await _answer(refusal, with_headers)
        return await self.app(scope, receive, with_headers)

    def _check(self, scope: Message) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if self.hosts is not None and _name(host) not in self.hosts:
            raise Refusal(
                403, f"this page is not called {host[:80]!r}: expected one of {', '.join(sorted(self.hosts))}"
            )
        if scope["method"] in READING:
            return
        origin = headers.get("origin")
        if origin is not None and _place(origin) != host:
            raise Refusal(403, "only this page itself may change anything here")
        if "transfer-encoding" in headers:
            raise Refusal(411, "the length of the body must be said before it")
        most = self.limits.upload if scope["path"] == UPLOAD else self.limits.body
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > most:
            raise Refusal(413, f"expected at most {most} bytes, got {length[:20]}")


def _place(origin: str) -> str:
    """The host and port in an Origin header."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


async def _answer(refusal: Refusal, send: Send) -> None:
    body = json.dumps({"error": str(refusal)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

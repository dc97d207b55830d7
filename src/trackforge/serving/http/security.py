"""Who may ask: hosts against DNS rebinding, origins against pages of others, a token against everybody else.

* **Host.** A server that listens to this machine alone answers to ``localhost`` and loopback addresses only: a page of
  ``evil.example`` whose name leads to 127.0.0.1 asks by that name, and gets 421. ``hosts`` names more.
* **Origin.** What changes something, and every WebSocket, is refused (403) where a browser says that a page of another
  origin asks (``Origin``, ``Sec-Fetch-Site``); ``origins`` lists those that may. No answer can be read from elsewhere.
* **Token.** ``Authorization: Bearer ...``, compared in constant time. Since browsers send no such header for pictures
  and WebSockets, ``GET /?token=...`` leaves a cookie (HttpOnly, SameSite=Strict) that is not the token, and leads to
  ``/``. Nothing else takes a token from an address, where it would get into logs. Health and the empty page need none.

Every answer says that its type is not to be guessed, that no other site may frame or embed it, and where scripts of
pages may come from: the server itself.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trackforge.intake.showing import visible
from trackforge.serving.http.denials import BadRequest, ForeignHost, ForeignOrigin, Unauthorised
from trackforge.serving.http.problems import problem_response
from trackforge.serving.refusals import Refusal
from trackforge.serving.run import ServingRun

__all__ = ["COOKIE", "HEADERS", "Guard", "is_open"]

COOKIE = "trackforge"
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What every answer says, unless an operation says otherwise."""
OPEN = frozenset({"/", "/favicon.ico", "/healthz", "/readyz", "/ping", "/v2/health/live", "/v2/health/ready"})
"""Paths that need no token; the page at ``/`` is empty without one."""
_OPEN_BELOW = ("/static/",)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
_BREAKS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def is_open(path: str) -> bool:
    """Tell whether a path needs no token."""
    return path in OPEN or path.startswith(_OPEN_BELOW)


class Guard:
    """Lets in who may, and gives every answer its headers.

    Args:
        app: What is behind it.
        run: The settings: host, hosts, origins, token.
        always_open: Further paths that need no token.
    """

    def __init__(self, app: ASGIApp, run: ServingRun, always_open: Iterable[str] = ()) -> None:
        self.app, self._local = app, run.local
        self._token = run.token or ""
        self._names = {name.strip().casefold() for name in (*run.hosts, run.host.strip("[]"), "localhost")}
        self._any = "*" in run.hosts or not (run.hosts or run.local)
        self._origins = {origin.strip().rstrip("/").casefold() for origin in run.origins}
        self._open = frozenset(always_open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        secured = self._secured(send)
        try:
            if "content-length" in headers and "transfer-encoding" in headers:  # two servers may read two requests
                raise BadRequest("A request must have Content-Length or Transfer-Encoding; got both. Drop one.")
            self._host(headers)
            self._origin(scope, headers)
            if self._enters(scope):
                await self._entrance(scope, receive, secured)
                return
            self._authorised(scope, headers)
        except Refusal as refusal:
            said = {"Connection": "close"} if isinstance(refusal, BadRequest) else {}
            request_id = scope.get("state", {}).get("request_id", "")
            await problem_response(refusal, request_id, said)(scope, receive, secured)
            return
        await self.app(scope, receive, secured)

    def _host(self, headers: Headers) -> None:
        stated = headers.getlist("host")
        found = _HOST.fullmatch(stated[0]) if len(stated) == 1 else None
        if found is None:
            raise ForeignHost("A request must have one header Host, a name or an address. Send it.")
        if self._any:
            return
        name = found[1].strip("[]").rstrip(".").casefold()
        address = _address(name)  # rebinding takes a name; an address leads where it says
        if name in self._names or (address is not None and (address.is_loopback or not self._local)):
            return
        raise ForeignHost(
            f"The server must be asked for by a name of its own; got {visible(name, keep='')[:100]!r}. Use its "
            "address, or let it be started with --hosts."
        )

    def _origin(self, scope: Scope, headers: Headers) -> None:
        if scope["type"] == "http" and scope["method"] in _SAFE:
            return
        stated = headers.getlist("origin")
        site = headers.get("sec-fetch-site", "none")
        if not stated:
            if site in ("cross-site", "same-site"):
                raise _foreign("a page of another site")
            return
        origin = stated[0].rstrip("/").casefold()
        if len(stated) == 1 and (origin in self._origins or _authority(origin) == headers["host"].casefold()):
            return
        raise _foreign(visible(", ".join(stated), keep="")[:100])

    def _authorised(self, scope: Scope, headers: Headers) -> None:
        if not self._token or is_open(scope["path"]) or scope["path"] in self._open:
            return
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.casefold() == "bearer" and _same(given.strip(), self._token):
            return
        if _same(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""), _cookie(self._token)):
            return
        raise Unauthorised(
            "A request must carry the server's token; got none, or a wrong one. Send 'Authorization: Bearer TOKEN', or "
            "open /?token=TOKEN in a browser."
        )

    def _enters(self, scope: Scope) -> bool:
        """Tell whether somebody comes to the page with a token in the address."""
        return scope["type"] == "http" and scope["path"] == "/" and "token" in _asked(scope)

    async def _entrance(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = _asked(scope)["token"]
        if self._token and not _same(given[0], self._token):
            raise Unauthorised("The token in the address must be the server's; got another. Copy it again.")
        secure = scope["scheme"] in ("https", "wss")
        response = RedirectResponse("/", status_code=303)
        if self._token:
            response.set_cookie(COOKIE, _cookie(self._token), httponly=True, samesite="strict", path="/", secure=secure)
        await response(scope, receive, send)

    def _secured(self, send: Send) -> Send:
        async def secured(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                if any(_BREAKS.search(name) or _BREAKS.search(value) for name, value in message["headers"]):
                    failure = "an answer's header holds a line break"
                    raise RuntimeError(failure)  # before a byte is out; h11 would refuse it, too
                headers = MutableHeaders(raw=message["headers"])
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                message = {**message, "headers": headers.raw}
            await send(message)

        return secured


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _asked(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _authority(origin: str) -> str:
    try:
        parts = urlsplit(origin)
        return parts.netloc if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""


def _foreign(who: str) -> ForeignOrigin:
    return ForeignOrigin(
        f"Only pages of the server itself may ask for that; {who} did. Let the server be started with --origins to "
        "allow another."
    )


def _same(given: str, wanted: str) -> bool:
    """Compare in a time that tells nothing, of texts of any characters and lengths."""
    digests = [hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (given, wanted)]
    return hmac.compare_digest(*digests)


def _cookie(token: str) -> str:
    """Return what the cookie holds: who reads it knows no token."""
    return hmac.new(token.encode("utf-8", "surrogateescape"), b"trackforge cookie", "sha256").hexdigest()

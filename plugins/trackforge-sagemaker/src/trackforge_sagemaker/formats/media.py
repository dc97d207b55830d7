"""Media types as ``Content-Type`` and ``Accept`` state them, and which form of an answer is meant.

The forms and how they are asked for; without a word, ``application/json`` means what the server was told that it means:

============== ======================================================== ========= ========= =========
form           ``Accept``                                               picture   session   film
============== ======================================================== ========= ========= =========
``trackforge`` ``application/json;format=trackforge``                   yes       yes       yes
``builtin``    ``application/json;format=builtin``                      yes       no        no
``annotation`` ``application/json;annotation=1``                        yes       no        no
``bytetrack``  ``application/json;format=bytetrack``                    yes       no        yes
``fairmot``    ``application/json;format=fairmot``                      no        yes       no
``lines``      ``application/jsonlines``, ``application/x-ndjson``, ... no        no        yes
``mot``        ``text/csv``, ``text/plain``                             no        no        yes
``mp4``        ``video/mp4``                                            no        no        yes
============== ======================================================== ========= ========= =========

Source: RFC 9110, sections 8.3 and 12.5.1; SageMaker's developer guide for ``annotation=1``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from trackforge.intake.showing import visible
from trackforge.serving.refusals import Refusal

__all__ = ["Form", "Media", "NotAcceptable", "Subject", "UnsupportedMedia", "chosen", "media_type", "subject_of"]

Form = Literal["trackforge", "builtin", "annotation", "bytetrack", "fairmot", "lines", "mot", "mp4"]
Subject = Literal["picture", "json", "film"]
Asked = Literal["picture", "session", "film"]

_FORMS: Mapping[Asked, tuple[Form, ...]] = {
    "picture": ("trackforge", "builtin", "annotation", "bytetrack"),
    "session": ("trackforge", "fairmot"),
    "film": ("trackforge", "bytetrack", "lines", "mot", "mp4"),
}
_JSON = "application/json"
_TYPES: Mapping[str, Form] = {
    "application/jsonlines": "lines",
    "application/jsonl": "lines",
    "application/x-jsonlines": "lines",
    "application/x-ndjson": "lines",
    "text/csv": "mot",
    "text/plain": "mot",
    "video/mp4": "mp4",
}
_ANY = ("*/*", "application/*", "")
_PICTURES = ("application/x-image",)
_UNSAID = ("", "application/octet-stream", "binary/octet-stream")
"""What says nothing about the content: it is looked at."""
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM")
_LONGEST = 1024
_PART = re.compile(r'(?:[^,;"]|"(?:[^"\\]|\\.)*")+')


class UnsupportedMedia(Refusal):
    """The content is of a type that nobody here reads."""

    status: ClassVar[int] = 415


class NotAcceptable(Refusal):
    """The answer is wanted in a form that there is none of."""

    status: ClassVar[int] = 406


@dataclass(frozen=True)
class Media:
    """A media type; ``name`` and the names of parameters in lower case, values without quotes.

    >>> media_type('Application/JSON; annotation=1;verbose')
    Media(name='application/json', parameters={'annotation': '1', 'verbose': ''})
    """

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def weight(self) -> float:
        """How much it is wanted, ``q`` of ``Accept``; what is no number counts as not wanted."""
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0


def media_type(text: str | None) -> Media:
    """Read a media type; nothing gives the empty one."""
    first, *rest = _PART.findall((text or "")[:_LONGEST].replace(",", ";")) or [""]
    parameters = {}
    for part in rest:
        name, _, value = part.partition("=")
        if name.strip():
            parameters[name.strip().lower()] = value.strip().strip('"')
    return Media(first.strip().lower(), parameters)


def subject_of(content_type: str | None, head: bytes) -> Subject:
    """Return what a body is, by its type, or by its first bytes where the type says nothing.

    Args:
        content_type: The header, or None.
        head: The first bytes of the body, 16 of them at least where there are as many.

    Raises:
        UnsupportedMedia: Nobody here reads it.
    """
    name = media_type(content_type).name
    if name in _UNSAID:
        webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
        if webp or head.startswith(_MAGIC):
            return "picture"
        return "json" if head.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] == b"{" else "film"
    if name.startswith("image/") or name in _PICTURES:
        return "picture"
    if name == _JSON or name.endswith("+json"):
        return "json"
    if name.startswith("video/") or name == "application/mp4":
        return "film"
    raise UnsupportedMedia(
        "Content-Type must be image/jpeg, image/png, application/x-image or the like, application/json, or video/...; "
        f"got {visible(name[:80], keep='')!r}."
    )


def chosen(accept: str | None, asked: Asked, default: Form) -> Form:
    """Return the form of the answer that is wanted.

    >>> chosen("application/json;annotation=1", "picture", "trackforge")
    'annotation'
    >>> chosen("text/html, */*;q=0.1", "film", "mot")
    'mot'

    Args:
        accept: The header, or None for whatever there is.
        asked: What the answer is about: a picture by itself, a frame of a session, or a film.
        default: What plain ``application/json``, and no word at all, mean.

    Raises:
        NotAcceptable: None of the wanted forms is given for that.
    """
    wanted = [media_type(part) for part in _split((accept or "")[:_LONGEST])] or [Media("")]
    for media in sorted(wanted, key=lambda one: -one.weight):
        form = _form(media, default) if media.weight > 0 else None
        if form is not None and form in _FORMS[asked]:
            return form
    raise NotAcceptable(
        f"An answer about a {asked} is {', '.join(_FORMS[asked])}; got {visible((accept or '')[:80], keep='')!r}. "
        "Ask for application/json;format=... with one of these"
        + (", for application/jsonlines, text/csv or video/mp4." if asked == "film" else ".")
    )


def _form(media: Media, default: Form) -> Form | None:
    if media.name in _ANY:
        return default
    if media.name == _JSON:
        if media.parameters.get("annotation") == "1":
            return "annotation"
        named = media.parameters.get("format", default)
        return next((form for forms in _FORMS.values() for form in forms if form == named), None)
    return _TYPES.get(media.name)


def _split(text: str) -> list[str]:
    """Divide a list at its commas, those within quotes apart."""
    return [part.strip() for part in re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+', text) if part.strip()]

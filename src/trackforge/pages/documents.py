"""The shell of a page: head, styles, scripts, data, and a policy under which it can reach no network.

The policy (a Content-Security-Policy in the page itself) names the styles and scripts by their SHA-256, so that nothing
that a file smuggled in would run, and allows no address but ``data:`` and ``blob:``. Hence a page has no ``style=``
and no ``on...=`` attributes: classes, and listeners in scripts.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trackforge import __version__
from trackforge.io.atomic import atomic_path
from trackforge.pages.assets import asset
from trackforge.pages.templates import markup, render

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["DataBlock", "document", "write"]

_SHELL = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="trackforge {{ version }}">
<title>{{ title }}</title>
{% for style in styles %}
<style>{{ style }}</style>
{% endfor %}
</head>
<body>
<header class="page-head">
<h1>{{ title }}</h1>
{% if subtitle %}
<p class="subtitle">{{ subtitle }}</p>
{% endif %}
</header>
<main>
{{ body }}
</main>
<footer class="page-foot">Written by trackforge {{ version }}. This file is whole: it loads nothing.</footer>
{% for block in data %}
<script type="{{ block.type }}" id="{{ block.name }}">{{ block.text }}</script>
{% endfor %}
{% for script in scripts %}
<script>{{ script }}</script>
{% endfor %}
</body>
</html>
"""


@dataclass(frozen=True)
class DataBlock:
    """Data that scripts find by its id: ``JSON.parse(document.getElementById(name).textContent)``.

    Attributes:
        name: The id.
        value: What JSON can say; or bytes, which stand there as base64.
    """

    name: str
    value: Any

    @property
    def type(self) -> str:
        """The media type, none of which a browser runs."""
        return "text/plain" if isinstance(self.value, bytes) else "application/json"

    @property
    def text(self) -> Markup:
        """The text, with nothing in it that could end its element."""
        if isinstance(self.value, bytes):
            return markup(base64.b64encode(self.value).decode())
        text = json.dumps(self.value, separators=(",", ":"), allow_nan=False)
        for sign in "<>&":  # all three stand within strings only
            text = text.replace(sign, f"\\u{ord(sign):04x}")
        return markup(text)


def document(
    title: str,
    body: Markup | str,
    *,
    subtitle: Markup | str = "",
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    data: Iterable[DataBlock] = (),
    media: Sequence[str] = (),
) -> str:
    """Return a whole HTML page.

    Args:
        title: Its heading, and the title of its window.
        body: What `render` and the other makers of parts give; plain text is escaped.
        subtitle: A line below the heading.
        styles: CSS after the page's own.
        scripts: JavaScript, at the end.
        data: What scripts need.
        media: Further sources from which films may come, say ``"file:"``; none is reached otherwise.

    Raises:
        MissingDependencyError: Jinja2 is not installed.
        ValueError: A style or script would end its element early.
    """
    styles = [asset("page.css"), *styles]
    for text in (*styles, *scripts):
        if any(end in text.lower() for end in ("</script", "</style", "<!--")):
            message = "A style or script must not hold '</script', '</style' or '<!--'. Write it in two parts."
            raise ValueError(message)
    policy = {
        "default-src": ["'none'"],
        "img-src": ["data:", "blob:"],
        "media-src": ["data:", "blob:", *media],
        "style-src": [_hash(style) for style in styles],
        "script-src": [_hash(script) for script in scripts] or ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    return str(
        render(
            _SHELL,
            title=title,
            subtitle=subtitle,
            body=body,
            styles=[markup(style) for style in styles],
            scripts=[markup(script) for script in scripts],
            data=list(data),
            policy=_policy(policy),
            version=__version__,
        )
    )


def write(path: str | Path, text: str) -> None:
    """Write a page whole or not at all.

    Raises:
        SinkError: The place cannot be written to.
    """
    with atomic_path(path) as partial:
        partial.write_bytes(text.encode())  # as it is: another end of line would not fit the hashes


def _hash(text: str) -> str:
    """Return the name of an inline style or script in a policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _policy(parts: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{name} {' '.join(values)}" for name, values in parts.items())

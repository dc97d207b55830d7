"""What pages have in common beside their shell: the styles of every page, and the script of ids."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["asset"]


def asset(name: str) -> str:
    """Return the text of a file that ships with this package.

    Args:
        name: ``page.css``, the styles of every page, by variables, light and dark; ``ids.js``, a plain script with
            ``colourOf(id)``, the colours of the overlay, and ``idFilter(text)``.
    """
    return files(__package__).joinpath(name).read_text(encoding="utf-8")

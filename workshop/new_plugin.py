"""Make a plugin that passes everything: ``make new-plugin NAME=x``, or ``python workshop/new_plugin.py x [summary]``.

The folder ``workshop/plugin`` is copied, and the plugin's name goes into the lists that cannot be derived;
``tests/contract/test_house_rules.py`` checks that they agree with ``plugins/``.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEMPLATE = Path(__file__).with_name("plugin")


def make(name: str, summary: str, root: Path = ROOT) -> Path:
    """Write ``plugins/trackforge-<name>`` and enter it everywhere; return its folder.

    Raises:
        SystemExit: The name is no lower-case word, or taken; nothing is written then.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*", name) or name in ("newcomer", "mot"):
        raise SystemExit(f"NAME must be a lower-case word of letters and digits; got {name!r}. Try NAME=mymethod.")
    folder = root / "plugins" / f"trackforge-{name}"
    if folder.exists():
        raise SystemExit(f"NAME must be new; {folder} is there already. Take another, or remove it.")
    version = re.search(r'^version = "(.+)"$', _read(root / "pyproject.toml"), re.MULTILINE)
    assert version is not None
    words = {"newcomer": name, "Newcomer": name.capitalize(), "SUMMARY": summary, "0.0.0": version[1]}
    # every edit first, so that a list that has changed its form stops us before anything is written
    written = dict(_entries(root, name, summary))
    for source in sorted(path for path in TEMPLATE.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        written[folder / _filled(str(source.relative_to(TEMPLATE)), words)] = _filled(_read(source), words)
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def _entries(root: Path, name: str, summary: str) -> list[tuple[Path, str]]:
    """Return the lists of plugins with a line more, each behind its last plugin."""
    plugin = rf"^    trackforge_(?!{name}\b)\w+\n"
    contracts = re.sub(
        rf"((?:{plugin})+)", rf"\1    trackforge_{name}\n", _read(root / "setup.cfg"), flags=re.MULTILINE
    )
    lists = contracts.count("    trackforge_byte\n")
    assert lists, "setup.cfg must list plugins."
    assert contracts.count(f"    trackforge_{name}\n") == lists, "every list in setup.cfg must have the new plugin."
    edits = [(root / "setup.cfg", contracts)]
    for file, pattern, line in (
        ("requirements/dev.txt", r"-e plugins/", f"-e plugins/trackforge-{name}"),
        ("requirements/matrix.txt", r"-e plugins/", f"-e plugins/trackforge-{name}"),
        ("src/trackforge/registry/official.py", r'    "trackforge-', f'    "trackforge-{name}": "{summary}",'),
        (
            "docs/architecture.md",
            r"\| `trackforge-",
            f"| `trackforge-{name}` | `trackforge_{name}` | core | {summary} |",
        ),
    ):
        lines = _read(root / file).splitlines(keepends=True)
        last = max((place for place, text in enumerate(lines) if re.match(pattern, text)), default=None)
        assert last is not None, f"{file} must list plugins."
        edits.append((root / file, "".join([*lines[: last + 1], line + "\n", *lines[last + 1 :]])))
    return edits


def _filled(text: str, words: dict[str, str]) -> str:
    return re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], text)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("summary", nargs="?", default="")
    given = parser.parse_args()
    made = make(given.name, given.summary or f"The method {given.name}")
    print(f"wrote {made.relative_to(ROOT)}; the next make installs it")  # noqa: T201

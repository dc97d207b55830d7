"""What no linter checks: plugins live on public names, and every list of plugins names those that are there."""

from __future__ import annotations

import ast
import configparser
import importlib
import importlib.util
from pathlib import Path

import pytest

from trackforge.registry.official import OFFICIAL

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
MODULES = [name.replace("-", "_") for name in PLUGINS]
FILES = sorted(ROOT.glob("plugins/*/src/**/*.py"))


def _borrowed(file: Path):
    """Yield (module, name) for every name that a file imports from core."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == "trackforge":
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "trackforge")


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugins_use_public_names_only(plugin):
    """A module's public names are its ``__all__``; a name with an underscore is nobody else's."""
    private = []
    for file in (f for f in FILES if plugin in f.parts):
        for module, name in _borrowed(file):
            public = getattr(importlib.import_module(module), "__all__", ())
            hidden = any(part.startswith("_") for part in f"{module}.{name}".split(".") if part)
            if hidden or (name and name not in public and not _is_module(f"{module}.{name}")):
                private.append(f"{file.relative_to(ROOT)}: from {module} import {name}")
    assert not private


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _lines(file: str) -> list[str]:
    return (ROOT / "requirements" / file).read_text(encoding="utf-8").splitlines()


def test_every_list_names_every_plugin():
    """`make new-plugin` writes these lists; this test is for whoever removes or renames a plugin."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / "setup.cfg")
    for section, key in (
        ("importlinter", "root_packages"),
        ("importlinter:contract:circles", "ancestors"),
        ("importlinter:contract:plugins", "modules"),
        ("importlinter:contract:command", "source_modules"),
        ("importlinter:contract:core", "forbidden_modules"),
    ):
        named = contracts[section][key].split()
        assert sorted(n for n in named if n.startswith("trackforge_")) == MODULES, section
    for file in ("dev.txt", "matrix.txt"):
        named = [line.partition("plugins/")[2].partition("[")[0] for line in _lines(file) if "-e plugins/" in line]
        assert sorted(named) == PLUGINS, file
    assert sorted(OFFICIAL) == PLUGINS


def test_the_architecture_page_shows_the_layers_of_the_contract():
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / "setup.cfg")
    layers = contracts["importlinter:contract:layers"]["layers"].strip().replace(" | ", " · ")
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert f"```text\n{layers}\n```" in page

"""Make the wheels of an image: ours from the checkout, and of other people's those that its base lacks.

Runs in the Dockerfile's first stage, with nothing but Python and pip; what it writes is installed without a network.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

BIG = re.compile(r"(torch|triton|cuda|nvidia)\b.*")
"""Distributions that get a layer of their own."""


def main(argv: Sequence[str] | None = None) -> None:
    """Write wheels, and ``torch.txt``, ``others.txt`` and ``ours.txt`` that name them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="the checkout")
    parser.add_argument("wheels", type=Path, help="folder for the wheels")
    parser.add_argument("wanted", nargs="+", help="our distributions, with extras: trackforge-mot[serve]")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that will have them")
    parser.add_argument("--constraints", type=Path, help="versions to keep to")
    parser.add_argument("--index", default="", help="one more package index")
    parser.add_argument("--instead", default="", help="NAME=OTHER: install OTHER in the place of NAME")
    given = parser.parse_args(argv)
    ours = own_wheels(given.source, given.wheels / "ours", given.wanted)
    options = ["--extra-index-url", given.index] if given.index else []
    if given.constraints:
        kept = given.wheels / "constraints.txt"
        kept.write_text(without_installed(given.constraints.read_text(), given.python))
        options += ["--constraint", str(kept)]
    missing = lacking(ours, given.python, options)
    for pair in given.instead.split():
        name, _, other = pair.partition("=")
        if missing.pop(name, None):
            missing[other] = ""
    big = {name: version for name, version in missing.items() if BIG.fullmatch(name)}
    rest = {name: version for name, version in missing.items() if name not in big}
    for title, packages in (("torch", big), ("others", rest)):
        folder = given.wheels / title
        folder.mkdir(parents=True)
        lines = [f"{name}=={version}" if version else name for name, version in packages.items()]
        if lines:
            pip("wheel", "--no-deps", "--wheel-dir", folder, *options, *lines)
        listed(given.wheels / f"{title}.txt", folder)
    listed(given.wheels / "ours.txt", given.wheels / "ours")


def own_wheels(source: Path, folder: Path, wanted: Sequence[str]) -> list[str]:
    """Build each distribution of ours that is wanted; return requirements that name the wheels, with the extras."""
    projects = {}
    for text in wanted:
        name = text.partition("[")[0]
        project = source if name == "trackforge-mot" else source / "plugins" / name
        if not (project / "pyproject.toml").is_file():
            raise SystemExit(f"INSTALL must name distributions of this checkout; got {name!r}, which it has not.")
        projects[text] = project
    with tempfile.TemporaryDirectory() as tools:
        # Once for all of them; each would otherwise fetch its own.
        pip("install", "--target", tools, "setuptools>=77")
        pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, *projects.values(), path=tools)
    requirements = []
    for text in projects:
        name, bracket, extras = text.partition("[")
        (wheel,) = folder.glob(f"{name.replace('-', '_')}-*.whl")
        requirements.append(f"{name}{bracket}{extras} @ {wheel.resolve().as_uri()}")
    return requirements


def lacking(requirements: Sequence[str], python: str, options: Sequence[str]) -> dict[str, str]:
    """Return name -> version of other people's distributions that the requirements want and ``python`` lacks."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        pip("--python", python, "install", "--dry-run", "--report", report, *options, *requirements)
        chosen = json.loads(report.read_text())["install"]
    found = {item["metadata"]["name"].lower().replace("_", "-"): item for item in chosen}
    names = {text.partition("[")[0].partition(" ")[0] for text in requirements}
    # Ours are on no index yet: what came from one by such a name is somebody else's.
    strangers = [name for name in found if name.startswith("trackforge") and name not in names]
    if strangers:
        raise SystemExit(
            f"INSTALL must name every distribution of ours that it needs; it lacks {', '.join(strangers)}."
        )
    return {name: item["metadata"]["version"] for name, item in found.items() if name not in names}


def without_installed(constraints: str, python: str) -> str:
    """Return the lines of a constraints file but those of what ``python`` has: a base's own torch stays."""
    script = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    told = subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout
    installed = {name.lower().replace("_", "-") for name in told.split()}
    lines = constraints.splitlines()
    return "".join(f"{line}\n" for line in lines if line.partition("==")[0].lower().replace("_", "-") not in installed)


def listed(path: Path, folder: Path) -> None:
    """Write a requirements file that names each wheel of a folder."""
    path.write_text("".join(f"{wheel.resolve().as_uri()}\n" for wheel in sorted(folder.glob("*.whl"))))


def pip(*words: object, path: str = "") -> None:
    """Run pip, with a folder of packages that what it starts shall find; its failure is ours."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    subprocess.run(list(map(str, command)), check=True, env={**os.environ, **({"PYTHONPATH": path} if path else {})})


if __name__ == "__main__":
    main()

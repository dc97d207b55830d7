"""The image without Docker: built by workshop/image over this machine's packages, then run as containers.

The base is this machine itself, with the packages of the test environment as those that a base brings along
(``ARG BASE`` with torch in it): the Dockerfile then installs ours from wheels and nothing else, in seconds and without
a network. Neither the checkout nor the environment's own trackforge can be seen from inside.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
TOOL = [sys.executable, str(ROOT / "workshop" / "image")]


@dataclass
class Image:
    """An image: a folder that ``workshop/image build`` filled, seen by ``holder`` where it is given."""

    out: Path
    around: list[str]
    holder: subprocess.Popen[str] | None = None

    @property
    def description(self) -> dict[str, Any]:
        """What Docker would call the image's configuration, and its layers."""
        text = self.within(["cat", str(self.out / "image.json")]).stdout
        return dict(json.loads(text))

    def within(self, words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command where the image is mounted."""
        return subprocess.run([*self._enter(), *words], capture_output=True, text=True, check=True, **options)

    def container(self, ml: Path, *words: str, python: str = "", **variables: str) -> list[str]:
        """Return the command that starts a container without a network; it is its process's only child.

        Args:
            ml: What it finds at ``/opt/ml``.
            words: ``train``, ``serve`` or ``process`` and what follows.
            python: A script to be run in the place of the entry point.
            variables: Its environment.
        """
        options = ["--opt-ml", str(ml), *(f"--env={name}={value}" for name, value in variables.items())]
        if python:
            options += ["--entrypoint=python", "--entrypoint=-c", f"--entrypoint={python}"]
        return [*self._enter(), *TOOL, "run", str(self.out), *self.around, *options, "--", *words]

    def _enter(self) -> list[str]:
        if self.holder is None:
            return []
        return ["nsenter", f"--target={self.holder.pid}", "--mount", f"--wd={Path.cwd()}", "--"]


@contextlib.contextmanager
def built(folder: Path) -> Iterator[Image]:
    """Carry out the Dockerfile, and keep what came of it while the block lasts.

    Args:
        folder: New, for the image.
    """
    whole = os.environ.get("TRACKFORGE_IMAGE")
    if whole:  # one that `make image-root` made, with a Debian and all packages of its own
        yield Image(Path(whole), [])
        return
    out, brought = folder / "image", folder / "brought.pth"
    out.mkdir(parents=True)
    brought.write_text("/brought\n")  # a plain path: what is editable in there stays out
    site = sysconfig.get_path("purelib")
    base = Path(sys.base_prefix)
    theirs = base / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages" / brought.name
    around = [
        f"--bind={site}=/brought",
        f"--bind={brought}={theirs}",
        f"--hide={ROOT}",
        "--hide=/tmp",
        "--hide=/root/.cache",
    ]
    words = [*TOOL, "build", str(out), "--tmpfs", "--base=/", *around, f"--build-arg=PYTHON={base}/bin/python3"]
    words += [f"--env={name}={value}" for name, value in os.environ.items() if name.startswith("PIP_")]
    with (folder / "log").open("wb") as log:
        holder = subprocess.Popen(
            [*words, "--", "sh", "-c", "echo built; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert holder.stdout is not None
        said = holder.stdout.readline()
        assert said == "built\n", f"{said}\n{(folder / 'log').read_text(errors='replace')[-4000:]}"
        yield Image(out, around, holder)
    finally:
        assert holder.stdin is not None
        holder.stdin.close()
        holder.wait(60)
        holder.stdout.close()


def need() -> None:
    """Skip where an overlay in namespaces of one's own is not granted."""
    script = "mount -t tmpfs t /tmp && mkdir /tmp/u /tmp/w /tmp/m && "
    script += "mount -t overlay o -o lowerdir=/,upperdir=/tmp/u,workdir=/tmp/w /tmp/m"
    words = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", script]
    try:
        granted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        granted = False
    if not granted:
        pytest.skip("needs root, namespaces and overlay file systems, which this machine does not grant")

"""The examples of a page, and how they are run: every fenced block of Markdown, in order, in one folder.

A page is one program: its Python blocks share their names, its commands share the folder. Which blocks run:

* ``python``: all of them.
* ``sh``: every line is a command. ``console``: the lines after ``$``; the others are what is printed.
  Commands of ours run here, so that a page takes one process; what needs a shell, or another program, gets one.
* ``toml``, ``json``: are parsed; a first line ``# name.toml`` writes the file.
* ``text`` is no example. Directives, ``{...}``, are Sphinx's.

``pip install``, ``make`` and ``source`` are not carried out, but what they name must be there. ``<!-- not run: why
-->`` before a block leaves it out; its commands are parsed all the same, so that every flag exists. ``<!-- executed by
FILE -->`` names the test that runs it.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- (?P<what>not run|executed by):? (?P<why>[^\n]*?) -->\n\Z")
LANGUAGES = ("python", "sh", "console", "toml", "json", "text")
SHELL = re.compile(r"[|<>&;`$*]|^\w+=")
OTHERS = ("onnxruntime", "onnxruntime-gpu", "mxnet==1.9.1", "gluoncv==0.10.5.post0")
"""What an index does have."""
NOT_CARRIED_OUT = re.compile(r"(pip|make|source) ")
FILE = re.compile(r"# ([\w./-]+\.toml)\n")


@dataclass(frozen=True)
class Block:
    """One fenced block: where it stands, its text, and why it is not run (empty: it is)."""

    page: Path
    line: int
    language: str
    text: str
    why: str = ""
    test: str = ""

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def commands(self) -> list[str]:
        """The commands of a block for the shell, comments removed, continued lines joined."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        return [line for line in (re.sub(r"(^|\s)#\s.*$", "", line).strip() for line in lines) if line]


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page but Sphinx's directives."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        language = match["language"].strip()
        if language.startswith("{"):
            continue
        mark = MARK.search(text[: match.start()])
        what, why = (mark["what"], mark["why"]) if mark else ("", "")
        indent = len(match["indent"])
        body = "".join(line[indent:] for line in match["text"].splitlines(keepends=True))
        found.append(
            Block(
                page,
                text[: match.start()].count("\n") + 1,
                language,
                body,
                why if what == "not run" else "",
                why if what == "executed by" else "",
            )
        )
    return found


def check(block: Block) -> None:
    """Check what can be checked without running it."""
    assert block.language in LANGUAGES, f"{block.place}: say which language, one of {LANGUAGES}"
    if block.language == "python":
        compile(block.text, block.place, "exec")
    elif block.language == "toml":
        tomllib.loads(block.text)
    elif block.language == "json":
        json.loads(block.text)
    if block.test:
        test = (ROOT / block.test).read_text(encoding="utf-8")
        assert block.page.name in test, f"{block.place}: {block.test} does not name this page"
    for command in block.commands() if block.language in ("sh", "console") else ():
        if not NOT_CARRIED_OUT.match(command):
            _parse(command, block.place)
            continue
        for part in re.split(r" && | \| ", command):
            if part.startswith("pip"):
                _check_pip(part, block.place)
            elif part.startswith("make"):
                _check_make(part, block.place)


def run(block: Block, names: dict[str, object]) -> None:
    """Run a block in the folder that is the current one."""
    if block.why or block.test or block.language in ("text", "json"):
        return
    if block.language == "toml":
        if found := FILE.match(block.text):
            Path(found[1]).write_text(block.text, encoding="utf-8")
        return
    with _as_it_was():
        if block.language == "python":
            code = compile("\n" * block.line + block.text, str(block.page), "exec")
            with contextlib.redirect_stdout(io.StringIO()):
                exec(code, names)
            return
        for command in block.commands():
            if not NOT_CARRIED_OUT.match(command):
                _execute(command, block.place)


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """Undo what the command line does to warnings and logging: it thinks that the process is its own."""
    log = logging.getLogger("trackforge")
    handlers, level = log.handlers[:], log.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            log.handlers[:] = handlers
            log.setLevel(level)


def _execute(command: str, place: str) -> None:
    words = shlex.split(command)
    if words[0] == "trackforge" and not SHELL.search(command):
        from trackforge.cli import main

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words[1:])
        said = out.getvalue() + err.getvalue()
    else:
        paths = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command}"],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, "PATH": paths},
        )
        code, said = done.returncode, done.stdout + done.stderr
    assert code == 0, f"{place}: exit {code}\n$ {command}\n{said}"


def _parse(command: str, place: str) -> None:
    """Check that the flags of a command of ours exist, whatever it would do."""
    if "..." in command:
        return
    for part in re.split(r" && | \| | > | \d?> ", command):
        words = shlex.split(part)
        while words and re.match(r"\w+=", words[0]):
            words.pop(0)
        if not words or words[0] != "trackforge" or len(words) == 1:
            continue
        from trackforge.cli.app import app, spelt

        if words[1] == "sagemaker":  # a plugin's command, which has a tree of its own
            from trackforge_sagemaker.control.command import tree

            app = tree()
        try:
            app.parse_args(spelt([w for w in words[1:] if w != "--debug"]), exit_on_error=False, print_error=False)
        except Exception as error:
            raise AssertionError(f"{place}: {part}\n{type(error).__name__}: {error}") from error


def _check_make(command: str, place: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [word for word in shlex.split(command)[1:] if "=" not in word]
    assert targets, place
    for target in targets:
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), f"{place}: make knows no {target}"


def _check_pip(command: str, place: str) -> None:
    """What is installed lies in the checkout, for no index has it yet, and has the extras that are asked for."""
    words = shlex.split(command)
    assert words[1] in ("install", "uninstall"), f"{place}: {command}"
    for word in words[2:]:
        if word.startswith("-") or word in OTHERS:
            continue
        where, _, extras = word.rstrip("]").partition("[")
        folder = ROOT / where
        assert (folder / "pyproject.toml").exists(), (
            f"{place}: {word} must be a folder of the checkout; no index has it before the first release"
        )
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        known = project.get("optional-dependencies", {})
        assert not (set(extras.split(",")) - {""} - set(known)), f"{place}: {word}; extras are {sorted(known)}"

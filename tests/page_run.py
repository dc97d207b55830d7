"""A page that goes through a recipe, carried out as its reader would: names that a command prints stand in later ones.

In blocks of the shell, ``name=$(command)`` keeps what a command prints, ``$name`` puts it in, ``export NAME=VALUE``
sets a variable. Blocks that are not run, since nothing stands in for what they need, are shown: with ``--dry-run``,
where every request is held against the service model.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from doc_blocks import FILE, Block, _as_it_was, blocks

KEEPS = re.compile(r"(\w+)=\$\((.*)\)")
EXPORTS = re.compile(r"export (\w+)=(\S+)")


class Page:
    """A page, whose blocks of one test are run in order in the current folder.

    Args:
        path: The page.
        test: Name of the test's file.
        patch: Sets variables, and takes them back.
        before: Is told every command of ours before it is run.
    """

    def __init__(
        self, path: Path, test: str, patch: pytest.MonkeyPatch, before: Callable[[list[str]], None] | None = None
    ) -> None:
        self.path, self.test, self.patch, self.before = path, test, patch, before
        self.names: dict[str, object] = {"__name__": "page"}
        self.said: list[tuple[str, str]] = []
        self.kept: dict[str, str] = {}

    def run(self) -> int:
        """Run it all; return how many blocks."""
        mine = [one for one in blocks(self.path) if one.language in ("sh", "python", "toml")]
        for block in mine:
            own = block.why or block.test.endswith(self.test) or block.text.startswith("pip ")
            assert own, f"{block.place}: say that {self.test} executes it, or why nobody does"
            self._block(block)
        return len(mine)

    def printed(self, begin: str) -> str:
        """Return what the first command printed that begins so."""
        return next(text for command, text in self.said if command.startswith(begin))

    def _block(self, block: Block) -> None:
        if block.language == "toml":
            found = FILE.match(block.text)
            assert found, block.place
            Path(found[1]).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            code, printed = compile("\n" * block.line + block.text, str(block.page), "exec"), io.StringIO()
            if not block.why:
                with _as_it_was(), contextlib.redirect_stdout(printed):
                    exec(code, self.names)
                self.said.append((block.place, printed.getvalue()))
        else:
            for command in block.commands():
                self._line(command, block)

    def _line(self, line: str, block: Block) -> None:
        if line.startswith("pip "):
            return
        if found := EXPORTS.fullmatch(line):
            self.patch.setenv(found[1], os.path.expandvars(found[2]))
            return
        keeps = KEEPS.fullmatch(line)
        said = self._command(keeps[2] if keeps else line, block)
        if keeps:
            text = said.strip()
            if block.why and not re.fullmatch(r"\S+", text):  # what a dry run shows is no name
                text = f"the-{keeps[1]}"
            assert re.fullmatch(r"\S+", text), f"{block.place}: {line} printed {said!r}"
            self.kept[keeps[1]] = text
            self.patch.setenv(keeps[1], text)

    def _command(self, command: str, block: Block) -> str:
        shell = re.search(r"[|<>&;]", command)
        words = shlex.split(os.path.expandvars(command)) if not shell else []
        if words[:1] != ["trackforge"]:
            done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
            code, said, errors = done.returncode, done.stdout, done.stderr
        else:
            from trackforge.cli import main

            words += ["--dry-run"] if block.why else []
            out, err = io.StringIO(), io.StringIO()
            if self.before is not None:
                self.before(words[1:])
            with _as_it_was(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(words[1:])
            said, errors = out.getvalue(), err.getvalue()
        assert code == 0, f"{block.place}: exit {code}\n$ {command}\n{said}\n{errors}"
        self.said.append((command, said))
        return said

"""A Dockerfile, read: the part of the language that ours uses, and an error for anything beyond it.

Source: the reference of Dockerfiles in Docker's documentation.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

__all__ = ["DockerfileError", "Instruction", "Mount", "Stage", "ignored", "parse", "substitute"]

KNOWN = ("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "LABEL", "RUN", "STOPSIGNAL", "WORKDIR")
VARIABLE = re.compile(r"\\\$|\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")


class DockerfileError(ValueError):
    """The file says what is not understood here, or what Docker would refuse."""


@dataclass(frozen=True)
class Mount:
    """``RUN --mount=type=...``: ``kind`` is ``bind`` or ``cache``; ``stage`` is that of a bind's ``from=``."""

    kind: str
    target: str
    source: str = "/"
    stage: str = ""


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word, what follows it, and the line that it starts on.

    ``words`` are COPY's paths or the list of an exec form; ``pairs`` the names and values of ARG (None: no default),
    ENV and LABEL; ``text`` is the rest as it stands (RUN's shell command, WORKDIR's path).
    """

    word: str
    line: int
    text: str
    words: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str | None], ...] = ()
    stage: str = ""
    mounts: tuple[Mount, ...] = ()


@dataclass
class Stage:
    """``FROM base AS name`` and what follows."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


def parse(text: str) -> tuple[dict[str, str | None], list[Stage]]:
    """Return the arguments before the first FROM, and the stages.

    Raises:
        DockerfileError: An instruction, a form or a flag that is not understood.
    """
    arguments: dict[str, str | None] = {}
    stages: list[Stage] = []
    for line, statement in _statements(text):
        instruction = _instruction(line, statement)
        if instruction.word == "FROM":
            words = instruction.words
            if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
                raise DockerfileError(f"line {line}: FROM must read FROM base [AS name]; got {statement!r}")
            stages.append(Stage(words[0], words[2] if len(words) == 3 else str(len(stages))))
        elif stages:
            stages[-1].instructions.append(instruction)
        elif instruction.word == "ARG":
            arguments.update(instruction.pairs)
        else:
            raise DockerfileError(f"line {line}: only ARG may stand before the first FROM; got {instruction.word}")
    if not stages:
        raise DockerfileError("a Dockerfile must have a FROM; got none")
    return arguments, stages


def substitute(text: str, values: dict[str, str]) -> str:
    """Put variables in: ``$NAME``, ``${NAME}``, ``${NAME:-default}``."""

    def value(found: re.Match[str]) -> str:
        if found[0].startswith("\\"):
            return "$"
        return values.get(found[1] or found[3], "") or (found[2] or "")

    return VARIABLE.sub(value, text)


def ignored(patterns: str, path: PurePosixPath) -> bool:
    """Return whether a .dockerignore leaves a path of the context out; the last line that fits decides."""
    out = False
    parents = [path, *list(path.parents)[:-1]]
    for line in patterns.splitlines():
        rule = line.strip()
        if rule and not rule.startswith("#"):
            keep, pattern = rule.startswith("!"), rule.lstrip("!").strip("/")
            if any(_fits(pattern, str(one)) for one in parents):
                out = not keep
    return out


def _fits(pattern: str, path: str) -> bool:
    if pattern.startswith("**/"):
        return _fits(pattern[3:], path) or ("/" in path and _fits(pattern, path.partition("/")[2]))
    one, other = pattern.split("/"), path.split("/")
    return len(one) == len(other) and all(fnmatchcase(b, a) for a, b in zip(one, other, strict=True))


def _statements(text: str) -> list[tuple[int, str]]:
    statements, parts, start = [], [], 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (not line.strip() and not parts):
            continue
        start = start if parts else number
        parts.append(line.rstrip())
        if parts[-1].endswith("\\"):
            parts[-1] = parts[-1][:-1]
            continue
        statements.append((start, "".join(parts).strip()))
        parts = []
    if parts:
        raise DockerfileError(f"line {start}: the last line must not end in a backslash")
    return statements


def _instruction(line: int, statement: str) -> Instruction:
    word, _, rest = statement.partition(" ")
    word, rest = word.upper(), rest.strip()
    if word not in KNOWN:
        raise DockerfileError(f"line {line}: an instruction must be one of {', '.join(KNOWN)}; got {word}")
    if not rest:
        raise DockerfileError(f"line {line}: {word} must be followed by something")
    flags = []
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        flags.append(flag)
        rest = rest.lstrip()
    if word == "RUN":
        return Instruction(word, line, rest, mounts=tuple(_mount(line, flag) for flag in flags))
    if word in ("ENTRYPOINT", "CMD"):
        return Instruction(word, line, rest, words=_exec_form(line, word, rest))
    if word in ("ENV", "LABEL", "ARG"):
        return Instruction(word, line, rest, pairs=_pairs(line, word, rest))
    stage = ""
    for flag in flags:
        if word != "COPY" or not flag.startswith("--from="):
            raise DockerfileError(f"line {line}: {word} may not have {flag}")
        stage = flag.partition("=")[2]
    return Instruction(word, line, rest, words=tuple(rest.split()), stage=stage)


def _mount(line: int, flag: str) -> Mount:
    values = dict(part.partition("=")[::2] for part in flag.removeprefix("--mount=").split(","))
    kind = values.get("type", "")
    known = {"bind": {"type", "from", "source", "target"}, "cache": {"type", "target"}}
    if not flag.startswith("--mount=") or set(values) - known.get(kind, set()) or "target" not in values:
        raise DockerfileError(f"line {line}: a mount must be of type bind or cache, with a target; got {flag}")
    return Mount(kind, values["target"], values.get("source", "/"), values.get("from", ""))


def _exec_form(line: int, word: str, text: str) -> tuple[str, ...]:
    try:
        words = json.loads(text)
    except json.JSONDecodeError:
        words = None
    if not isinstance(words, list) or not words or not all(isinstance(one, str) for one in words):
        # In the shell's form, the shell is process 1 and keeps SIGTERM to itself.
        raise DockerfileError(f'line {line}: {word} must have the exec form, ["program", ...]; got {text}')
    return tuple(words)


def _pairs(line: int, word: str, text: str) -> tuple[tuple[str, str | None], ...]:
    pairs: list[tuple[str, str | None]] = []
    for part in shlex.split(text):
        name, equals, value = part.partition("=")
        if not equals and word != "ARG":
            raise DockerfileError(f"line {line}: {word} must have name=value; got {part}")
        pairs.append((name, value if equals else None))
    return tuple(pairs)


def files(context: Path, patterns: str, source: str) -> list[PurePosixPath]:
    """Return the files of a context below (or at) ``source`` that its .dockerignore lets through, in order."""
    start = context / source
    found = [start] if start.is_file() else sorted(path for path in start.rglob("*") if path.is_file())
    names = [PurePosixPath(path.relative_to(context).as_posix()) for path in found]
    return [name for name in names if not ignored(patterns, name)]

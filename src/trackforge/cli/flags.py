"""Flags made from declarations: a job says once what it takes, and its command follows."""

from __future__ import annotations

import dataclasses
import inspect
import os
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter, Token
from cyclopts.validators import Number

from trackforge.config import Setting, build, describe, setting
from trackforge.runs.layers import Layer, from_assignments, from_environment, from_mapping, from_toml, sections

__all__ = ["Count", "Positive", "Whole", "Words", "command", "split"]


def _whole(type_: type, tokens: Sequence[Token]) -> int:  # noqa: ARG001 - the signature of a converter
    """Convert without losing anything: cyclopts itself would make 2 of 2.5."""
    try:
        return int(tokens[0].value)
    except ValueError:
        message = f"it must be a whole number; got {tokens[0].value!r}"
        raise ValueError(message) from None


Whole = Annotated[int, Parameter(converter=_whole)]
Count = Annotated[int, Parameter(converter=_whole, validator=Number(gte=0))]
Positive = Annotated[int, Parameter(converter=_whole, validator=Number(gte=1))]


def split(given: Iterable[object] | None) -> list[str]:
    """Return ``["a", "b", "c"]`` for ``--flag a,b --flag c``.

    A flag never takes the words after it, so that ``--classes person street.mp4`` leaves the video alone.
    """
    return [word.strip() for one in given or () for word in str(one).split(",") if word.strip()]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Words:
    """What every command of a job takes beside the job."""

    set: tuple[str, ...] = setting((), help="A setting, section.key=value. May be repeated.")
    config: Path | None = setting(None, flags=("--config", "-c"), help="TOML file with settings.")
    json: bool = setting(False, help="Print the summary as JSON.")
    quiet: bool = setting(False, flags=("--quiet", "-q"), help="Show neither progress nor summary.")


def command(
    name: str,
    declaration: type,
    words: type[Words],
    do: Callable[[list[Layer], Any], int],
    *,
    first: str,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Callable[..., int]:
    """Return what cyclopts makes a command of.

    Args:
        name: Of the command.
        declaration: Of the job: a flag for each setting, as far as it declares one.
        words: What is no part of the job.
        do: Gets what all places say, from weak to strong (file, environment, ``--set``, flags), and the words.
        first: The setting that stands without a flag; every word if it is a list.
        groups: Settings by heading of the help page, in order; what none names stands under "Run".
    """
    of_job = [s for s in describe(declaration) if s.flags != ()]
    of_words = [s for s in describe(words) if s.flags != ()]
    named = sections(declaration)

    def run(*given: str, **flags: Any) -> int:
        flags = {first: [word for word in given if word is not None] or None} | flags
        said = build(words, {s.name: flags[s.name] for s in of_words if flags.get(s.name) is not None})
        layers = [] if said.config is None else [from_toml(said.config, declaration)]
        layers += from_environment(declaration, name, os.environ)
        components: list[Layer] = [from_assignments(said.set, declaration)]  # what it says of one counts more
        for s in of_job:
            value = flags.get(s.name)
            if s.annotation is bool:
                value = (not s.default) if value else None
            elif s.name == first and s.annotation is str and value:
                value = value[0]
            if value is None:
                continue
            where = s.name if s.name == first else _spellings(s)[0]
            if s.name in named:
                components.append(Layer(where, {s.name: {"name": value[0] if s.name == first else value}}))
            else:
                layers.append(from_mapping({s.name: value}, declaration, where))
        return do([*layers, *components], said)

    parameters = sorted(_parameters([*of_job, *of_words], named, first, groups or {}), key=lambda one: one.kind)
    run.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    run.__name__, run.__doc__ = name, None
    return run


def _parameters(
    settings: Iterable[Setting], named: Sequence[str], first: str, groups: Mapping[str, Sequence[str]]
) -> Iterator[inspect.Parameter]:
    made = {title: Group(title, sort_key=place) for place, title in enumerate([*groups, "Run"])}
    of = {name: made[title] for title, names in groups.items() for name in names}
    order = list(of)
    settings = sorted(settings, key=lambda s: order.index(s.name) if s.name in of else len(order))
    for s in settings:
        if s.name == first:
            shown = Parameter(help=s.help, show_default=False)
            if s.name in named or s.annotation is str:
                one = Annotated[str | None, shown]
                yield inspect.Parameter(s.name, inspect.Parameter.POSITIONAL_ONLY, default=None, annotation=one)
            else:
                yield inspect.Parameter(s.name, inspect.Parameter.VAR_POSITIONAL, annotation=Annotated[str, shown])
            continue
        shown = Parameter(name=_spellings(s), help=_help(s), show_default=False, converter=_converter(s))
        if groups:
            shown = Parameter.combine(shown, Parameter(group=of.get(s.name, made["Run"])))
        hint = str | None if s.name in named else _hint(s)
        default = False if s.annotation is bool else None
        annotation = Annotated[hint, shown]  # type: ignore[valid-type]
        yield inspect.Parameter(s.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _spellings(s: Setting) -> list[str]:
    return list(s.flags or ("--" + s.name.replace("_", "-"),))


def _hint(s: Setting) -> Any:
    """Return the type that the help page shows, with None for what was not given."""
    if s.annotation is bool:
        return bool
    kinds = [one for one in _alternatives(s.annotation) if one is not types.NoneType]
    if typing.get_origin(kinds[0]) is tuple:
        return list[typing.get_args(kinds[0])[0]] | None  # type: ignore[misc]
    return kinds[0] | None


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    united = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if united else (annotation,)


def _converter(s: Setting) -> Any:
    """Pass words on as they are: the declaration checks them, as it does those of files and of the environment."""
    if s.annotation is bool:
        return None
    several = any(Ellipsis in typing.get_args(one) for one in _alternatives(s.annotation))  # 480,640 is one word

    def converted(type_: type, tokens: Sequence[Token]) -> Any:  # noqa: ARG001 - the signature of a converter
        return [token.value for token in tokens] if several else tokens[0].value

    return converted


def _help(s: Setting) -> str:
    tells = not isinstance(s.default, bool) and s.default not in (None, "", ()) and not s.required
    return f"{s.help} [default: {s.default}]" if tells else s.help

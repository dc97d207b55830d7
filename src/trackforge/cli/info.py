"""``trackforge info``: versions and devices, every setting of a component, or what a file of weights is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from trackforge.cli.printing import console as make_console
from trackforge.cli.printing import put
from trackforge.config import Setting
from trackforge.errors import ConfigError, InvalidInputError
from trackforge.io.targets import check_writable, keep_apart
from trackforge.registry import ComponentSpec, kind_named, registry
from trackforge.registry.bundles import MODEL_SUFFIXES
from trackforge.runs.machine import machine
from trackforge.runs.values import plain

__all__ = ["info", "show_settings"]

SENTENCE = 24
"""Characters from which on the entries of a list stand on lines of their own."""


def info(
    kind: str | None = None,
    name: str | None = None,
    /,
    *,
    picture: str | None = None,
    output: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    set_: Annotated[list[str] | None, Parameter(name=["--set"], negative=())] = None,
    as_json: Annotated[bool, Parameter(name=["--json"], show_default=False)] = False,
) -> int:
    """Show versions and devices, every setting of a component, or what a file of weights is.

    Parameters
    ----------
    kind
        A kind of component: detector, tracker, sink and so on; trackforge plugins lists what is installed. Or a file of
        weights, such as model.onnx.
    name
        The component; without it, all of the kind.
    picture
        Of weights: a picture or video (its first frame) to try them on, or demo, a drawn street.
    output
        Where to draw what they find there; without it, the name of the weights with .found.png, here.
    set_
        Of weights: a setting of their detector, KEY=VALUE, such as head=yolov8; may be repeated.
    as_json
        Print JSON.
    """
    if kind is None:
        _show(machine(), as_json=as_json)
        return 0
    if name is None and kind.lower().endswith(MODEL_SUFFIXES):
        from trackforge.models.describing import describe

        image = None if picture is None else _image(picture)
        out = output or Path(f"{Path(kind).stem}.found.png")
        if image is not None:
            keep_apart([out], [kind, *([] if picture in (None, "demo") else [str(picture)])])
            check_writable([out])
        _show(describe(kind, settings=_pairs(set_ or []), image=image, out=out), as_json=as_json)
        return 0
    if picture is not None or set_ or output is not None:
        raise ConfigError(
            "--picture, --set and --out go with a file of weights: trackforge info model.onnx --picture a.jpg."
        )
    kind_named(kind)
    specs = [registry().find(kind, name)] if name else [spec for spec, _ in registry().specs(kind)]
    if name:
        show_settings(specs, as_json=as_json)
    elif as_json:
        _write([{"kind": spec.kind, "name": spec.name, "summary": spec.summary} for spec in specs])
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for spec in specs:
            table.add_row(Text(spec.name, style="bold"), Text(spec.summary))
        make_console().print(table)
    return 0


def _image(picture: str) -> Any:
    """Return the first picture of a source."""
    from trackforge.registry.doors import source

    if picture == "demo":
        from trackforge.synthetic.world import SyntheticSource, SyntheticSourceConfig

        frame = next(iter(SyntheticSource(SyntheticSourceConfig(frames=1))), None)
    else:
        frame = next(iter(source(picture)), None)
    if frame is None or frame.image is None:
        raise InvalidInputError(f"--picture must name a picture or video; {picture} has no picture. Name another.")
    return frame.image


def _pairs(given: Sequence[str]) -> dict[str, Any]:
    for one in given:
        if "=" not in one:
            raise ConfigError(f"--set takes KEY=VALUE; got {one!r}. Write, for example, --set head=yolov8.")
    return {key.removeprefix("detector."): value for key, _, value in (one.partition("=") for one in given)}


def show_settings(specs: Sequence[ComponentSpec], *, as_json: bool) -> None:
    """Print every setting of components with type, default, range and unit."""
    if as_json:
        _write([_spec(spec) for spec in specs])
        return
    console = make_console()
    for spec in specs:
        console.print(Text.assemble((f"{spec.kind} {spec.name}", "bold"), f": {spec.summary}"))
        if spec.source:
            console.print(Text(spec.source, style="dim"))
        settings = spec.settings()
        if not settings:
            console.print("  no settings\n")
            continue
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("setting", "default", "takes", "what it does"):
            table.add_column(column, overflow="fold", no_wrap=column == "setting")
        for s in settings:
            takes = " ".join(filter(None, (s.type_name, _range(s), s.unit)))
            table.add_row(Text(s.name, style="bold"), Text(_default(s)), Text(takes, style="dim"), Text(s.help))
        console.print(table)
        console.print()


def _spec(spec: ComponentSpec) -> dict[str, Any]:
    settings = [
        {
            "name": s.name,
            "type": s.type_name,
            "default": None if s.required else plain(s.default),
            "required": s.required,
            "minimum": s.minimum,
            "maximum": s.maximum,
            "above": s.above,
            "below": s.below,
            "unit": s.unit,
            "help": s.help,
        }
        for s in spec.settings()
    ]
    return {"kind": spec.kind, "name": spec.name, "summary": spec.summary, "source": spec.source, "settings": settings}


def _default(s: Setting) -> str:
    if s.required:
        return "required"
    if isinstance(s.default, float):
        return f"{s.default:g}"
    if isinstance(s.default, bool):
        return str(s.default).lower()
    if isinstance(s.default, (tuple, list)):
        return ",".join(map(str, s.default)) or "none"
    return "none" if s.default is None else str(s.default)


def _range(s: Setting) -> str:
    if s.minimum is not None and s.maximum is not None:
        return f"{s.minimum:g}..{s.maximum:g}"
    return s.bounds


def _write(value: Any) -> None:
    put(json.dumps(value, indent=2) + "\n")


def _show(facts: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        _write(facts)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for key, value in facts.items():
        lines = [f"{k} {v}" for k, v in value.items()] if isinstance(value, dict) else value
        if isinstance(lines, list):
            sentences = isinstance(value, dict) or any(" " in line and len(line) > SENTENCE for line in lines)
            lines = ("\n" if sentences else ", ").join(lines)
        table.add_row(Text(key, style="bold"), Text(str(lines)))
    make_console().print(table)

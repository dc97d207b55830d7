"""Figures of what analytics found: counts over time, dwell, heat, speeds, ways from above. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.figures import FAINT, GRID, INK, check_ending, drawing, save

__all__ = ["plot_counts", "plot_dwell", "plot_heat", "plot_map", "plot_speeds", "plots_of", "write_plots"]

Image: TypeAlias = npt.NDArray[np.uint8]
Result: TypeAlias = Mapping[str, Any]
COLOURS = ("#2563eb", "#ea580c", "#059669", "#9333ea", "#db2777", "#0891b2", "#ca8a04", "#4b5563")
SHOWN = 12
"""Tracks in a figure, those that went furthest; more would be a tangle."""
KINDS = {
    "lines": (("in", 1), ("out", -1)),
    "zones": (("entered", 1), ("appeared", 1), ("left", -1), ("vanished", -1)),
}
"""What is counted at the places of a result, upwards and downwards."""


def plots_of(result: Result) -> dict[str, Callable[..., None]]:
    """Return the figures that suit the result of an analytic, by what they show.

    Each is called with the result, the path to write to (.png, .svg or .pdf) and ``still=``, an RGB picture of the
    scene or None. What a result is, its keys tell, so that analytics of plugins that give the same get the same.
    """
    found: dict[str, Callable[..., None]] = {}
    if any(kind in result for kind in KINDS) and result.get("minutes"):
        found["counts"] = plot_counts
    if any(row.get("seconds") is not None for row in result.get("visits") or ()):
        found["dwell"] = plot_dwell
    if result.get("grid") and result.get("total"):
        found["heat"] = plot_heat
    if "plane" in result and result.get("path"):
        found["speeds"] = plot_speeds
    if result.get("path"):
        found["map"] = plot_map
    return found


def write_plots(
    folder: str | Path, results: Mapping[str, Result], *, still: Image | None = None, ending: str = ".png"
) -> list[Path]:
    """Write every figure that results are good for, ``NAME-WHAT.png`` each, whole or not at all; return the paths.

    Args:
        folder: Where to; it is made where it is not there.
        results: Of analytics, by their names.
        still: RGB picture of the scene, to lay ways and warmth over.
        ending: ``.png``, ``.svg`` or ``.pdf``.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        ConfigError: A figure cannot have such an ending.
        SinkError: The folder cannot be written to.
    """
    check_ending(f"figure{ending}")
    written = []
    for name, result in results.items():
        for what, draw in plots_of(result).items():
            path = Path(folder) / f"{name}-{what}{ending}"
            draw(result, path, still=still)
            written.append(path)
    return written


def plot_counts(result: Result, path: str | Path, *, still: Image | None = None) -> None:  # noqa: ARG001 - as all
    """Draw counts by minute of every line or zone: who came upwards, who went downwards."""
    column, kinds = next((key.removesuffix("s"), kinds) for key, kinds in KINDS.items() if key in result)
    places = list(result[f"{column}s"])[:SHOWN]
    last = max(row["minute"] for row in result["minutes"])
    first = min(row["minute"] for row in result["minutes"])
    minutes = np.arange(first, last + 1)
    with drawing() as new:
        figure = new(figsize=(8, 1.6 + 1.7 * len(places)), dpi=130, layout="constrained")
        for axes, place in zip(_column(figure, len(places)), places, strict=True):
            for number, (kind, sign) in enumerate(kinds):
                heights = np.zeros(len(minutes))
                for row in result["minutes"]:
                    if row[column] == place:
                        heights[row["minute"] - first] += row[kind]
                if heights.any() or len(kinds) == 2:
                    below = _stacked(result["minutes"], kinds[:number], column, place, minutes, sign)
                    axes.bar(minutes, sign * heights, bottom=below, width=0.85, color=COLOURS[number], label=kind)
            axes.axhline(0, color=INK, lw=0.8)
            axes.set_title(str(place))
            axes.set_xlim(first - 0.6, last + 0.6)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.yaxis.get_major_locator().set_params(integer=True)
            axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
            axes.legend(frameon=False, ncols=4, loc="lower right", bbox_to_anchor=(1, 1), fontsize=8)
            _plain(axes)
        axes.set_xlabel("minute")
        save(figure, path)


def _stacked(
    rows: Sequence[Mapping[str, Any]], kinds: Sequence[tuple[str, int]], column: str, place: str,
    minutes: npt.NDArray[np.int64], sign: int,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Return where bars begin: where those of the same direction that were drawn before end."""
    below = np.zeros(len(minutes))
    for row in rows:
        if row[column] == place:
            below[row["minute"] - minutes[0]] += sign * sum(row[kind] for kind, other in kinds if other == sign)
    return below


def plot_dwell(result: Result, path: str | Path, *, still: Image | None = None) -> None:  # noqa: ARG001 - as all
    """Draw how long visits took, zone by zone."""
    by_zone: dict[str, list[float]] = {}
    for row in result["visits"]:
        if row["seconds"] is not None:
            by_zone.setdefault(row["zone"], []).append(row["seconds"])
    zones = list(by_zone)[:SHOWN]
    longest = max(max(by_zone[zone]) for zone in zones)
    edges = np.linspace(0, max(longest, 1e-3), 25)
    with drawing() as new:
        figure = new(figsize=(8, 1.4 + 1.6 * len(zones)), dpi=130, layout="constrained")
        for number, (axes, zone) in enumerate(zip(_column(figure, len(zones)), zones, strict=True)):
            seconds = by_zone[zone]
            axes.hist(seconds, bins=edges, color=COLOURS[number % len(COLOURS)])
            axes.axvline(float(np.mean(seconds)), color=INK, lw=1, ls=(0, (4, 3)))
            axes.set_title(f"{zone}   {len(seconds)} visits, mean {np.mean(seconds):.1f} s")
            _plain(axes)
        axes.set_xlabel("seconds in the zone (dashed: mean)")
        save(figure, path)


def plot_heat(result: Result, path: str | Path, *, still: Image | None = None) -> None:
    """Draw a heat map, over a picture of the scene where there is one."""
    grid = np.array(result["grid"], np.float64)
    width, height = (side * count for side, count in zip(result["cell"], grid.shape[::-1], strict=True))
    with drawing() as new:
        figure = new(figsize=(8, max(2.0, 7 * height / width)), dpi=130, layout="constrained")
        axes = figure.subplots()
        extent = (0, width, height, 0)
        if still is not None:
            axes.imshow(np.asarray(still).mean(axis=2), cmap="gray", extent=extent, vmin=0, vmax=255)
        share = np.sqrt(grid / grid.max())
        drawn = axes.imshow(
            grid, cmap="turbo", extent=extent, alpha=np.minimum(1.5 * share, 0.85), interpolation="nearest"
        )
        figure.colorbar(drawn, ax=axes, label=str(result["unit"]), shrink=0.8)
        axes.set(xticks=[], yticks=[], title=f"{result['total']:.0f} {result['unit']}")
        save(figure, path)


def plot_speeds(result: Result, path: str | Path, *, still: Image | None = None) -> None:  # noqa: ARG001 - as all
    """Draw speeds over time, of the tracks that went furthest."""
    with drawing() as new:
        figure = new(figsize=(9, 4.2), dpi=130, layout="constrained")
        axes = figure.subplots()
        for colour, track_id, rows in _ways(result):
            label = f"{track_id}" + _far(result, track_id)
            axes.plot(*_broken(rows, "speed"), color=colour, lw=1.3, label=label)
        axes.set(xlabel="seconds", ylabel="m/s", title="Speed over time")
        axes.set_ylim(bottom=0)
        axes.secondary_yaxis("right", functions=(lambda v: 3.6 * v, lambda v: v / 3.6)).set_ylabel("km/h")
        axes.legend(frameon=False, fontsize=8, ncols=4)
        _plain(axes)
        save(figure, path)


def plot_map(result: Result, path: str | Path, *, still: Image | None = None) -> None:
    """Draw the ways of tracks: from above, in metres, where the ground is known; otherwise over the picture."""
    metres = "plane" in result
    with drawing() as new:
        figure = new(figsize=(8, 6), dpi=130, layout="constrained")
        axes = figure.subplots()
        if not metres and still is not None:
            axes.imshow(np.asarray(still))
        for colour, track_id, rows in _ways(result):
            x, y = [row["x"] for row in rows], [row["y"] for row in rows]
            axes.plot(x, y, color=colour, lw=1.3)
            axes.scatter(x[-1:], y[-1:], color=colour, s=24, zorder=3)
            axes.annotate(str(track_id), (x[-1], y[-1]), xytext=(4, 4), textcoords="offset points", color=colour)
        axes.set_aspect("equal")
        axes.set_title("Ways from above, in metres" if metres else "Ways in the picture")
        if metres:
            axes.grid(color=GRID)
        if not axes.yaxis_inverted():  # y grows towards the camera, and downwards in the picture
            axes.invert_yaxis()
        axes.tick_params(length=0, labelcolor=FAINT)
        save(figure, path)


def _ways(result: Result) -> Iterator[tuple[str, int, list[Mapping[str, Any]]]]:
    """Yield a colour, an id and the points of the tracks that went furthest."""
    ways: dict[int, list[Mapping[str, Any]]] = {}
    for row in result["path"]:
        ways.setdefault(row["track_id"], []).append(row)
    far = {row["track_id"]: row.get("distance", row.get("pixels", 0)) for row in result.get("tracks", ())}
    chosen = sorted(ways, key=lambda one: (-far.get(one, 0), one))[:SHOWN]
    for number, track_id in enumerate(sorted(chosen)):
        yield COLOURS[number % len(COLOURS)], track_id, ways[track_id]


def _far(result: Result, track_id: int) -> str:
    row = next((row for row in result["tracks"] if row["track_id"] == track_id), None)
    return "" if row is None else f"  {row['distance']:.0f} ± {row['distance_error']:.1f} m"


def _broken(rows: Sequence[Mapping[str, Any]], column: str) -> tuple[list[float], list[float]]:
    """Return times and values, with a hole where a track was not seen for two seconds."""
    times: list[float] = []
    values: list[float] = []
    for row in rows:
        if times and row["time"] - times[-1] > 2:
            times.append(times[-1])
            values.append(float("nan"))
        times.append(row["time"])
        values.append(row[column])
    return times, values


def _column(figure: Any, count: int) -> list[Any]:
    return list(figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0])


def _plain(axes: Any) -> None:
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)

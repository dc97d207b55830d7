"""From folders of results to one page."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from trackforge import pages
from trackforge.errors import ConfigError, InvalidInputError
from trackforge.intake.folders import list_files
from trackforge.intake.names import plain_name
from trackforge.io.atomic import atomic_path
from trackforge.io.targets import check_writable, keep_apart
from trackforge.metrics.moments import Moment
from trackforge.reporting import facts, markup
from trackforge.reporting.axes import axis, rate_of, size_of
from trackforge.reporting.clips import cards, groups, worst
from trackforge.reporting.content import numbering, packed
from trackforge.reporting.filming import Shown, film_of, same_film
from trackforge.reporting.films import Limits
from trackforge.reporting.folders import FILMS, ORDER, Results, labels_of, read_results
from trackforge.reporting.judging import Judged, judged_or_told
from trackforge.reporting.run import ReportRun
from trackforge.reporting.thumbnails import Cutter
from trackforge.table import TrackTable

__all__ = ["Written", "report"]

log = logging.getLogger(__name__)
SCRIPTS = ("data.js", "panel.js", "timeline.js", "report.js")
Progress = Callable[[str, int | None], contextlib.AbstractContextManager[Callable[[], None]]]


@dataclasses.dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        path: The page.
        films: Films beside it.
        notes: What the page says is missing.
        size: Bytes of the page.
    """

    path: Path
    films: Sequence[Path] = ()
    notes: Sequence[str] = ()
    size: int = 0


def report(run: ReportRun | str | Path, *, progress: Progress | None = None, **settings: Any) -> Written:
    """Write a page that shows a run: its film with boxes, ids over time, speeds, scores and their worst moments.

    >>> trackforge.reporting.report("out/", against="other/")    # doctest: +SKIP

    Args:
        run: What to show; or the folder, with settings of `ReportRun` by name.
        progress: Watches the making of each film: called with its name and frames; the
            context gives what to call after a frame.
        **settings: Settings, where ``run`` is a folder.

    Raises:
        ConfigError: A setting is wrong.
        MissingFileError: There is no such folder.
        InvalidInputError: A folder has no tracks, or two have no sequence in common.
        DataError: A file is malformed.
        MissingDependencyError: Jinja2, PyAV or OpenCV is not installed.
        SinkError: The place cannot be written to.
    """
    if not isinstance(run, ReportRun):
        run = ReportRun(results=str(run), **settings)
    elif settings:
        run = dataclasses.replace(run, **settings)
    if not run.results:
        raise ConfigError(
            "report needs a folder of results; none was given. Write trackforge report out/, and --against other/ for "
            "another run to stand beside it."
        )
    pages.render("")  # before the work begins: whether the template engine is there
    return _Report(run, progress or _unwatched).write()


@contextlib.contextmanager
def _unwatched(name: str, total: int | None) -> Iterator[Callable[[], None]]:  # noqa: ARG001 - see `Progress`
    yield lambda: None


class _Report:
    """One page on its way."""

    def __init__(self, run: ReportRun, progress: Progress) -> None:
        self.run, self.progress = run, progress
        self.results = [read_results(run.results, run.sequences, run.source)]
        if run.against:
            self.results.append(read_results(run.against, run.sequences, run.source))
        self.labels = labels_of([one.folder for one in self.results])
        for results, label in zip(self.results, self.labels, strict=True):
            results.title = label
        first, last = self.results[0], self.results[-1]
        self.names = [name for name in first.sequences if name in last.sequences]
        if not self.names:
            raise InvalidInputError(
                f"Two runs must have a sequence in common; {first.folder} has {', '.join(first.sequences)}, "
                f"{last.folder} has {', '.join(last.sequences)}."
            )
        self.path = run.out or first.folder / "report.html"
        check_writable([self.path])
        keep_apart([self.path], _files_read(self.results, run))
        self.blocks: list[pages.DataBlock] = []
        self.films: list[tuple[Path, bytes]] = []
        self.notes: list[str] = []

    def write(self) -> Written:
        run = self.run
        unscored = [str(path) for path in run.truth] == ["none"]
        paths = () if unscored else run.truth or self.results[0].truth
        rule = run.preprocessing or self.results[0].preprocessing
        judged = [
            judged_or_told(one, paths, rule, run.iou_threshold, strict=bool(paths and (run.truth or run.preprocessing)))
            for one in self.results
        ]
        self._note(judged)
        scenes = [self._scene(name, number, judged) for number, name in enumerate(self.names)]
        told = {"sequences": [scene.pop("given") for scene in scenes]}
        truth = any(one.report is not None for one in judged)
        body = pages.render(
            markup.BODY,
            notes=list(dict.fromkeys(self.notes)),
            scenes=scenes,
            truth=truth,
            boxes=not any(scene["burnt"] for scene in scenes),
            moments=pages.render(markup.MOMENTS, scenes=scenes) if truth and run.moments else "",
            scores=facts.scores(self.labels, [one.report for one in judged], rule, run.iou_threshold),
            facts=pages.joined([part(self.results) for part in (facts.counts, facts.speeds, facts.settings)]),
        )
        text = pages.document(
            self.names[0] if len(self.names) == 1 else f"{len(self.names)} sequences",
            body,
            subtitle=" and ".join(f"{one.folder}" for one in self.results),
            styles=[_file("report.css")],
            scripts=[pages.asset("ids.js"), *(_file(name) for name in SCRIPTS)],
            data=[pages.DataBlock("report", told), *self.blocks],
            media=["'self'", "file:"] if self.films else [],
        )
        for path, content in self.films:
            with atomic_path(path) as partial:
                partial.write_bytes(content)
        pages.write(self.path, text)
        size = len(text.encode())
        return Written(self.path, [path for path, _ in self.films], list(dict.fromkeys(self.notes)), size)

    def _note(self, judged: Sequence[Judged]) -> None:
        for label, results, one in zip(self.labels, self.results, judged, strict=True):
            said = [*results.notes, *one.notes]
            said += [
                f"{name}: {text}"
                for name, sequence in results.sequences.items()
                for text in sequence.facts.get("notes", ())
            ]
            self.notes += [f"{label}: {text}" if len(self.results) > 1 else text for text in said]
        left = [name for one in self.results for name in one.sequences if name not in self.names]
        if left:
            self.notes.append(f"Not in both runs, and so not shown: {', '.join(dict.fromkeys(left))}.")

    def _scene(self, name: str, number: int, judged: Sequence[Judged]) -> dict[str, Any]:
        """Return what the template shows of a sequence, and under ``given`` what the scripts are told."""
        run = self.run
        shown: list[Shown] = []
        cutters: list[Cutter | None] = []
        chosen: list[list[Moment]] = []
        for results, one in zip(self.results, judged, strict=True):
            mine = worst(one.moments[name], run.moments) if name in one.moments else []
            chosen.append(mine)
            cutters.append(Cutter(mine, one.truth[name], results.sequences[name].table) if mine else None)
        for which, results in enumerate(self.results):
            if which and self._shared(name):
                shown.append(shown[0])
                continue
            shown.append(
                self._film(
                    results,
                    name,
                    [one for one in (cutters if self._shared(name) else cutters[which : which + 1]) if one],
                )
            )
        size, rate = size_of(self.results, name, shown, judged), rate_of(self.results, name, shown)
        numbers = axis(self.results, name, shown, judged)
        given, panels, told = [], [], []
        for which, (results, one) in enumerate(zip(self.results, judged, strict=True)):
            sequence, key = results.sequences[name], f"{number}-{which}"
            given.append(
                {
                    "rows": self._rows(f"tracks-{key}", sequence.table, size, one.false.get(name)),
                    "truth": self._rows(f"truth-{key}", one.truth[name], size, one.missed[name])
                    if name in one.truth
                    else None,
                    "film": self._embedded(shown, which, name, key),
                    "classes": list(sequence.classes),
                }
            )
            panels.append({"label": self.labels[which], "told": _told(results, name)})
            if name in one.moments:
                cutter = cutters[which]
                pictures = cutter.addresses() if cutter is not None else {}
                made = cards(chosen[which], pictures, which, rate)
                told.append((self.labels[which], one.moments[name], made))
        marks = [[m.kind, m.first, m.last] for _, found, _ in told for m in found.all]
        return {
            "name": name,
            "runs": panels,
            "size": size,
            "burnt": any(one.burnt for one in shown),
            "groups": groups(told),
            "given": {"name": name, "size": size, "rate": rate, "numbers": numbers, "runs": given, "marks": marks},
        }

    def _film(self, results: Results, name: str, cutters: Sequence[Cutter]) -> Shown:
        run, one = self.run, results.sequences[name]
        if run.film == "none":
            return Shown()
        total = sum(each.processed or 1 for results in self.results for each in results.sequences.values())
        share = (one.processed or 1) / total
        if self._shared(name):
            share *= 2
        size = 1e6 * run.megabytes * share if run.film == "embed" else None
        limits = Limits(run.longest_side, size, run.frames, run.seconds)
        with self.progress(name, one.processed) as advance:

            def seen(frame: Any) -> None:
                for cutter in cutters:
                    cutter(frame)
                advance()

            made = film_of(results, one, limits, seen)
        self.notes += made.notes
        return made

    def _shared(self, name: str) -> bool:
        return len(self.results) == 2 and same_film(self.results[0], self.results[1], name)

    def _rows(self, block: str, table: TrackTable, size: tuple[int, int], wrong: Any) -> dict[str, Any]:
        self.blocks.append(pages.DataBlock(block, packed(table, size, wrong)))
        return {"block": block, "count": len(table)}

    def _embedded(self, shown: Sequence[Shown], which: int, name: str, key: str) -> dict[str, Any] | None:
        film = shown[which].film
        if film is None:
            return None
        if which and shown[which] is shown[0]:
            return {"same": 0}
        about: dict[str, Any] = {"rate": film.rate, "numbers": numbering(film.numbers)}
        if self.run.film == "beside":
            folder = f"{self.path.stem}_films"
            file = f"{key}-{plain_name(name.replace('/', '-'), 'A sequence that names its film')}.mp4"
            self.films.append((self.path.parent / folder / file, film.content))
            return {**about, "href": _quoted(f"{folder}/{file}")}
        self.blocks.append(pages.DataBlock(f"film-{key}", film.content))
        return {**about, "block": f"film-{key}"}


def _files_read(results: Sequence[Results], run: ReportRun) -> Iterator[Path]:
    """Yield what the page must not be written over."""
    for one in results:
        yield from list_files(one.folder, (*ORDER, ".toml", *FILMS)).files
        yield from one.truth
    yield from run.truth
    if run.source:
        yield Path(run.source)


def _told(results: Results, name: str) -> str:
    """Return what is said of a run in one line."""
    table = results.sequences[name].table
    parts = [
        str(component["name"])
        for key in ("detector", "tracker")
        if isinstance(component := results.facts.get(key), dict) and "name" in component
    ]
    ids = len(np.unique(table.track_id[table.track_id >= 0]))
    return " · ".join([*([" and ".join(parts)] if parts else []), f"{ids:,} ids", f"{len(table):,} boxes"])


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")

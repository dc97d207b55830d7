"""Where to read points off: a still of a film with a grid of pixels, or a page on which they are clicked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge import pages
from trackforge.errors import ConfigError, SourceError
from trackforge.io.atomic import atomic_path
from trackforge.protocols import Closable, stream_of
from trackforge.runs.planning import RunPlan
from trackforge.runs.slicing import opened
from trackforge.types import Frame

__all__ = ["picking_page", "still_of", "with_grid", "write_picking"]

Known: TypeAlias = "Callable[[tuple[int, int]], Sequence[Mapping[str, Any]]]"
LINES = (10, 20, 50, 100, 200, 500, 1000)
"""Pixels between two lines of the grid."""
MOST = 24
"""Lines of the grid along a side, at most."""
_BODY = """\
<div class="bar no-print">
<span class="group" role="group" aria-label="What to click">
<button type="button" id="line" aria-pressed="true">Line</button>
<button type="button" id="zone">Zone</button>
<button type="button" id="ground">Ground</button>
</span>
<span class="group" role="group" aria-label="Size">
<button type="button" id="fit" aria-pressed="true">Fit</button>
<button type="button" id="whole">1:1</button>
<button type="button" id="double">2:1</button>
</span>
<button type="button" id="undo">Undo</button>
<label><input type="checkbox" id="shares"> in shares of the picture</label>
<output id="place" class="mono"></output>
</div>
<p id="told" class="faint" aria-live="polite"></p>
<div class="work">
<div id="view"><svg id="picture" viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="A still of {{ name }}">
<image href="{{ uri }}" width="{{ width }}" height="{{ height }}"></image><g id="shapes"></g></svg></div>
<div id="side">
<h2>Shapes</h2>
<ul id="list"></ul>
<h2>Flags</h2>
<textarea id="flags" readonly rows="5" spellcheck="false" aria-label="Flags"></textarea>
<button type="button" data-copies="flags">Copy</button>
<h2>Settings</h2>
<textarea id="toml" readonly rows="10" spellcheck="false" aria-label="Settings"></textarea>
<button type="button" data-copies="toml">Copy</button>
</div>
</div>
"""


def still_of(plan: RunPlan) -> Frame:
    """Return the picture at which a run begins (``--start``), of its first source.

    Raises:
        ConfigError: There is no source.
        SourceError: It has no pictures.
    """
    if not plan.sources:
        raise ConfigError("A still needs a film or pictures. Give one: trackforge analyze a.mp4 --pick pick.html.")
    source = opened(plan.sources[0], plan.options.start, 1)
    name = stream_of(source).name
    with contextlib.ExitStack() as stack:
        if isinstance(source, Closable):
            stack.callback(source.close)
        for frame in source:
            if frame.image is not None:
                return frame
            break
    raise SourceError(f"A still needs pictures; {name or 'the source'} has none. Name the film: --video a.mp4.")


def with_grid(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a picture with a grid of pixels and their numbers.

    Args:
        image: RGB uint8 ``(H, W, 3)``.
    """
    import cv2

    from trackforge.io.drawing import Canvas

    drawn = np.array(image)
    height, width = drawn.shape[:2]
    every = next((one for one in LINES if max(width, height) / one <= MOST), LINES[-1])
    grid = np.array(drawn)
    for x in range(0, width, every):
        grid[:, x] = 255
        if x + 1 < width:
            grid[:, x + 1] = 0
    for y in range(0, height, every):
        grid[y] = 255
        if y + 1 < height:
            grid[y + 1] = 0
    drawn = np.asarray(cv2.addWeighted(drawn, 0.55, grid, 0.45, 0), np.uint8)
    canvas = Canvas((width, height), 1)
    step = every * (2 if width / every > MOST / 2 else 1)
    for x in range(0, width - every // 2, step):
        canvas.label(drawn, np.array([x, 0, x, 0], np.float32), str(x), (255, 255, 255))
    for y in range(every, height - every // 4, every):
        canvas.label(drawn, np.array([0, y, 0, y], np.float32), str(y), (255, 255, 255))
    return drawn


def write_picking(plan: RunPlan, *, still: Path | None, page: Path | None, known: Known) -> list[Path]:
    """Write a still with a grid, a page to click on, or both; return what was written.

    Args:
        plan: Of whose first source the picture is.
        still: Where the still goes: .png or .jpg; None for none.
        page: Where the page goes; None for none.
        known: Gives the shapes that are there already, for pictures of ``(width, height)``.

    Raises:
        SourceError: There is no picture.
        SinkError: A place cannot be written to.
        MissingDependencyError: A page needs Jinja2.
    """
    frame = still_of(plan)
    image = frame.image
    assert image is not None  # noqa: S101 - still_of gives no other
    made = []
    if still is not None:
        from trackforge.io.pictures import opencv

        cv2 = opencv()
        if still.suffix.lower() not in (".png", ".jpg", ".jpeg"):
            raise ConfigError(f"--still must name a .png or .jpg; got {still}. Write --still still.png.")
        done, data = cv2.imencode(still.suffix.lower(), with_grid(image)[..., ::-1])
        if not done:
            raise ConfigError(f"A picture of {image.shape[1]}x{image.shape[0]} pixels is no {still.suffix}.")
        with atomic_path(still) as path:
            path.write_bytes(data.tobytes())
        made.append(still)
    if page is not None:
        pages.write(page, picking_page(image, frame.sequence or plan.sources[0].name, known(frame.size)))
        made.append(page)
    return made


def picking_page(image: npt.NDArray[np.uint8], name: str, known: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return the page as text.

    Args:
        image: RGB uint8 ``(H, W, 3)``.
        name: What it is of.
        known: Shapes that are there already: ``kind`` (line or zone), ``name`` and ``points`` in pixels.
    """
    from trackforge.io.pictures import opencv

    height, width = image.shape[:2]
    _, data = opencv().imencode(".jpg", image[..., ::-1])
    uri = pages.data_uri(data.tobytes(), "image/jpeg")
    body = pages.render(_BODY, uri=uri, width=width, height=height, name=name)
    return pages.document(
        f"Lines, zones and ground of {name}",
        body,
        subtitle=f"{width}x{height} pixels. Click on the picture; copy what it comes to; nothing leaves this page.",
        styles=[_file("pick.css")],
        scripts=[_file("pick.js")],
        data=[pages.DataBlock("known", {"width": width, "height": height, "shapes": list(known)})],
    )


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")

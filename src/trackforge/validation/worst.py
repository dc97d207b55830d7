"""Pictures with what is wrong in them: boxes are drawn by the browser, so that kinds can be hidden and pointed at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trackforge import pages
from trackforge.data.pictures import PictureReader
from trackforge.errors import DataError
from trackforge.io.pictures import opencv
from trackforge.metrics.mistakes import KINDS

if TYPE_CHECKING:
    from markupsafe import Markup

    from trackforge.validation.result import Validation

__all__ = ["MEANINGS", "STYLE", "gallery"]

LONGEST = 640
"""Longest side of a picture in the page, pixels."""
MEANINGS = {
    "missed": "an object that no box means",
    "confused": "a box on an object (IoU .5 or more) of another class",
    "misplaced": "a box of the right class that overlaps its object too little (IoU .1 to .5)",
    "double": "a further box on an object that is found already",
    "false": "a box where nothing is",
}
STYLE = """\
.tiles { display: flex; flex-wrap: wrap; gap: .5rem; margin: .5rem 0 1rem; }
.tiles div { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .4rem .8rem; }
.tiles dt { color: var(--faint); font-size: .82rem; } .tiles dd { margin: 0; font-size: 1.3rem; font-weight: 600; font-variant-numeric: tabular-nums; }
table.numbers td:not(:first-child), table.numbers th:not(:first-child) { text-align: right; font-variant-numeric: tabular-nums; }
:root { --k-missed: #1864ff; --k-confused: #a03cff; --k-misplaced: #ff8a00; --k-double: #c9b400; --k-false: #ff2438; --k-right: #00a650; }
@media (prefers-color-scheme: dark) { :root { --k-missed: #5c9bff; --k-confused: #c78bff; --k-misplaced: #ffa940; --k-double: #e6d334; --k-false: #ff6b78; --k-right: #3ecf82; } }
.k-missed { --mark: var(--k-missed); } .k-confused { --mark: var(--k-confused); } .k-misplaced { --mark: var(--k-misplaced); }
.k-double { --mark: var(--k-double); } .k-false { --mark: var(--k-false); } .k-right { --mark: var(--k-right); }
.meanings { list-style: none; padding: 0; margin: .5rem 0; } b[class^="k-"], .kinds span { border-left: .35rem solid var(--mark); padding-left: .4rem; }
.kinds { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: .5rem 0 1rem; } .kinds label { white-space: nowrap; cursor: pointer; }
.gallery { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); align-items: start; }
.gallery figure { margin: 0; } .gallery figcaption { font-size: .88rem; color: var(--faint); overflow-wrap: anywhere; padding-top: .3rem; }
.gallery figcaption b { color: var(--ink); }
.shot { display: block; width: 100%; height: auto; max-height: 32rem; background: var(--panel); border-radius: 4px; }
.shot rect { fill: transparent; stroke: var(--mark); stroke-width: 2.5px; vector-effect: non-scaling-stroke; }
.shot .truth rect { stroke-dasharray: 6 4; } .shot .k-right rect { stroke-width: 1px; }
.shot text { fill: #fff; stroke: #000; stroke-width: .22em; paint-order: stroke; stroke-linejoin: round; font-weight: 600; }
.shot g:hover rect { stroke-width: 5px; } .shot g:hover { filter: drop-shadow(0 0 2px #000); }
"""  # noqa: E501 - a rule is a line
STYLE += "".join(
    f"main:has(#show-{kind}:not(:checked)) .shot .k-{kind} {{ display: none; }}\n" for kind in (*KINDS, "right")
)
_GALLERY = """\
{% if shots %}
<p class="faint">The {{ shots | length }} pictures with the most mistakes. Broken lines are true boxes, whole lines detections; point at a box to read what it is.</p>
<div class="kinds no-print">
{% for kind, count in kinds %}<label class="k-{{ kind }}"><input type="checkbox" id="show-{{ kind }}" checked> <span>{{ kind }} ({{ count | number }})</span></label>
{% endfor %}
</div>
<div class="gallery">{% for shot in shots %}{{ shot }}{% endfor %}</div>
{% else %}
<p>No picture has a mistake.</p>
{% endif %}
"""  # noqa: E501
_SHOT = """\
<figure>
<svg class="shot" viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="{{ name }}: {{ told }}">
{% if uri %}<image href="{{ uri }}" width="{{ width }}" height="{{ height }}" preserveAspectRatio="none"/>{% endif %}
{% for one in boxes %}
<g class="k-{{ one.kind }}{{ ' truth' if one.truth }}"><rect x="{{ one.x }}" y="{{ one.y }}" width="{{ one.width }}" height="{{ one.height }}"/>{% if one.label %}<text x="{{ one.left }}" y="{{ one.base }}" font-size="{{ size }}">{{ one.label }}</text>{% endif %}<title>{{ one.told }}</title></g>
{% endfor %}
</svg>
<figcaption><b>{{ name }}</b>: {{ told }}</figcaption>
</figure>
"""  # noqa: E501


def gallery(report: Validation, most: int) -> Markup:
    """Return the worst pictures, reduced, with their boxes."""
    reader, counts = PictureReader(), report.mistakes.counts()
    try:
        shots = [_shot(report, row, reader) for row in report.worst(most)]
    finally:
        reader.close()
    return pages.render(_GALLERY, shots=shots, kinds=[(kind, counts[kind]) for kind in (*KINDS, "right")])


def _shot(report: Validation, row: int, reader: PictureReader) -> Markup:
    path = report.dataset.image_path(row)
    uri, (width, height) = "", (1, 1)
    try:
        image = reader.read(path if path is not None else "")
        uri, (width, height) = _reduced(image), (image.shape[1], image.shape[0])
    except DataError:  # it was there a moment ago; its numbers count all the same
        width, height = int(report.dataset.images.width[row]) or 1, int(report.dataset.images.height[row]) or 1
    size = round(max(width, height) / 40, 1)
    counts = {kind: int(every[row]) for kind, every in _by_picture(report).items()}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    boxes = sorted(_boxes(report, row, width, height, size), key=lambda one: bool(one["kind"] != "right"))
    _thin_labels(boxes, size)
    return pages.render(
        _SHOT, name=report.picture_name(row), told=told, uri=uri, width=width, height=height, boxes=boxes, size=size
    )


def _by_picture(report: Validation) -> dict[str, npt.NDArray[np.int64]]:
    return report.mistakes.by_picture(report.truth, report.found, len(report.dataset))


def _boxes(report: Validation, row: int, width: int, height: int, size: float) -> list[dict[str, Any]]:
    """Return what to draw: true boxes that were not found as they should, then what was found."""
    truth, found, made, names = report.truth, report.found, report.mistakes, report.classes
    out = []
    for k in np.flatnonzero((truth.image == row) & ~np.isin(made.truth, ("right", "ignored"))).tolist():
        kind, name = str(made.truth[k]), names[truth.class_id[k]]
        label = name if kind == "missed" else ""
        out.append(_box(truth.xyxy[k], kind, label, f"{kind}: a true {name}", (width, height), size, truth=True))
    for k in np.flatnonzero((found.image == row) & (made.found != "ignored")).tolist():
        kind, name, score = str(made.found[k]), names[found.class_id[k]], f"{found.score[k]:.2f}"
        told = f"{kind}: {name} {score}"
        if kind == "confused":
            told += f", in truth {names[truth.class_id[made.truth_of[k]]]}"
        label = "" if kind == "right" else f"{name} {score}"
        out.append(_box(found.xyxy[k], kind, label, told, (width, height), size))
    return out


def _thin_labels(boxes: list[dict[str, Any]], size: float) -> None:
    """Leave out labels that would fall upon one another: those of smaller boxes, which can be pointed at."""
    taken: list[tuple[float, float, float]] = []
    for one in sorted(boxes, key=lambda one: -one["width"] * one["height"]):
        left, base, right = one["left"], one["base"], one["left"] + 0.6 * size * len(one["label"])
        if any(left < r and right > l_ and abs(base - b) < 1.1 * size for l_, b, r in taken):
            one["label"] = ""
        if one["label"]:
            taken.append((left, base, right))


def _box(
    xyxy: npt.NDArray[np.float64],
    kind: str,
    label: str,
    told: str,
    limits: tuple[int, int],
    size: float,
    *,
    truth: bool = False,
) -> dict[str, Any]:
    x1, y1, x2, y2 = np.clip(xyxy, 0, [*limits, *limits]).round(1).tolist()
    base = y2 - 0.3 * size if truth else y1 - 0.3 * size  # the truth's name stands below, so that both can be read
    return {
        "kind": kind,
        "truth": truth,
        "x": x1,
        "y": y1,
        "width": round(x2 - x1, 1),
        "height": round(y2 - y1, 1),
        "label": label,
        "left": round(max(0.0, min(x1, limits[0] - 0.63 * size * len(label))), 1),
        "base": round(min(max(base, size), limits[1] - 2), 1),
        "told": told,
    }


def _reduced(image: npt.NDArray[np.uint8]) -> str:
    """Return a picture as an address that holds it, small enough for a page."""
    cv2 = opencv()
    height, width = image.shape[:2]
    if max(height, width) > LONGEST:
        share = LONGEST / max(height, width)
        image = cv2.resize(
            image, (max(1, round(width * share)), max(1, round(height * share))), interpolation=cv2.INTER_AREA
        )
    done, coded = cv2.imencode(".jpg", image[..., ::-1], [int(cv2.IMWRITE_JPEG_QUALITY), 78])
    return pages.data_uri(coded.tobytes(), "image/jpeg") if done else ""

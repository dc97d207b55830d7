"""Write results into README and docs, between markers, so that no number there is typed by hand.

A block reads ``<!-- results: accuracy-mot17 -->`` ... ``<!-- end -->``. ``python -m benchmarks.tables`` rewrites all
of them; ``--check`` only says whether they agree with ``results/*.json`` (a test does this).
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from typing import Any

from benchmarks.analytics_tables import ANALYTICS
from benchmarks.context import RESULTS, ROOT
from benchmarks.image import sizes
from benchmarks.markdown import origin as _origin
from benchmarks.markdown import table
from trackforge.io.atomic import atomic_path

BLOCK = re.compile(r"(<!-- results: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
DOCUMENTS = (
    ROOT.parent / "README.md",
    *sorted((ROOT.parent / "docs").glob("*.md")),
    *sorted((ROOT.parent / "plugins").glob("*/README.md")),
)


def accuracy(result: dict[str, Any]) -> str:
    """One row a tracker."""
    names = ("HOTA", "MOTA", "IDF1", "IDSW", "FP", "FN")
    rows = [(row["label"], *(_number(row["scores"][n], n) for n in names)) for row in result["rows"]]
    return table(("tracker", *names), rows) + _origin(result)


def _number(value: float, name: str) -> str:
    return str(value) if name in ("IDSW", "FP", "FN") else f"{value:.2f}"


def association(result: dict[str, Any]) -> str:
    """Microseconds of every library, and how many times slower than ours the peers are."""
    counts = [str(n) for n in result["objects"]]
    slower = result["times_slower_than_ours"]
    rows = [
        (name, *(f"{times[n]:.0f}" + (f" ({slower[name][n]:.1f}×)" if name in slower else "") for n in counts))
        for name, times in result["microseconds"].items()
    ]
    return table(
        (
            "µs a frame (times slower than ours)",
            *(f"{n} people, {result['detections_a_frame'][n]:.0f} boxes" for n in counts),
        ),
        rows,
    ) + _origin(result)


def looks(result: dict[str, Any]) -> str:
    """One row a tracker with or without embeddings, and what was published beside it."""
    names = ("HOTA", "AssA", "MOTA", "IDF1", "IDSW")
    rows = [
        (row["label"], "yes" if row["embeddings"] else "no", *(_number(row["scores"][n], n) for n in names))
        for row in result["rows"]
    ]
    found, published = result["embeddings"], result["published"]
    theirs = [(who, *(scores[n] for n in names[2:])) for who, scores in published["rows"].items()]
    return (
        table(("tracker", "embeddings", *names), rows)
        + f"\nThese embeddings find the same person first in {found['rank1']:.0%} of {found['vectors']} cases (mAP "
        f"{found['mAP']:.2f}).\n\nPublished, and not ours: {published['whose']}.\n\n"
        + table(("tracker", *names[2:]), theirs)
        + _origin(result)
    )


def evaluation(result: dict[str, Any]) -> str:
    """Seconds to read and score, against TrackEval."""
    rows = []
    for name, row in result["inputs"].items():
        times, faster = row["seconds"], row["times_faster_than_trackeval"]
        ours = (f"{times[who]:.2f} ({faster[who]:.1f}× faster)" for who in faster)
        rows.append((f"{name}, {row['track_rows']} rows", *ours, f"{times['TrackEval']:.2f}"))
    heads = ("seconds to read and score", "trackforge", "trackforge without SciPy", "TrackEval")
    return table(heads, rows) + _origin(result)


def pipeline(result: dict[str, Any]) -> str:
    """What is added to the network's own time."""
    rows = [
        (threads, row["network_ms"], row["pipeline_ms"], f"{row['added_percent']:+.1f} %")
        for threads, row in result["network_threads"].items()
    ]
    return table(("threads of the network", "network alone, ms", "video to MOT file, ms", "added"), rows) + _origin(
        result
    )


def tuning(result: dict[str, Any]) -> str:
    """Held-out scores without and with tuning, and what a trial costs."""
    rows = []
    for row in result["rows"]:
        before, after, lucky = (row[name]["HOTA"] for name in ("default", "tuned", "luckiest"))
        folds = " / ".join(
            f"{fold['val']['tuned']['HOTA'] - fold['val']['default']['HOTA']:+.2f}" for fold in row["folds"]
        )
        label = f"{row['label']}, {row['data']}"
        rows.append((label, f"{before:.2f}", f"{after:.2f} ({after - before:+.2f})", folds, f"{lucky - before:+.2f}"))
    cost = result["cost"]
    seconds = "; ".join(f"{label}: {value:.0f} s" for label, value in cost["cpu_seconds"].items())
    heads = ("HOTA, held out", "default", "tuned (gain)", "gain of each fold", "gain with `--pick best`")
    return (
        table(heads, rows)
        + (
            f"\nSplit: {result['split']}; {result['trials']} trials each. A search of {cost['trials']} trials over all "
            f"seven half-val sequences, scores included, takes this much time of one core: {seconds}.\n"
        )
        + _origin(result)
    )


def joint(result: dict[str, Any]) -> str:
    """Milliseconds of every engine, against the first."""
    rows = result["milliseconds"]
    first = next(iter(rows.values()))["network"]
    lines = [
        (name, row["detector"], f"{row['network']} ({low} to {high})", f"{row['network'] / first:.2f}×")
        for name, row in rows.items()
        for low, high in [row["network_range"]]
    ]
    heads = ("ms of processor time a picture", "whole detector", "network and decoding (range)", "against the first")
    beside = "" if result["torchvision_operator"] else " torchvision's operator did not work here."
    return table(heads, lines) + f"\n{result['input']}; {result['clock']}.{beside}\n" + _origin(result)


def ssd(result: dict[str, Any]) -> str:
    """Milliseconds of every engine, against MXNet where it was there."""
    networks = result["networks"]
    sides = list(next(iter(networks.values()))["milliseconds"])
    lines = []
    for side in sides:
        cells = []
        for network in networks.values():
            own, others = network["milliseconds"][side], network["milliseconds"].get("MXNet 1.9.1")
            cells.append(f"{own:.0f}" + (f" ({own / others:.2f}×)" if others and side != "MXNet 1.9.1" else ""))
        lines.append((side, *cells))
    return table(("ms of processor time a picture (against MXNet)", *networks), lines) + _origin(result)


def revision(result: dict[str, Any]) -> str:
    """Times of two revisions and their ratio."""
    rows = [
        (name, f"{row['old_ms']:.2f}", f"{row['new_ms']:.2f}", f"{row['ratio']:.3f} ({low:.3f} to {high:.3f})")
        for name, row in result["rows"].items()
        for low, high in [row["ratio_range"]]
    ]
    heads = ("milliseconds", result["against"], "this revision", "ratio (middle half of rounds)")
    return table(heads, rows) + _origin(result)


def labelling(result: dict[str, Any]) -> str:
    """Three rows a half that people checked: the labels of the other half at first, with another threshold, trained."""
    shares = ("AP50 of the detector", "AP of the detector", "HOTA of the labels", "IDF1 of the labels", "recall")
    names = (*shares, "boxes touched per 100", "least score")
    titles = {"before": "first labels", "untrained": "threshold chosen", "after": "trained"}
    rows, words = [], []
    for half in ("first", "second"):
        found = result[f"people checked the {half} half"]
        for when, title in titles.items():
            one = found[when]
            least = "as set" if one["least score"] is None else f"{one['least score']:g}"
            cells = (f"{100 * one[name]:.1f}" for name in shares)
            rows.append((f"{half} half checked: {title}", *cells, f"{one['boxes touched per 100']:.1f}", least))
        effort = found["effort"]
        words.append(
            f"{half} half: {effort['per 100 boxes']:.1f} of 100 boxes touched ({effort['kept']} left alone, "
            f"{effort['moved']} moved, {effort['added']} drawn, {effort['deleted']} deleted, "
            f"{effort['identities']} identities mended)"
        )
    told = "\nPeople's work on the half that they checked, where labelling from scratch is 100: " + "; ".join(words)
    settings = result["settings"]
    how = (
        f"Every frame, {settings['epochs']} epochs"
        if settings["stride"] == 1
        else (f"Every {settings['stride']}th frame, {settings['epochs']} epochs")
    )
    ends = "; ".join(
        f"{half} half: {result[f'people checked the {half} half']['training']}" for half in ("first", "second")
    )
    return (
        table(("PETS09-S2L1, the half that nobody labelled", *names), rows)
        + f"{told}. A box counts as left alone from IoU .7.\n\n{how}. Verdicts, on checked frames: {ends}.\n"
        + _origin(result)
    )


def overfit(result: dict[str, Any]) -> str:
    """Scores on what was learnt, over the epochs."""
    rows = [
        (
            f"{row['epoch']:.0f}",
            f"{row['loss']:.2f}" if "loss" in row else "",
            *(f"{100 * row[name]:.1f}" for name in ("voc_ap", "voc_ap11", "ap50", "ap")),
        )
        for row in result["course"]
    ]
    heads = ("epoch", "loss", "VOC AP", "VOC AP, 11 points", "AP50", "AP")
    of = f"{result['pictures']} pictures, {result['objects']} objects, {result['classes']} classes"
    return table(heads, rows) + f"\n{of}; {result['seconds of one core']} s of one core.\n" + _origin(result)


def scaling(result: dict[str, Any]) -> str:
    """Pictures a second, and how many times those of one process."""
    rows = [
        (
            row["machines"],
            row["processes"],
            row["pictures a step"],
            f"{row['pictures a second']:.2f}",
            f"{row['speed-up']:.2f}× ({low:.2f} to {high:.2f})",
        )
        for row in result["rows"]
        for low, high in [row["speed-up range"]]
    ]
    heads = ("machines", "processes of each", "pictures a step", "pictures a second", "speed-up (range of rounds)")
    said = "; ".join(f"{name} {value}" for name, value in result["settings"].items())
    where = f"{said}; {result['rounds']} rounds in turn; load of the machine then {result['load']}"
    return table(heads, rows) + f"\n{where}.\n" + _origin(result)


def fairmot(result: dict[str, Any]) -> str:
    """What a network that was trained for minutes finds, tells apart and tracks."""
    told, looks = result["training"], result["looks"]
    rows = []
    for name, boxes in result["boxes"].items():
        one = looks.get(name, {})
        people = f"{one['people']} ({one['of whom trained on']})" if one else ""
        strangers = f"{one['AUC among strangers']:.3f}" if "AUC among strangers" in one else ""
        auc = f"{one['AUC']:.3f}" if one else ""
        rows.append((f"frames {name}", boxes["frames"], f"{boxes['AP50']:.3f}", people, auc, strangers))
    heads = ("PETS09-S2L1", "frames", "AP50", "people (trained on)", "AUC of pairs", "AUC among strangers")
    found = table(heads, rows)
    names = ("MOTA", "IDF1", "HOTA", "IDSW")
    tracks = table(
        ("tracker", "frames", *names),
        (
            (label, frames, *(f"{one[n]:.0f}" if n == "IDSW" else f"{100 * one[n]:.1f}" for n in names))
            for frames, scores in result["tracks"].items()
            for label, one in scores.items()
        ),
    )
    losses = ", ".join(f"{name} {first:.3g} to {last:.3g}" for name, (first, last) in told["held-out losses"].items())
    words = (
        f"\nLosses on held-out frames, before and after: {losses}. {told['pictures']} pictures, {told['steps']} steps, "
        f"{told['processor seconds']:.0f} s of one core, validation included.\n"
    )
    return f"{found}\n{tracks}{words}{_origin(result)}"


def serving(result: dict[str, Any]) -> str:
    """One table a detector, then what memory does, and under which load all this was."""
    heads = (
        "",
        "sessions",
        "frames a second",
        "p50 ms",
        "p99 ms",
        "frames a batch",
        "processor ms a frame",
        "beyond offline",
    )
    told = []
    for label, rows in result["rows"].items():
        alone = result["offline"][label]
        lines = []
        for row in rows:
            cpu = row["processor ms a frame"]
            name = row["server"] + (f", {row['how']}" if "frames a batch" in row else "")
            own = f"{cpu - alone['processor ms a frame']:+.2f}"
            lines.append(
                (name, row["sessions"], row["frames a second"], row["p50 ms"], row["p99 ms"],
                 row.get("frames a batch", ""), f"{cpu:.2f}", own)
            )  # fmt: skip
        spent = ", ".join(f"{key.removesuffix(' ms')} {value}" for key, value in alone.items() if key.endswith(" ms"))
        told.append(
            f"**{label}**. Offline a frame takes {alone['processor ms a frame']} ms of processor time; by the clock, "
            f"in ms: {spent}.\n\n{table(heads, lines)}"
        )
    asked = sum(row["frames"] for rows in result["rows"].values() for row in rows)
    load = result["load of the machine"]
    peer = f"LitServe {result['LitServe']}" if result["LitServe"] else "LitServe could not be installed"
    wrong, seconds = result["rows unlike offline or lost"], result["seconds in all"]
    words = (
        f"\nOf {asked:,} frames {wrong} were lost or have a row unlike offline. {peer}; {seconds} s in all; load of "
        f"the machine {load['before']} before, {load['after']} after.\n"
    )
    return "\n".join(told) + words + _origin(result)


def kept(result: dict[str, Any]) -> str:
    """What memory does over many frames."""
    rows = [(f"{int(frames):,}", f"{mib:.1f}") for frames, mib in result["MiB by frames done"].items()]
    return (
        table(("frames done", "MiB"), rows)
        + f"\n{result['sessions opened and closed']:,} sessions, {result['open at once']} at a time, pictures of "
        f"{result['pictures']}, in {result['seconds']:.0f} s; {result['sessions open at the end']} left open. Over the "
        f"second half memory grew by {result['growth MiB over the second half']} MiB.\n" + _origin(result)
    )


WRITERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "accuracy-appearance": looks,
    "accuracy-mot17": accuracy,
    "labelling": labelling,
    "overfit": overfit,
    "scaling": scaling,
    "serving": serving,
    "serving-memory": kept,
    "fairmot": fairmot,
    "image": sizes,
    "speed-appearance": association,
    "speed-association": association,
    "speed-evaluation": evaluation,
    "speed-joint": joint,
    "speed-pipeline": pipeline,
    "speed-revision": revision,
    "speed-ssd": ssd,
    "tuning": tuning,
    **ANALYTICS,
}


def rewritten(text: str) -> str:
    """Return a document with every block written afresh."""

    def block(match: re.Match[str]) -> str:
        name = match["name"]
        result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        return f"{match[1]}{WRITERS[name](result)}{match[3]}"

    return BLOCK.sub(block, text)


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; exit status 1 where a document is behind")
    check = parser.parse_args().check
    behind = [
        path for path in DOCUMENTS if rewritten(path.read_text(encoding="utf-8")) != path.read_text(encoding="utf-8")
    ]
    for path in behind:
        print(path, "is behind its results" if check else "written")
        if not check:
            with atomic_path(path) as partial:
                partial.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
    if check and behind:
        raise SystemExit("Run: python -m benchmarks.tables")


if __name__ == "__main__":
    main()

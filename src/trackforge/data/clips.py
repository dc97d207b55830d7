"""Films cut into parts for labelling: clips, or frames as pictures with what Ground Truth wants to know of them.

Parts are called by the film's frames (`trackforge.data.parts`), ``street-000201-000400``, and frames by their number in
the film, ``000201.jpg``, so that labels find their frames again. What was cut stays: broken off, the same call goes on
where it was, and a film that breaks in the middle keeps the parts before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from trackforge.data.clip_records import Clip, Record
from trackforge.data.clip_writing import write_film, write_frames
from trackforge.data.dialects.ground_truth_rules import MOST_FRAMES, check_prefix
from trackforge.data.parts import part_name
from trackforge.data.video import VideoFrames
from trackforge.errors import ConfigError, TrackforgeError, did_you_mean
from trackforge.intake.addresses import source_name
from trackforge.intake.names import plain_name

__all__ = ["ClipReport", "Form", "cut_clips"]

log = logging.getLogger(__name__)
Form: TypeAlias = Literal["clips", "frames", "stills"]


@dataclass(frozen=True, kw_only=True)
class ClipReport:
    """What was cut.

    Attributes:
        target: The folder.
        clips: Parts that are there now.
        made: Parts of these that were not there before.
        frames: Frames in all of them.
        manifests: Input manifests; none for clips.
        failed: Films that broke, and why.
        notes: What is worth knowing, one sentence each.
    """

    target: Path
    clips: int
    made: int
    frames: int
    manifests: tuple[Path, ...]
    failed: dict[str, str]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.target}: {self.clips} parts of {self.frames} frames, {self.made} of them new"]
        lines += [f"input manifest: {file}" for file in self.manifests]
        lines += [f"error: {name}: {why}" for name, why in self.failed.items()]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def cut_clips(
    videos: Sequence[str | Path],
    target: str | Path,
    *,
    frames: int = 200,
    form: Form = "clips",
    stride: int = 1,
    prefix: str = "",
    progress: Callable[[Clip], None] | None = None,
) -> ClipReport:
    """Cut films into parts of so many frames.

    Args:
        videos: Films.
        target: Folder; one that this function filled goes on to be filled.
        frames: Frames of a part; the last of a film may have fewer.
        form: ``"clips"``: films, ``clips/<part>.mp4``, copied without coding them anew where a part begins at a key
            frame of an H.264 film, else coded nearly without loss; frames are the film's in any case, which is
            checked. ``"frames"``: JPEG pictures, ``frames/<part>/``, a sequence file for each part and
            ``input.manifest``, as a labelling job of video reads them. ``"stills"``: pictures, and a manifest with a
            line for each, for jobs of boxes.
        stride: Take every so-manieth frame.
        prefix: Where the folder will be uploaded to, ``s3://bucket/folder/``.
        progress: Told of each part that was made.

    Raises:
        ConfigError: A number is out of range, two films have one name, or the folder was filled otherwise.
        SinkError: The place cannot be written to.
    """
    if frames < 1 or stride < 1:
        raise ConfigError(f"A part must have frames, and stride be 1 or more; got frames={frames}, stride={stride}.")
    if form not in ("clips", "frames", "stills"):
        raise ConfigError(f"form must be clips, frames or stills; got {form!r}.{did_you_mean(form, ['clips'])}")
    target, notes = Path(target), list[str]()
    if form == "frames" and frames > MOST_FRAMES:
        notes.append(f"a sequence has {MOST_FRAMES} frames at most, so parts have no more; {frames} were asked for")
        frames = MOST_FRAMES
    names = _names(videos)
    settings = {"form": form, "frames": frames, "stride": stride, "prefix": check_prefix(prefix)}
    record = Record(target, settings)
    failed, made = dict[str, str](), 0
    for name, path in names.items():
        try:
            for clip in _cut(path, name, frames, form, stride, record):
                made += 1
                if progress is not None:
                    progress(clip)
        except TrackforgeError as error:
            failed[name] = str(error)
            log.warning("%s: what was cut before is kept; %s", name, error)
    manifests = record.write_manifests()
    if len(manifests) > 1 and form == "frames":
        notes.append(f"a job has ten sequences at most; there are {len(manifests)} manifests, a job each")
    if not prefix and form != "clips":
        notes.append("addresses are paths in the folder; say where it will be uploaded to: prefix=s3://...")
    return ClipReport(**record.totals(), made=made, manifests=manifests, failed=failed, notes=tuple(notes))


def _names(videos: Sequence[str | Path]) -> dict[str, Path]:
    """Return the films by name."""
    found: dict[str, Path] = {}
    for video in videos:
        name = plain_name(source_name(str(video)), "A film", path=str(video))
        if name in found:
            raise ConfigError(
                f"Films must have names of their own, by which their labels are told apart; {found[name]} and {video} "
                "are both called so. Rename one, or cut them into two folders."
            )
        found[name] = Path(video)
    if not found:
        raise ConfigError("There must be a film to cut; got none.")
    return found


def _cut(path: Path, film: str, frames: int, form: Form, stride: int, record: Record) -> Iterator[Clip]:
    """Yield the parts of a film as they are made; those that are there are left as they are."""
    video = VideoFrames(path)
    try:
        numbers = range(0, len(video), stride)
        rate = (video.rate or 25.0) / stride
        for start in range(0, len(numbers), frames):
            chosen = numbers[start : start + frames]
            name = part_name(film, chosen[0], chosen[-1], stride)
            if record.has(name):
                continue
            if form == "clips":
                write_film(video, chosen, record.target / f"clips/{name}.mp4", rate=rate)
            else:
                write_frames(video, chosen, record.target / f"frames/{name}")
            clip = Clip(name=name, film=film, first=chosen[0], step=stride, count=len(chosen), rate=rate)
            record.add(clip)
            yield clip
    finally:
        video.close()

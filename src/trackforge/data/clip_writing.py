"""A part of a film as a film of its own, or as pictures; whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.data.video import VideoFrames
from trackforge.errors import DataError, TrackforgeError
from trackforge.io.atomic import atomic_path
from trackforge.io.partial_folder import PartialFolder
from trackforge.io.pictures import opencv

__all__ = ["write_film", "write_frames"]

QUALITY = 8
"""Constant rate factor of clips that are coded anew: nobody sees what is lost at 8."""
JPEG = 95
_COPIED = (".mp4", ".mov", ".mkv")


def write_frames(video: VideoFrames, chosen: range, folder: Path) -> None:
    """Write frames of a film as JPEG pictures, ``000001.jpg`` for its first frame.

    Raises:
        DataError: A frame cannot be decoded; the folder is not there then.
        SinkError: The place cannot be written to.
    """
    if folder.is_dir() and len(list(folder.iterdir())) == len(chosen):
        return  # whole, for it was put there at once; what broke off was the record of it
    cv2, place = opencv(), PartialFolder(folder)
    try:
        for number in chosen:
            done, data = cv2.imencode(".jpg", video.read(number)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG])
            if not done:
                raise DataError(f"Frame {number} cannot be encoded as JPEG.", path=video.path)
            place.save(f"{number + 1:06d}.jpg", data.tobytes())
    except BaseException:
        shutil.rmtree(place.path, ignore_errors=True)
        raise
    place.settle(None, mixed=False)


def write_film(video: VideoFrames, chosen: range, target: Path, *, rate: float) -> None:
    """Write frames of a film as an mp4.

    Raises:
        DataError: A frame cannot be decoded; the file is not there then.
        SinkError: The place cannot be written to.
    """
    with atomic_path(target) as partial:
        if _copied(video, chosen, partial):
            return
        _encoded(video, chosen, partial, rate, target.name)
        _require_count(partial, len(chosen), target)


def _encoded(video: VideoFrames, chosen: range, partial: Path, rate: float, name: str) -> None:
    from trackforge.io.encode import VideoWriter

    first = video.read(chosen[0])
    writer = VideoWriter(partial, (first.shape[1], first.shape[0]), rate, QUALITY, name=name)
    try:
        for k, number in enumerate(chosen):
            writer.write(first if k == 0 else video.read(number), k / rate)
    except BaseException:
        with contextlib.suppress(TrackforgeError, OSError):
            writer.close()
        raise
    writer.close()


def _copied(video: VideoFrames, chosen: range, partial: Path) -> bool:
    """Copy the packets of an H.264 film that begins with a key frame here; tell whether the frames are the same."""
    keys = set(video.key_frames.tolist())
    ends = chosen[-1] + 1 in keys or chosen[-1] + 1 == len(video)
    if chosen.step != 1 or chosen[0] not in keys or not ends or video.path.suffix.lower() not in _COPIED:
        return False
    try:
        if not _copy_packets(video, chosen, partial):
            return False
        made = VideoFrames(partial)
        try:
            looked_at = sorted({0, len(chosen) // 2, len(chosen) - 1})
            same = len(made) == len(chosen)
            same = same and all(np.array_equal(made.read(k), video.read(chosen[k])) for k in looked_at)
        finally:
            made.close()
    except (TrackforgeError, ValueError, OSError):  # what cannot be copied is coded anew
        return False
    return same


def _copy_packets(video: VideoFrames, chosen: range, partial: Path) -> bool:
    import av

    from trackforge.io.decode import ffmpeg_path

    with av.open(ffmpeg_path(video.path)) as source, av.open(ffmpeg_path(partial), "w", format="mp4") as out:
        stream = source.streams.video[0]
        if stream.codec_context.name != "h264":
            return False
        copy: Any = out.add_stream_from_template(stream)
        first, last = video.times(chosen[0]), video.times(chosen[-1])
        begin: int | None = None
        for packet in source.demux(stream):
            if not packet.size or packet.pts is None or packet.dts is None or not first <= packet.pts <= last:
                continue
            begin = packet.dts if begin is None else begin
            packet.pts, packet.dts = packet.pts - first, packet.dts - first
            packet.stream, packet.time_base = copy, Fraction(stream.time_base or 0)
            out.mux(packet)
    return begin is not None


def _require_count(partial: Path, count: int, target: Path) -> None:
    made = VideoFrames(partial)
    made.close()
    if len(made) != count:
        raise DataError(f"A clip must have the frames that were cut, {count}; it has {len(made)}.", path=target)

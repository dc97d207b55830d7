"""Films that strangers sent, opened so that they can be nothing but films.

FFmpeg finds out from a file's content what it is, and some formats are lists of other places: a playlist (HLS, DASH), a
list to concatenate, a session description. Sent as a film, such a list would have the server read its own files, other
people's films or its network. So here only formats that hold their pictures themselves are known to it at all
(``format_whitelist``), and no protocol but that of files (``protocol_whitelist``; FFmpeg, "Protocol Options").
"""

from __future__ import annotations

from pathlib import Path

from trackforge.errors import SourceError
from trackforge.intake.names import readable
from trackforge.intake.showing import visible
from trackforge.io.opening import Opening
from trackforge.io.video import VideoSource, VideoSourceConfig

__all__ = ["FORMATS", "film_name", "open_film"]

FORMATS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "h263", "h264", "hevc", "vvc", "av1", "obu", "ivf",
    "flv", "asf", "ogg", "mxf", "gxf", "nut", "dv", "dhav", "rm", "wtv", "nsv", "vc1", "mjpeg", "mpjpeg", "gif", "apng",
    "yuv4mpegpipe",
)  # fmt: skip
"""FFmpeg's names of the formats that a film may have: each a single file without references to others."""
OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)}
LONGEST = 120
"""Characters of a film's name that are kept."""


def film_name(given: str) -> str:
    r"""Return a name that somebody gave a film, fit to be shown and to name its sequence: no path, nothing that steers.

    >>> film_name("C:\\films\\street.mp4"), film_name("../../etc/passwd"), film_name("")
    ('street.mp4', 'passwd', 'film')
    """
    last = readable(given).replace("\\", "/").rstrip("/").rpartition("/")[2]
    return visible(last, keep="").strip(" .")[:LONGEST] or "film"


def open_film(path: Path, name: str, stride: int = 1) -> VideoSource:
    """Open a film; its sequence is called as `film_name` makes it, without the ending.

    Args:
        path: The file, whatever it is called.
        name: What it is called in messages and results.
        stride: Give every n-th frame.

    Raises:
        SourceError: It is no film, or a list of other places. Neither the message nor its cause names the path.
        DataError: Its pictures are larger than the limit ``pixels`` (`trackforge.intake.limits`).
    """
    shown = film_name(name)
    advice = "Send one video file that holds its own pictures: MP4, MOV, Matroska, WebM, AVI, MPEG."
    opening = Opening(str(path), options=OPTIONS, advice=advice)
    try:
        source = VideoSource(VideoSourceConfig(path=str(path), stride=stride), opening)
    except SourceError as error:
        raise SourceError(_told(error, path, shown)) from None
    source.path = opening.shown = shown
    source.name = Path(shown).stem or shown
    return source


def _told(error: SourceError, path: Path, shown: str) -> str:
    # What FFmpeg says of a format that it is not to know is "Invalid argument", which tells nobody anything.
    return str(error).replace(str(path), shown).replace("Invalid argument", "it is no film, or a list of other files")

"""Addresses of cameras that clients hand in: of the network alone, never a way to the server's own files.

FFmpeg opens what a text says: a file, a list of files (``concat:``), a part of one (``subfile,,``), another program's
socket. So the address must begin with a scheme of the network, spelt out, and whatever comes from it (a playlist, a
session description, a redirection) may lead to protocols of the network only (``protocol_whitelist``; FFmpeg, "Protocol
Options"). Options of FFmpeg cannot be handed in at all.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from trackforge.intake.addresses import shown_address
from trackforge.serving.cameras.refusals import BadCamera

__all__ = ["PROTOCOLS", "SCHEMES", "camera_address", "camera_options"]

SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "rtp", "udp", "srt")
"""What the address of a camera may begin with."""
PROTOCOLS = (
    "http", "https", "httpproxy", "tcp", "tls", "udp", "udplite", "rtp", "srtp", "rtmp", "rtmps", "rtmpt", "rtmpts",
    "ffrtmphttp", "srt", "crypto",
)  # fmt: skip
"""FFmpeg's names of the protocols that may be spoken on the way; ``crypto`` unwraps what came by another of them."""
LONGEST = 2000
"""Characters of an address."""
LISTENING = {"listen": ("1", "2", "true"), "mode": ("listener", "rendezvous", "server"), "rtsp_flags": ("listen",)}
"""What in a query would have FFmpeg open a port and wait, instead of asking the camera."""


def camera_address(text: str, *, devices: bool = False) -> str:
    """Return the address of a camera, if it is one that a client may have opened.

    >>> camera_address("RTSP://user:S3cret@10.0.0.7/1")
    'rtsp://user:S3cret@10.0.0.7/1'

    Args:
        text: What the client says.
        devices: Whether numbers of devices of this machine may be, too.

    Raises:
        BadCamera: It may not. The message shows no password.
    """
    if devices and text.isascii() and text.isdigit() and len(text) < 4:
        return text
    scheme, sign, rest = text.partition("://")
    plain = text.isascii() and text.isprintable() and not any(c in text for c in " \"'<>\\^`{|}")
    if not (sign and scheme.lower() in SCHEMES and plain and len(text) <= LONGEST):
        came = shown_address(text[:80]) if sign and scheme.isalnum() else ascii(text[:24])
        raise BadCamera(
            f"A camera must be an address that begins with {', '.join(f'{one}://' for one in SCHEMES)}, without blanks"
            f"{' or the number of a device' if devices else ''}; got {came}. Percent-encode what is special."
        )
    try:
        split = urlsplit(f"{scheme.lower()}://{rest}")
        asked, _ = parse_qsl(split.query), split.port
    except ValueError:
        asked, split = [], urlsplit("")
    if not split.hostname:
        raise BadCamera(f"The address of a camera must name a host; {shown_address(text)} does not.")
    if split.fragment:  # FFmpeg reads options there, too
        raise BadCamera(f"The address of a camera must end before '#'; {shown_address(text)} goes on. Write it as %23.")
    for key, value in asked:
        if value.lower() in LISTENING.get(key.lower(), ()):
            raise BadCamera(
                f"The server asks cameras, and does not listen for them; the address says {key}={value}. Leave it out."
            )
    return f"{scheme.lower()}://{rest}"


def camera_options(address: str, transport: Literal["tcp", "udp"]) -> tuple[str, ...]:
    """Return FFmpeg's options for an address, as `trackforge.io.camera` takes them."""
    if "://" not in address:  # a device
        return ()
    rtsp = (f"rtsp_transport={transport}",) if address.startswith(("rtsp://", "rtsps://")) else ()
    return (f"protocol_whitelist={','.join(PROTOCOLS)}", *rtsp)

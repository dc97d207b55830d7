"""A server, declared once: every flag, TOML key and environment variable of ``trackforge serve``.

What is said of the detector and the tracker means what it means for ``trackforge track``
(`trackforge.runs.tracking.Looking`), since the same declarations and the same layers of settings serve both.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from pathlib import Path
from typing import Literal

from trackforge.config import check, same_setting, setting
from trackforge.runs.component import Wanted
from trackforge.runs.measuring import Measured
from trackforge.runs.tracking import Run, TrackingRun

__all__ = ["ServingRun"]

MIB = 2**20


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServingRun(Measured):
    """What is served, to how many, and under which limits.

    >>> run = ServingRun(detector="yolox", weights="yolox-nano", tracker={"name": "byte", "min_hits": 3})
    >>> run.port, run.local
    (8000, True)

    Raises:
        ConfigError: A setting is wrong.
    """

    cameras: tuple[str, ...] = setting(
        (), help="Cameras that are tracked from the start: addresses, rtsp:// or http://, or numbers of this machine's."
    )
    detector: Wanted = same_setting(TrackingRun, "detector")
    weights: str | None = same_setting(TrackingRun, "weights")
    conf: float | None = same_setting(TrackingRun, "conf")
    iou: float | None = same_setting(TrackingRun, "iou")
    imgsz: int | tuple[int, int] | None = same_setting(TrackingRun, "imgsz")
    device: str | None = same_setting(TrackingRun, "device")
    half: bool = same_setting(TrackingRun, "half")
    classes: tuple[str, ...] = same_setting(TrackingRun, "classes")
    class_agnostic: bool = same_setting(TrackingRun, "class_agnostic")
    tracker: Wanted = same_setting(Run, "tracker")
    associator: Wanted = same_setting(Run, "associator")
    motion: Wanted = same_setting(Run, "motion")

    host: str = setting("127.0.0.1", help="Address to listen on; 0.0.0.0 for everybody who can reach this machine.")
    port: int = setting(8000, minimum=0, maximum=65535, help="Port to listen on; 0 for any that is free.")
    port_file: Path | None = setting(None, help="File that gets the port once the server listens, whole or not at all.")
    token: str | None = setting(
        None,
        help="Bearer token that every request must carry. Better told by TRACKFORGE_SERVE_TOKEN, since other users of "
        "the machine can read a command line.",
    )
    tls_cert: Path | None = setting(
        None, help="Certificate chain (PEM), to speak HTTPS; without one, plain HTTP, for this machine or a proxy."
    )
    tls_key: Path | None = setting(None, help="Its private key (PEM), where that is not in the same file.")
    hosts: tuple[str, ...] = setting(
        (), commas=True, help="Names under which the server may be asked for, beside the address that it listens on."
    )
    origins: tuple[str, ...] = setting(
        (), commas=True, help="Other web pages that may use the server: https://example.org."
    )

    policy: Literal["every", "newest"] = setting(
        "every",
        help="Track every frame, refusing some where too many wait; or the newest, counting what gives way.",
    )
    waiting: int = setting(8, minimum=1, unit="frames", help="Frames a session that may wait.")
    max_waiting_bytes: int = setting(
        1024 * MIB, minimum=1, unit="bytes", help="What decoded pictures that wait may take, of all sessions together."
    )
    max_batch: int = setting(8, minimum=1, unit="frames", help="Frames of any sessions that the detector gets at once.")
    max_sessions: int = setting(256, minimum=1, help="Sessions that may be open at once, cameras and films included.")
    session_ttl: float = setting(1200.0, above=0, unit="s", help="After so long without a frame a session expires.")
    sessions_dir: Path | None = setting(
        None, help="Folder in which open sessions are kept, so that they go on after a restart or a crash."
    )

    max_body: int = setting(6 * MIB, minimum=1, unit="bytes", help="Largest picture or other request that is taken.")
    max_film: int = setting(2048 * MIB, minimum=1, unit="bytes", help="Largest film that is taken.")
    max_pixels: int = setting(50_000_000, minimum=1, unit="px", help="Largest width times height of a picture.")
    request_timeout: float = setting(60.0, above=0, unit="s", help="How long a request may take, its body included.")
    hang: float = setting(
        120.0, above=0, unit="s", help="A detector that takes longer for one batch counts as failed until it is back."
    )
    max_requests: int = setting(
        128, minimum=1, help="Requests with a body that may be at work at once; more are told to wait."
    )
    max_connections: int = setting(1024, minimum=1, help="Connections that may be open at once, WebSockets included.")
    grace: float = setting(25.0, minimum=0, unit="s", help="When stopped: how long what has begun may take to end.")
    films_dir: Path | None = setting(
        None, help="Folder for films and their results; without one, a temporary folder that goes with the server."
    )
    max_films: int = setting(64, minimum=1, help="Films that are kept at once, with their results.")
    films_at_once: int = setting(2, minimum=1, help="Films that are tracked at once; others wait.")
    films_space: int = setting(16384 * MIB, minimum=1, unit="bytes", help="What all films and their results may take.")
    film_frames: int = setting(1_000_000, minimum=1, unit="frames", help="Frames that a film may have.")
    film_ttl: float = setting(3600.0, above=0, unit="s", help="After so long a film that is done is removed.")
    max_cameras: int = setting(64, minimum=1, help="Cameras that the server pulls from at once.")
    allow_devices: bool = setting(False, help="Whether clients may name cameras of this machine by number, too.")
    allow_cameras: bool | None = setting(
        None,
        help="Whether clients may have the server open addresses of cameras; without it, if only this machine can "
        "reach the server, or a token is set.",
    )
    labels: Path | None = setting(None, help="Folder of label documents that people check on the page.")
    log_format: Literal["text", "json"] = setting("text", help="How log lines look: for people, or one object a line.")

    def __post_init__(self) -> None:
        check(self)

    def __repr__(self) -> str:
        """Show what is not as by default, but never the token."""
        told = [
            f"{f.name}={'...' if f.name == 'token' else repr(getattr(self, f.name))}"
            for f in dataclasses.fields(self)
            if getattr(self, f.name) != f.default
        ]
        return f"{type(self).__name__}({', '.join(told)})"

    @property
    def local(self) -> bool:
        """Whether the server listens to this machine alone."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host.casefold() == "localhost"

    @property
    def cameras_allowed(self) -> bool:
        """Whether clients may have the server open addresses of cameras."""
        return (self.local or bool(self.token)) if self.allow_cameras is None else self.allow_cameras

"""Results on the screen: a window, by Python's own Tk, so that no build of OpenCV with windows is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import cv2
import numpy as np

from trackforge.config import check, setting
from trackforge.errors import DeviceError, InvalidInputError, MissingDependencyError, SinkError
from trackforge.intake.showing import visible
from trackforge.io.overlay import OverlaySink, OverlaySinkConfig
from trackforge.protocols import Drawing
from trackforge.types import Step, Stream

__all__ = ["WindowSink", "WindowSinkConfig"]

SHARE = 0.9
"""Part of the screen that a window may take."""


@dataclass(frozen=True, kw_only=True)
class WindowSinkConfig:
    """Settings of `WindowSink`; what is drawn is as in `trackforge.io.overlay.OverlaySinkConfig`."""

    box: Literal["filtered", "detected"] = setting("filtered", help="The motion model's box, or the detector's own.")
    trail: int = setting(30, help="Length of the trails; 0 for none.", unit="frames", minimum=0)
    labels: bool = setting(True, help="Write ids, and class names where given.")
    scores: bool = setting(False, help="Write scores, too.")
    lost: bool = setting(False, help="Draw lost tracks where they are expected, dashed.")
    detections: bool = setting(False, help="Draw what the detector found, in grey.")
    line_width: int | None = setting(None, help="Width of lines; none for one that suits.", unit="px", minimum=1)

    def __post_init__(self) -> None:
        check(self)


class WindowSink:
    """Shows every frame with its boxes, as fast as they come; q, Esc or closing the window ends the run.

    Pictures that are larger than the screen are shown smaller. The window belongs to the thread that opens it.

    Attributes:
        ended: Whether the window was closed.

    Raises:
        MissingDependencyError: This Python has no Tk.
        DeviceError: There is no display.
        InvalidInputError: A frame has no image.
    """

    def __init__(self, config: WindowSinkConfig | None = None) -> None:
        self.config = config or WindowSinkConfig()
        self.ended = False
        self._title = "trackforge"
        self._root: Any = None
        self._label: Any = None
        self._picture: Any = None
        self._painter: OverlaySink | None = None
        self._also: Drawing | None = None
        self._size = (0, 0)

    def __enter__(self) -> WindowSink:
        self.ended = False
        self._root = root = _root()
        root.title(self._title)
        for key in ("<Key-q>", "<Key-Q>", "<Escape>"):
            root.bind(key, lambda _: self._end())
        root.protocol("WM_DELETE_WINDOW", self._end)
        self._label = self._painter = self._also = None
        self._stream, self._size = Stream(), (0, 0)
        return self

    def draw_with(self, painter: Drawing, /) -> None:
        """Have somebody else draw into each picture, too, after the boxes."""
        self._also = painter

    def open(self, stream: Stream, /) -> None:
        """Take the name of the sequence and the names of the classes."""
        self._stream = stream
        if self._root is not None and stream.name:
            self._root.title(f"{visible(stream.name)} - trackforge (q ends)")

    def write(self, step: Step, /) -> None:
        """Show one frame."""
        import tkinter as tk

        if self._root is None:
            raise SinkError("The window is not open; write inside 'with sink:'.")
        if step.frame.image is None:
            raise InvalidInputError(f"A window needs pictures; frame {step.frame.index} has none. Leave out --show.")
        if self.ended:
            return
        picture = np.array(step.frame.image)
        painter = self._painter or self._made()
        if step.frame.size != self._size:  # pictures of a folder may differ
            self._size = step.frame.size
            painter.begin(self._size)
        painter.draw(picture, step)
        try:
            self._show(picture, tk)
            self._root.update()
        except tk.TclError:  # the window, or the whole display, went away
            self._end()

    def _made(self) -> OverlaySink:
        settings = {name: getattr(self.config, name) for name in WindowSinkConfig.__dataclass_fields__}
        self._painter = painter = OverlaySink(OverlaySinkConfig(path=Path("window"), **settings))
        painter.open(self._stream)
        if self._also is not None:
            painter.draw_with(self._also)
        return painter

    def _show(self, picture: np.ndarray[Any, np.dtype[np.uint8]], tk: Any) -> None:
        root = self._root
        height, width = picture.shape[:2]
        scale = min(SHARE * root.winfo_screenwidth() / width, SHARE * root.winfo_screenheight() / height, 1.0)
        if scale < 1:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
            height, width = picture.shape[:2]
        data = b"P6 %d %d 255 " % (width, height) + picture.tobytes()
        if self._label is None:
            self._picture = tk.PhotoImage(master=root, data=data, format="PPM")
            self._label = tk.Label(root, image=self._picture, borderwidth=0)
            self._label.pack()
        else:
            self._picture.configure(data=data)

    def _end(self) -> None:
        self.ended = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close the window."""
        root, self._root = self._root, None
        self._label = self._picture = self._painter = self._also = None
        if root is not None:
            import tkinter as tk
            from contextlib import suppress

            with suppress(tk.TclError):
                root.destroy()


def _root() -> Any:
    try:
        import tkinter as tk
    except ImportError as error:
        raise MissingDependencyError(
            "A window needs Tk, which this Python is built without; run: apt install python3-tk (Debian, Ubuntu), dnf "
            "install python3-tkinter (Fedora) or brew install python-tk (macOS), or write a video: -o out.mp4",
            name="tkinter",
        ) from error
    try:
        return tk.Tk()
    except tk.TclError as error:
        raise DeviceError(
            f"A window needs a display; there is none here ({error}). Leave out --show and write a video (-o out.mp4), "
            "or go by ssh -X."
        ) from error

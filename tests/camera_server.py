"""Cameras in a process of their own: multipart JPEG and MPEG-TS over HTTP, H.264 over RTSP, all on one port.

``python camera_server.py [PORT]`` prints the port and serves until it is killed. What the camera shows is the path:

* ``http://.../mjpeg/SEED``: `bright_detector.scene` as multipart JPEG, without a clock;
* ``http://.../ts/SEED``: the same as MPEG-TS, with one;
* ``rtsp://.../h264/SEED``: the same as H.264 in RTP in the connection (RFC 2326, RFC 6184); with ``locked=1`` it
  wants ``admin`` and ``S3cret`` (Basic);
* ``http://.../silent``: accepts, and never says a word.

Behind ``?``: ``frames`` (0 for no end), ``fps``, ``after`` (a file that must be there before the first picture).
"""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import av
from bright_detector import encoded, scene

USER = base64.b64encode(b"admin:S3cret").decode()
LARGEST = 1300
"""Bytes of a picture in one packet."""


class Show:
    """What an address asks for."""

    def __init__(self, target: str) -> None:
        split = urlsplit(target)
        self.kind, _, seed = split.path.strip("/").partition("/")
        asked = {key: values[0] for key, values in parse_qs(split.query).items()}
        self.seed = int(re.match(r"\d*", seed)[0] or 0)
        self.frames, self.fps = int(asked.get("frames", 0)), float(asked.get("fps", 25))
        self.after = asked.get("after")
        self.locked = "locked" in asked

    def indices(self) -> Iterator[int]:
        """Give the numbers of the pictures, each in its time."""
        while self.after and not Path(self.after).exists():
            time.sleep(0.02)
        begin = time.monotonic()
        for index in range(self.frames) if self.frames else itertools.count():
            time.sleep(max(0.0, begin + index / self.fps - time.monotonic()))
            yield index

    def coded(self, container: av.container.OutputContainer | None = None) -> Iterator[list[av.Packet]]:
        """Give each picture as H.264; the packets are muxed by the caller."""
        size = scene(0).shape
        if container is None:
            codec = av.CodecContext.create("libx264", "w")
        else:
            stream = container.add_stream("libx264", rate=25)
            codec = stream.codec_context
        codec.width, codec.height, codec.pix_fmt = size[1], size[0], "yuv420p"
        codec.time_base, codec.framerate, codec.gop_size = Fraction(1, 25), Fraction(25), 5
        codec.options = {"tune": "zerolatency", "preset": "ultrafast", "threads": "1"}
        for index in self.indices():
            frame = av.VideoFrame.from_ndarray(scene(index, self.seed), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            yield stream.encode(frame) if container is not None else codec.encode(frame)
        yield stream.encode(None) if container is not None else codec.encode(None)


def mjpeg(connection: socket.socket, show: Show) -> None:
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
    for index in show.indices():
        data = encoded(scene(index, show.seed), ".jpg")
        head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
        connection.sendall(head + data + b"\r\n")


def transport_stream(connection: socket.socket, show: Show) -> None:
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts") as container:
        for packets in show.coded(container):
            container.mux(packets)
            connection.sendall(buffer.getvalue())
            buffer.seek(0)
            buffer.truncate()
    connection.sendall(buffer.getvalue())


def nals(data: bytes) -> list[bytes]:
    """Return the units of a picture in Annex B."""
    return [unit.rstrip(b"\0") for unit in re.split(b"\0\0\0?\1", data) if unit]


class Rtsp:
    """One connection that speaks RTSP; pictures come in it (RFC 2326, section 10.12)."""

    def __init__(self, connection: socket.socket, first: bytes) -> None:
        self._connection, self._buffer = connection, first
        self._number = 0
        self._stop = threading.Event()

    def serve(self) -> None:
        while True:
            while b"\r\n\r\n" not in self._buffer:
                more = self._connection.recv(4096)
                if not more:
                    self._stop.set()
                    return
                self._buffer += more
                if self._buffer[:1] == b"$":  # the client's own reports
                    self._buffer = self._buffer[4 + struct.unpack(">H", self._buffer[2:4])[0] :]
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self._answer(head[max(0, head.find(b" rtsp://") - 13) :].lstrip(b"\0").decode(errors="replace"))

    def _answer(self, head: str) -> None:
        method, address, _ = head.splitlines()[0].split(" ")
        method = re.sub("[^A-Z_]", "", method)
        said = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head.splitlines()[1:])}
        show = Show(address)
        number, more, body = said.get("cseq", "0"), "", ""
        if show.locked and method != "OPTIONS" and said.get("authorization") != f"Basic {USER}":
            self._send(f'RTSP/1.0 401 Unauthorized\r\nCSeq: {number}\r\nWWW-Authenticate: Basic realm="camera"\r\n\r\n')
            return
        if method == "OPTIONS":
            more = "Public: DESCRIBE, SETUP, PLAY, TEARDOWN, OPTIONS\r\n"
        elif method == "DESCRIBE":
            body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
            body += "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"
            more = f"Content-Type: application/sdp\r\nContent-Base: {address.partition('?')[0]}/\r\n"
            self._show = show
        elif method == "SETUP":
            more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 12345678\r\n"
        elif method == "PLAY":
            more = "Session: 12345678\r\n"
        self._send(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}")
        if method == "PLAY":
            threading.Thread(target=self._play, daemon=True).start()

    def _send(self, text: str) -> None:
        self._connection.sendall(text.encode())

    def _play(self) -> None:
        with contextlib.suppress(OSError):
            for index, packets in enumerate(self._show.coded()):
                if self._stop.is_set():
                    return
                units = [unit for packet in packets for unit in nals(bytes(packet))]
                for place, unit in enumerate(units):
                    self._packets(unit, index * 3600, last=place == len(units) - 1)
            self._connection.shutdown(socket.SHUT_RDWR)

    def _packets(self, unit: bytes, stamp: int, *, last: bool) -> None:
        if len(unit) <= LARGEST:
            self._packet(unit, stamp, mark=last)
            return
        kind, body = unit[0], unit[1:]
        for at in range(0, len(body), LARGEST):  # fragments, FU-A
            flags = (0x80 if at == 0 else 0) | (0x40 if at + LARGEST >= len(body) else 0)
            head = bytes(((kind & 0xE0) | 28, flags | (kind & 0x1F)))
            self._packet(head + body[at : at + LARGEST], stamp, mark=last and bool(flags & 0x40))

    def _packet(self, payload: bytes, stamp: int, *, mark: bool) -> None:
        head = struct.pack(">BBHII", 0x80, 96 | (0x80 if mark else 0), self._number & 0xFFFF, stamp & 0xFFFFFFFF, 7)
        self._number += 1
        self._connection.sendall(b"$\0" + struct.pack(">H", len(head) + len(payload)) + head + payload)


def serve(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        first = connection.recv(4096)
        if b"RTSP/1.0" in first:
            Rtsp(connection, first).serve()
            return
        show = Show(first.split(b" ")[1].decode())
        if show.kind == "silent":
            while connection.recv(4096):
                pass
            return
        {"mjpeg": mjpeg, "ts": transport_stream}[show.kind](connection, show)


def main() -> None:
    with socket.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    main()

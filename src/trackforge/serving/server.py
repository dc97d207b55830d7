"""The server itself: listens, loads, serves until it is told to stop, and ends what has begun.

SIGTERM, SIGINT and a closed terminal stop it: it listens no more, answers what is at work within ``grace`` seconds,
tells endless answers that it is time, makes outputs final, and ends with 0. A second signal ends it at once, with 128 +
the signal's number.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from trackforge.errors import ConfigError
from trackforge.io.atomic import atomic_path
from trackforge.review import Store
from trackforge.serving.cameras.addresses import camera_address
from trackforge.serving.engine import Engine
from trackforge.serving.http.app import create_app
from trackforge.serving.http.context import Context
from trackforge.serving.http.logs import logging_to
from trackforge.serving.listening import HEAD_TIME, Socket, Stuck, protocol
from trackforge.serving.planning import ServingPlan
from trackforge.serving.run import ServingRun

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["serve"]

log = logging.getLogger(__name__)
MOMENT = 2.0
"""Seconds that a client gets to read the end of an answer once the server is being stopped and nothing is at work."""
PINGS = 20.0
"""Seconds between two pings of a WebSocket, and for the answer to one: after so long a vanished client is noticed."""
KEPT = 30
"""Seconds for which a connection is kept that nothing comes on."""
FORCED = 1.0
"""Seconds that a forced stop may take; then the process ends, whatever threads are at work."""


def serve(
    run: ServingRun | ServingPlan,
    *,
    engine: Engine | None = None,
    app: Starlette | None = None,
    ready: Callable[[str], object] | None = None,
    level: int = logging.INFO,
) -> int:
    """Serve in this process until a signal comes; return the exit code.

    The address is printed to standard output once the server listens, before the detector is loaded: ``/readyz`` says
    when that is done.

    Args:
        run: The declaration, or what several places came to.
        engine: One that is there already; else one is made.
        app: Its application, where it has further routes; else `create_app` makes it.
        ready: Called with the address once the server listens.
        level: Of the log lines that are written.

    Raises:
        ConfigError: The address cannot be listened on, or a setting is wrong.
        BadCamera: A camera is none.
        MissingFileError: There is no folder of labels where one is named.
        TrackforgeError: The detector cannot be loaded.
    """
    engine = engine or Engine(run)
    options = engine.run
    _check_certificate(options)
    for camera in options.cameras:
        camera_address(camera, devices=True)
    if options.labels is not None:
        Store(options.labels)  # refuses what is no folder, before anything is loaded
    app = app or create_app(engine)
    context: Context = app.state.context
    listener = _listen(options)
    address = _address(options, listener)

    config = uvicorn.Config(
        app,
        http=protocol(options.max_connections, min(HEAD_TIME, options.request_timeout)),
        ws=Socket,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws_max_size=options.max_body,
        ws_ping_interval=PINGS,
        ws_ping_timeout=PINGS,
        ws_per_message_deflate=False,  # pictures are compressed already, and what is small could unpack to gigabytes
        timeout_keep_alive=min(KEPT, math.ceil(options.request_timeout)),
        ssl_certfile=options.tls_cert,
        ssl_keyfile=options.tls_key,
    )
    server = _Server(config, context)
    with logging_to(options.log_format, level):
        if not options.local and not options.token:
            log.warning(
                "anybody who can reach %s may use this server; set a token (TRACKFORGE_SERVE_TOKEN), or listen to this "
                "machine alone. Cameras %s.",
                address,
                "may be opened all the same, as --allow-cameras says" if options.cameras_allowed else "are refused",
            )
        try:
            if options.port_file is not None:  # whoever comes now waits for a moment in the backlog
                _write_port(options.port_file, listener)
            with contextlib.suppress(OSError, ValueError):  # nobody may be reading
                sys.stdout.write(f"Serving on {address} (Ctrl-C stops)\n")
                sys.stdout.flush()
            if ready is not None:
                ready(address)
            server.run(sockets=[listener])
        finally:
            listener.close()
            engine.close(0.0 if server.forced else None)
    if context.failure is not None:
        raise context.failure
    return 128 + server.forced if server.forced else 0


class _Server(uvicorn.Server):
    """A server that ends as `serve` says."""

    def __init__(self, config: uvicorn.Config, context: Context) -> None:
        super().__init__(config)
        self.forced = 0
        self._context = context
        self._stuck = Stuck()

    async def on_tick(self, counter: int) -> bool:
        if counter % 50 == 0:  # of a tenth of a second each
            self._stuck.look(self.server_state.connections)
        return await super().on_tick(counter) or self._context.failure is not None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        grace = self._context.run.grace
        until = time.monotonic() + grace
        for server in self.servers:
            server.close()
        self._context.lifetime.stop()
        at_work = self._context.lifetime.at_work
        log.info("stopping; %d at work have %g s to end", at_work, grace)
        idle = asyncio.ensure_future(self._context.lifetime.idle(grace))
        while not idle.done() and not self.force_exit:
            await asyncio.wait({idle}, timeout=0.1)
        idle.cancel()
        left = 0.5 if self.force_exit else max(0.5, until - time.monotonic())
        self.config.timeout_graceful_shutdown = max(1, round(left))
        self._context.lifetime.left = max(0.0, until - time.monotonic())
        breaking = asyncio.ensure_future(self._break_off())
        await super().shutdown(sockets)
        breaking.cancel()

    async def _break_off(self) -> None:
        """Wait no longer than `MOMENT` for clients that do not read the end of what they get."""
        while True:
            self._stuck.look(self.server_state.connections, MOMENT)
            await asyncio.sleep(0.1)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hear signals while the server runs, and do not raise them again afterwards: a stop is no failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [signal.SIGINT, signal.SIGTERM]
        hangup = getattr(signal, "SIGHUP", None)
        if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:  # nohup wants to hear nothing
            numbers.append(hangup)
        before: dict[int, Any] = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a handler of signals
        if not self.should_exit:
            self.should_exit = True
            return
        self.force_exit, self.forced = True, sig
        timer = threading.Timer(FORCED, os._exit, (128 + sig,))  # a thread in a library hears no signal
        timer.daemon = True
        timer.start()


def _listen(run: ServingRun) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigError: The address is none of this machine, or is taken.
    """
    host = run.host.strip("[]")
    try:
        family, _, _, _, place = socket.getaddrinfo(host, run.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        made = socket.create_server(place[:2], family=family, backlog=512)
        # asyncio sets TCP_NODELAY on sockets that say that they are TCP; without it answers wait 40 ms for the client
        return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=made.detach())
    except (OSError, UnicodeError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"The server must listen on an address of this machine, and a port that is free; {host}:{run.port} cannot "
            f"be used: {why}. Choose others by --host and --port; --port 0 takes any that is free."
        ) from error


def _check_certificate(run: ServingRun) -> None:
    """Refuse what cannot be a certificate and its key, before anything begins.

    Raises:
        ConfigError: It is none, the key is not its own, or it has a password, which nobody could be asked for.
    """
    if run.tls_cert is None and run.tls_key is None:
        return
    try:
        if run.tls_cert is None:
            raise ValueError("there is a key alone")
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(run.tls_cert, run.tls_key, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"--tls-cert and --tls-key must name a certificate and its key, as PEM and without a password; {error}. "
            "See whether the files are there and belong together."
        ) from error


def _address(run: ServingRun, listener: socket.socket) -> str:
    host = run.host.strip("[]")
    scheme = "http" if run.tls_cert is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def _write_port(path: Path, listener: socket.socket) -> None:
    with atomic_path(path) as partial:
        partial.write_text(f"{listener.getsockname()[1]}\n", encoding="utf-8")

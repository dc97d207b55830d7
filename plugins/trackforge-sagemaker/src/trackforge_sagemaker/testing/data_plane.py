"""SageMaker Runtime on one machine: an HTTP server that unmodified boto3 takes for it, in front of real containers.

>>> from trackforge_sagemaker.testing.data_plane import DataPlane, HostedEndpoint
>>> with DataPlane({"cameras": HostedEndpoint(instances=["http://127.0.0.1:8081"])}) as plane:
...     url = plane.url  # boto3.client("sagemaker-runtime", endpoint_url=url, ...)

InvokeEndpoint keeps a session with the instance that opened it, refuses bodies above 6 MiB, and turns every answer of a
container that is no success into ``ModelError``. InvokeEndpointWithResponseStream answers in an event stream.
InvokeEndpointAsync fetches from S3 and stores there, and tells SNS; the clients for these are handed over, moto's will
do. Signatures are not looked at.

An endpoint without instances answers as an inference component does that was scaled to zero (`DataPlane.scale`).

It differs from AWS in what AWS does not write down: a session that is over, or was never there, is sent to an instance,
which refuses it.

Source: botocore's service model of SageMaker Runtime (Apache-2.0): paths, headers, limits, shapes of errors; Amazon
SageMaker AI developer guide.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import re
import threading
import uuid
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from trackforge_sagemaker.formats.headers import INFERENCE, SESSION
from trackforge_sagemaker.testing.asynchronous import Invocation, Invoker
from trackforge_sagemaker.testing.event_stream import payload_part, stream_error
from trackforge_sagemaker.testing.instances import (
    FORWARDED,
    RETURNED,
    AsyncOutput,
    HostedEndpoint,
    Routing,
    Unreachable,
    calling,
)

__all__ = ["LARGEST", "LARGEST_INLINE", "AsyncOutput", "DataPlane", "HostedEndpoint"]

log = logging.getLogger(__name__)
LARGEST = 6_291_456
"""Bytes of a body in real time."""
LARGEST_INLINE = 128_000
"""Bytes of an asynchronous body that comes with the request."""
_PATH = re.compile(r"/endpoints/([^/]+)/(invocations|invocations-response-stream|async-invocations)")
_OWN = "x-amzn-sagemaker-"
_SHOWN = 2048
_NO_CAPACITY = (
    "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress (if "
    "configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API."
)
_PIECE = 1 << 16


class DataPlane:
    """A server for the runtime calls of some endpoints; runs within a ``with`` block.

    Args:
        endpoints: By name.
        s3: A client of S3 as boto3 makes it, for asynchronous invocations.
        sns: The same of SNS, where topics are named.
        port: To listen on, of 127.0.0.1; 0 for a free one.
    """

    def __init__(
        self, endpoints: Mapping[str, HostedEndpoint], *, s3: Any = None, sns: Any = None, port: int = 0
    ) -> None:
        self._s3, self._sns = s3, sns
        self.endpoints: dict[str, HostedEndpoint] = {}
        self.routing: dict[str, Routing] = {}
        self.invokers: dict[str, Invoker] = {}
        for name, endpoint in endpoints.items():
            self.add(name, endpoint)
        self.refused: tuple[str, str] | None = None
        plane = self

        class Bound(_Handler):
            def setup(self) -> None:
                self.plane = plane
                super().setup()

        self._server = _Server(("127.0.0.1", port), Bound)
        self._thread = threading.Thread(target=self._server.serve_forever, name="data-plane", daemon=True)

    def refuse(self, code: str = "", message: str = "") -> None:
        """Refuse every call from now on, as AWS does with ``ExpiredTokenException``, say; nothing ends it."""
        self.refused = (code, message) if code else None

    def add(self, name: str, endpoint: HostedEndpoint) -> None:
        """Answer for one more endpoint, or for another of that name."""
        routing = Routing(endpoint.instances)
        if endpoint.output is not None:
            self.invokers[name] = Invoker(name, endpoint, endpoint.output, routing, self._s3, self._sns)
        self.routing[name], self.endpoints[name] = routing, endpoint

    def remove(self, name: str) -> None:
        """Answer for an endpoint no more, once what it had taken on asynchronously is done."""
        del self.endpoints[name], self.routing[name]
        if (invoker := self.invokers.pop(name, None)) is not None:
            invoker.close()

    def scale(self, name: str, instances: Sequence[str]) -> None:
        """Give an endpoint other instances; none is what an inference component has that was scaled to zero."""
        self.routing[name].scale(instances)

    @property
    def url(self) -> str:
        """What boto3 gets as ``endpoint_url``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> DataPlane:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Stop listening, and wait for asynchronous invocations that were taken on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for invoker in self.invokers.values():
            invoker.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Say in the log, not on standard error, that a client broke off."""
        log.debug("a client broke off", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    plane: DataPlane
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a call."""
        call = _PATH.fullmatch(urlsplit(self.path).path)
        name = unquote(call[1]) if call else ""
        length = int(self.headers.get("content-length") or 0)
        largest = LARGEST_INLINE if call and call[2] == "async-invocations" else LARGEST
        if length > largest:
            self._drain(length)
            self._fail(413, "", f"Request body of {length} bytes exceeds the {largest} bytes limit.")
            return
        body = self.rfile.read(length)
        if self.plane.refused is not None:
            self._fail(403, *self.plane.refused)
            return
        if not call or name not in self.plane.endpoints:
            self._fail(400, "ValidationError", f"Endpoint {name or self.path} of account 123456789012 not found.")
        elif call[2] == "async-invocations":
            self._asynchronous(name, body)
        else:
            self._synchronous(name, body, streamed=call[2] == "invocations-response-stream")

    def _synchronous(self, name: str, body: bytes, *, streamed: bool) -> None:
        endpoint, routing = self.plane.endpoints[name], self.plane.routing[name]
        headers = self._forwarded({"accept": f"{_OWN}accept"} if streamed else {})
        session = headers.get(SESSION, "")
        if streamed and session == "NEW_SESSION":
            self._fail(400, "ValidationError", "SessionId must not be NEW_SESSION for a response stream.")
            return
        instance = routing.choose(session)
        if instance is None:
            self._fail(400, "ValidationError", _NO_CAPACITY)
            return
        try:
            with calling(instance, headers, body, len(body), endpoint.patience) as answer:
                if answer.status // 100 != 2:
                    self._model_error(answer.status, answer.read(_SHOWN).decode("utf-8", "replace"), endpoint.variant)
                    return
                routing.learn(instance, answer.headers)
                if streamed:
                    self._stream(answer, endpoint.variant)
                    return
                content = answer.read()
        except (Unreachable, OSError, http.client.HTTPException) as error:
            self._model_error(0, f"Your invocation timed out or the container broke off: {error}", endpoint.variant)
            return
        self._send(200, content, self._returned(answer, endpoint.variant))

    def _stream(self, answer: http.client.HTTPResponse, variant: str) -> None:
        """Pass an answer on as it comes; what goes wrong now can only be told within the stream."""
        headers = self._returned(answer, variant)
        headers[f"{_OWN}content-type"] = headers.pop("content-type", "application/octet-stream")
        self.send_response(200)
        for name, value in {**headers, "content-type": "application/vnd.amazon.eventstream"}.items():
            self.send_header(name, value)
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            while piece := answer.read1(_PIECE):
                self.wfile.write(payload_part(piece))
        except (OSError, http.client.HTTPException) as error:
            with contextlib.suppress(OSError):  # the client may be the one who left
                self.wfile.write(stream_error("ModelStreamError", Message=str(error), ErrorCode="ModelInvocationError"))

    def _asynchronous(self, name: str, body: bytes) -> None:
        told = {key.lower().removeprefix(_OWN): value for key, value in self.headers.items()}
        location = told.get("inputlocation", "")
        if name not in self.plane.invokers:
            self._fail(400, "ValidationError", f"Endpoint {name} is not an asynchronous endpoint.")
            return
        if bool(location) == bool(body):
            self._fail(400, "ValidationError", "Exactly one of InputLocation and Body must be given.")
            return
        headers = self._forwarded({"content-type": f"{_OWN}content-type", "accept": f"{_OWN}accept"})
        inference = headers.setdefault(INFERENCE, str(uuid.uuid4()))
        place = told.get("s3outputpathextension", "").strip("/")
        result, failure = self.plane.invokers[name].submit(
            Invocation(
                inference=inference,
                headers=headers,
                location=location,
                body=body,
                patience=float(told.get("invocationtimeoutseconds", 900)),
                place=f"{place}/" if place else "",
            )
        )
        self._send(
            202,
            json.dumps({"InferenceId": inference}).encode(),
            {
                "content-type": "application/json",
                f"{_OWN}outputlocation": result,
                f"{_OWN}failurelocation": failure,
            },
        )

    def _forwarded(self, renamed: Mapping[str, str]) -> dict[str, str]:
        """Return what the container gets of the request's headers; some calls have others in their place."""
        found = {name: self.headers.get(renamed.get(name, name)) for name in FORWARDED}
        return {name: value for name, value in found.items() if value}

    def _returned(self, answer: http.client.HTTPResponse, variant: str) -> dict[str, str]:
        names = ("content-type", *RETURNED)
        found = {name: value for name in names if (value := answer.headers.get(name))}
        return {**found, "x-amzn-invoked-production-variant": variant}

    def _model_error(self, status: int, said: str, variant: str) -> None:
        what = "client" if 400 <= status < 500 else "server"
        message = f'Received {what} error ({status}) from {variant} with message "{said}".'
        self._fail(424, "ModelError", message, OriginalStatusCode=status, OriginalMessage=said, LogStreamArn="")

    def _fail(self, status: int, kind: str, message: str, **members: Any) -> None:
        headers = {"content-type": "application/json", **({"x-amzn-errortype": kind} if kind else {})}
        self._send(status, json.dumps({"Message": message[:_SHOWN], **members}).encode(), headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drain(self, length: int) -> None:
        """Read what nobody wants: a client that still writes would not see the answer."""
        while length > 0 and (piece := self.rfile.read(min(length, _PIECE))):
            length -= len(piece)

    def log_message(self, *_: object) -> None:
        """Say nothing on standard error."""

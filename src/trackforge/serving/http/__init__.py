"""The server's HTTP face: what an engine does, as requests, WebSockets and problems.

`app` puts the areas together; each area (`health`, `detect`, `sessions`, ...) offers ``routes(engine)`` and declares
its operations beside its code, so that the description at ``/openapi.json`` cannot drift from it. Of an area:

* ``@operation("GET", "/v1/things/{id}", area=..., places=..., parameters=..., body=..., answers=..., errors=...)``
  stands before an async function of a request; ``@socket(path, ...)`` before one of a WebSocket. ``paths(*functions)``
  makes the routes. ``query(request)`` gives the parameters, checked; `bodies` and `parameters.json_object` bodies.
* ``context(request)`` gives the engine, the settings (``run``), ``away(do, ...)`` for what takes more than a moment,
  and ``result(future)`` for what the engine gives. Errors are raised: `problems` answers by them.
* An answer without end is sent within ``context(request).lifetime.endless()``, which gives the event to end by; a
  WebSocket ends by itself once ``lifetime.stopped()`` comes true. Work that outlasts requests is ended by a function in
  ``context.endings``, which runs in a thread before the engine is closed.
* Names become headers through `headers.attachment`, never as they are.
"""

"""The server's HTTP face: what an engine does, as requests, WebSockets and problems.

`app` puts the areas together; each area (`health`, `detect`, `sessions`, ...) offers ``routes(engine)`` and declares
its operations beside its code, so that the description at ``/openapi.json`` cannot drift from it.
"""

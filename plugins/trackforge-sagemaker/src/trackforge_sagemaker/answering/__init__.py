"""What a request is answered with, whoever brings it: our server, or the servers of AWS's images through `toolkit`.

Nothing here knows about sockets. A `handler.Handler` takes a `values.Request` and gives a `values.Answer`; it blocks,
and any number of threads may call it.
"""

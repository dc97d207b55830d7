"""The server: any detector and tracker for many cameras, over HTTP and WebSocket.

What is public here is listed in ``__init__.pyi``.
"""

from trackforge._lazy import names_of

__getattr__, __dir__, __all__ = names_of(__name__, __file__)

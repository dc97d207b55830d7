"""Many sessions over one detector, with batches across them.

>>> import trackforge
>>> from trackforge.pool import SessionPool
>>> with SessionPool(trackforge.detector("yolox"), policy="newest") as pool:  # doctest: +SKIP
...     gate, yard = pool.open("byte", sinks=["gate.txt"]), pool.open("byte", sinks=["yard.txt"])
...     future = gate.push(frame)  # from any thread
...     step = future.result()
"""

from __future__ import annotations

from trackforge.pool.pooled import PooledSession
from trackforge.pool.sharing import SessionPool
from trackforge.pool.turns import Policy

__all__ = ["Policy", "PooledSession", "SessionPool"]

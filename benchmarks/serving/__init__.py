"""The server under load: many sessions of one detector over the loopback, beside two servers with the same parts.

``python -m benchmarks.serving`` writes ``results/serving.json`` and ``results/serving-memory.json``; what is in them,
`benchmarks.serving.measure` says.
"""

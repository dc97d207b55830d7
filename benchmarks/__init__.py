"""Accuracy and speed of trackforge; every number in README and docs comes from here.

``python -m benchmarks`` runs all of it and writes ``results/*.json``; ``python -m benchmarks.tables`` writes the tables
into the documents.
"""

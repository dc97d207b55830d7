"""Tracked labels that people check: keyframes, edits that can be undone, documents that are saved after each.

>>> from trackforge.review import Document
>>> document = Document.from_table(table, classes=("person",), frames=range(795), source="vtest.avi")  # doctest: +SKIP
>>> document.save("vtest.labels.json")                                                                # doctest: +SKIP
>>> Document.load("vtest.labels.json").table()                                                        # doctest: +SKIP

What is public here is listed in ``__init__.pyi``.
"""

from trackforge._lazy import names_of

__getattr__, __dir__, __all__ = names_of(__name__, __file__)

"""Labels that people check on the page: the documents of a folder, and the pictures that they are of."""

from trackforge.serving.labels.desk import Desk

__all__ = ["Desk"]

"""Formats of labelled data sets that one tool or one benchmark has for itself, one module or a few each.

They are named, like core's own, in `trackforge.data.builtin`. What they share:

* `trackforge.data.dialects.frames`: which frames a sequence has, and the picture of each;
* `trackforge.data.dialects.keyframes`: tracks told by a few boxes, both ways;
* `trackforge.data.dialects.markup`: XML, read by a parser that carries nothing out.
"""

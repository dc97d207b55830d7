"""Data sets as benchmarks and label tools give them, one module a format; see `trackforge.data.formats`.

They are named, like core's own, in `trackforge.data.builtin`. What they share:

* `trackforge.data.dialects.frames`: which frames a sequence has, and the picture of each;
* `trackforge.data.dialects.markup`: XML, read by a parser that carries nothing out.
"""

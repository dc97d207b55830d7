"""From footage to checked labels: label by a model, have people check, measure, choose, train, and again.

>>> from trackforge.labelling import LabelRun, Project, bring_in, go_on
>>> project = Project.begin(LabelRun(sources=("street.mp4",), classes=("person",), out="street"))  # doctest: +SKIP
>>> go_on(project)                      # a model labels; then people check                     # doctest: +SKIP
>>> bring_in(project, "from-cvat.zip")  # unless they did so in the page                         # doctest: +SKIP
>>> go_on(project)                      # measures, trains, labels the rest again                # doctest: +SKIP

The command is ``trackforge label``. Everything stands in the folder of the project (`trackforge.labelling.project`),
and every step can be repeated. What is public here is listed in ``__init__.pyi``.
"""

from trackforge._lazy import names_of

__getattr__, __dir__, __all__ = names_of(__name__, __file__)

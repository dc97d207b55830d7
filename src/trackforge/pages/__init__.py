"""HTML pages that are one file: no network, light and dark, wide and narrow, safe with whatever text they are given.

Needs Jinja2 (``pip install 'trackforge-mot[html]'``) when a page is made.

>>> from trackforge import pages
>>> body = pages.render("<p>{{ text }}</p>", text="<script>")
>>> print(body)
<p>&lt;script&gt;</p>
>>> pages.write("page.html", pages.document("Title", body))    # doctest: +SKIP
"""

from trackforge.pages.assets import asset
from trackforge.pages.charts import bar_chart, line_chart
from trackforge.pages.documents import DataBlock, document, write
from trackforge.pages.embedding import data_uri, picture
from trackforge.pages.tables import heat_table, table
from trackforge.pages.templates import joined, render

__all__ = [
    "DataBlock", "asset", "bar_chart", "data_uri", "document", "heat_table", "joined", "line_chart", "picture",
    "render", "table", "write",
]  # fmt: skip

"""Parts of pages, without a browser."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackforge import pages
from trackforge.errors import InvalidInputError, MissingDependencyError, MissingFileError
from trackforge.pages.charts import ticks

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_data_come_back_and_end_no_element(value):
    text = str(pages.DataBlock("d", value).text)
    assert json.loads(text) == value
    assert not set("<>&") & set(text)


@given(st.text())
def test_text_is_escaped(text):
    shown = str(pages.render("{{ text }}", text=text))
    assert not set("<>\"'") & set(shown)


def test_bytes_stand_as_base64():
    block = pages.DataBlock("d", b"\x00\xff</script>")
    assert base64.b64decode(str(block.text)) == b"\x00\xff</script>"
    assert block.type == "text/plain"


def test_a_script_that_would_end_its_element_is_refused():
    for text in ("'</script>'", "'</SCRIPT'", "<!--"):
        with pytest.raises(ValueError, match="must not hold"):
            pages.document("t", "", scripts=[text])


def test_plain_text_for_a_body_is_escaped():
    assert "&lt;b&gt;" in pages.document("t", "<b>")


def test_a_name_that_is_not_given_is_an_error():
    import jinja2

    with pytest.raises(jinja2.UndefinedError):
        pages.render("{{ nothing }}")


def test_points_that_are_no_numbers_are_left_out():
    chart = str(pages.line_chart({"a": ([0, 1, 2], [0, float("nan"), 4])}, x_range=(0, 2), y_range=(0, 4)))
    (points,) = re.findall(r'points="([^"]*)"', chart)
    assert len(points.split()) == 2
    with pytest.raises(InvalidInputError, match="as many x as y"):
        pages.line_chart({"a": ([0], [])})


@pytest.mark.parametrize("lines", [{}, {"a": ([], [])}, {"a": ([3], [7])}, {"a": ([0, 1], [0, 0])}])
def test_charts_of_little_are_charts(lines):
    assert "NaN" not in str(pages.line_chart(lines))


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_and_within(low, span):
    made = ticks(low, low + span)
    assert 1 <= len(made) <= 12 or low + span == low
    assert all(low - 1e-6 * span <= at <= low + span * (1 + 1e-6) for at in made)


def test_shades_compare_within_the_row():
    heat = str(pages.heat_table(["a", "b"], ["a", "b"], [[100, 1], [0, 2]]))
    assert re.findall(r'num h(\d)"', heat) == ["9", "1", "0", "9"]


def test_pictures_are_scaled_down(tmp_path):
    shown = str(pages.picture(np.zeros((400, 1000, 3), np.uint8), text="x", longest=500))
    assert 'width="500" height="200"' in shown
    with pytest.raises(InvalidInputError, match="must be"):
        pages.picture(np.zeros((4, 4), np.uint8), text="x")
    with pytest.raises(MissingFileError, match=re.escape("no.png")):
        pages.data_uri(tmp_path / "no.png")


def test_a_page_is_written_whole(tmp_path):
    pages.write(tmp_path / "a" / "page.html", pages.document("Ünïcode – ✓", ""))
    assert "Ünïcode – ✓" in (tmp_path / "a" / "page.html").read_text(encoding="utf-8")


def test_without_jinja_it_says_what_to_install(monkeypatch):
    from trackforge.pages import templates

    monkeypatch.setitem(sys.modules, "jinja2", None)
    templates._engine.cache_clear()
    try:
        with pytest.raises(MissingDependencyError, match=r"trackforge-mot\[html\]"):
            pages.render("x")
    finally:
        templates._engine.cache_clear()


def test_importing_loads_no_engine():
    code = "import sys, trackforge.pages; assert not {'jinja2', 'markupsafe', 'cv2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

"""A page in a real browser: what it holds is shown and nothing of it runs, whatever the texts; no address is asked."""

from __future__ import annotations

import http.server
import threading

import numpy as np
import pytest

from trackforge import pages

EVIL = "</script><script>document.title='harmed'</script><img src=x onerror=\"document.title='harmed'\"><!--"


@pytest.fixture
def asked():
    """An HTTP server, and what was asked of it."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()


def _shown(browser, path, **context):
    page = browser.new_context(**context).new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(path.as_uri())
    return page, problems


def test_texts_are_texts(browser, tmp_path):
    body = pages.joined(
        [
            pages.render("<p id='t'>{{ text }}</p>", text=EVIL),
            pages.table([EVIL], [[EVIL]], caption=EVIL),
            pages.heat_table([EVIL], [EVIL], [[1]], corner=EVIL),
            pages.line_chart({EVIL: ([0, 1], [0, 1])}, title=EVIL, x=EVIL, y=EVIL),
            pages.bar_chart({EVIL: 1.0}, title=EVIL, unit=EVIL),
            pages.picture(np.zeros((20, 30, 3), np.uint8), text=EVIL),
        ]
    )
    script = "window.read = JSON.parse(document.getElementById('given').textContent).text"
    text = pages.document(EVIL, body, subtitle=EVIL, scripts=[script], data=[pages.DataBlock("given", {"text": EVIL})])
    pages.write(tmp_path / "page.html", text)
    page, problems = _shown(browser, tmp_path / "page.html")
    assert page.title() == EVIL
    assert page.inner_text("#t") == EVIL
    assert page.evaluate("window.read") == EVIL
    assert page.evaluate("document.images.length") == 1
    page.wait_for_function("document.images[0].naturalWidth == 30")
    assert problems == []


def test_no_address_is_asked_even_by_what_gets_in(browser, tmp_path, asked):
    address, paths = asked
    body = pages.render("{{ html }}", html=_markup(f'<img src="{address}/i"><video src="{address}/v"></video>'))
    script = f"fetch('{address}/f').catch(() => window.refused = true)"
    pages.write(tmp_path / "page.html", pages.document("t", body, scripts=[script]))
    page, problems = _shown(browser, tmp_path / "page.html")
    page.wait_for_function("window.refused")
    assert paths == []
    assert any("Content Security Policy" in problem for problem in problems)


def _markup(text):
    from markupsafe import Markup

    return Markup(text)


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(browser, tmp_path, width, scheme):
    chart = pages.line_chart({f"class {i}": ([0, 1], [0, i]) for i in range(12)}, title="t", x="recall", y="precision")
    wide = pages.table([f"column {i}" for i in range(30)], [list(range(30))])
    pages.write(
        tmp_path / "page.html", pages.document("A_long_name_without_any_space_" * 5, pages.joined([chart, wide]))
    )
    page, problems = _shown(
        browser, tmp_path / "page.html", viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink, paper = page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
    assert _contrast(ink, paper) > 7
    assert problems == []


def _contrast(one, other):
    """The contrast of WCAG 2: 1 to 21."""

    def luminance(text):
        parts = [int(number) / 255 for number in text[text.index("(") + 1 : -1].split(",")[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)

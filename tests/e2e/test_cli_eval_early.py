"""``trackforge eval`` refuses what is wrong before it reads anything: the files named here do not exist."""

from __future__ import annotations

import pytest
from cli_runs import run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--metrics", "HOTTA"), "error: --metrics: There is no score 'HOTTA'. Did you mean 'HOTA'?"),
        (("--plot", "x.docx"), "error: A figure's file must end with .png, .svg, .pdf; got 'x.docx'."),
    ],
)
def test_wrong_words_are_refused_before_anything_is_read(words: tuple[str, ...], message: str) -> None:
    assert run("eval", "no-truth.txt", "no-tracks.txt", *words, code=2).stderr.startswith(message)

"""The log of the server: what it must not tell."""

from __future__ import annotations

import logging

import pytest

from trackforge.serving.http.logs import logging_to


@pytest.mark.parametrize("kind", ["text", "json"])
def test_no_password_stands_in_a_message_or_a_traceback(kind, capsys):
    camera = "rtsp://user:S3cret@10.0.0.7/1"
    with logging_to(kind):
        try:
            raise ValueError(f"{camera} broke")
        except ValueError:
            logging.getLogger("trackforge.x").exception("of %s", camera)
    told = capsys.readouterr().err
    assert told.count("10.0.0.7") == 2
    assert "S3cret" not in told

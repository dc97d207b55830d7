"""What is refused about films, beside what any session may be refused (`trackforge.serving.refusals`)."""

from __future__ import annotations

from trackforge.serving.refusals import Refusal

__all__ = ["FilmUnfinished", "NoResult", "TooManyFilms", "UnknownFilm"]


class UnknownFilm(Refusal):
    """No film has that id: there never was one, or its time is over."""

    status = 404


class NoResult(Refusal):
    """There is no such result of the film, and there will be none."""

    status = 404


class FilmUnfinished(Refusal):
    """The film is not done yet."""

    status = 409
    retry_after = 2.0


class TooManyFilms(Refusal):
    """As many films are kept as may be."""

    status = 429
    retry_after = 60.0

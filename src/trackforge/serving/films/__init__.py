"""Films that somebody sends: tracked with constant memory, their steps and results kept on disk for a while."""

from trackforge.serving.films.film import Film
from trackforge.serving.films.registry import Films
from trackforge.serving.films.tracking import FilmSummary, track_film

__all__ = ["Film", "FilmSummary", "Films", "track_film"]

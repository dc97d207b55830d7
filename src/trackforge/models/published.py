"""Weights by name: a family's list of published files, downloaded on first use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trackforge.errors import InvalidInputError, SourceError, WeightsError, did_you_mean
from trackforge.io.fetch import Progress, cache_folder, fetch, verify

__all__ = ["Catalogue", "PublishedFile"]


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """One file.

    Attributes:
        name: What users write, e.g. ``"yolox-s"``; files of one network in several forms share it.
        form: ``".pth"`` for every checkpoint, or ``".onnx"``.
        file: Its name in the cache.
        url: Where it is downloaded from, or empty where no program can.
        source: Page where people find it; needed without ``url``.
        sha256: Checksum, where it is published.
    """

    name: str
    form: str
    file: str
    url: str = ""
    source: str = ""
    sha256: str | None = None


class Catalogue:
    """The published files of a family.

    Args:
        folder: Name of the family's folder in the cache.
        files: What there is.
        preferred: Names in the order in which they are taken where nobody asks for one: a good compromise first.
            Those left out come last, in the order of the files.
        rank: Where several families have weights, those of the highest rank are taken and advised first.

    Attributes:
        files: The same, by name and form.
        names: Every name, once.
        preferred: Every name, once, in the order in which they are taken.
        rank: The same.
    """

    def __init__(
        self, folder: str, files: Sequence[PublishedFile], *, preferred: Sequence[str] = (), rank: int = 0
    ) -> None:
        self._folder = folder
        self.rank = rank
        self.files = {(file.name, file.form): file for file in files}
        self.names = tuple(dict.fromkeys(file.name for file in files))
        self.preferred = tuple(dict.fromkeys((*preferred, *self.names)))

    @property
    def downloadable(self) -> bool:
        """Whether what is taken where nobody asks can be downloaded by a program."""
        return bool(self.preferred) and any(file.url for file in self.files.values() if file.name == self.preferred[0])

    def has(self, name: str, form: str) -> bool:
        """Whether a file of that name and form is published and can be downloaded."""
        return (name, form) in self.files and bool(self.files[name, form].url)

    def place(self, name: str, form: str) -> Path:
        """Return where in the cache the file of a name and form lies once it is there.

        Raises:
            KeyError: None is published.
        """
        return cache_folder() / self._folder / self.files[name, form].file

    def at_hand(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the names of which there are files in the cache, preferred ones first, each with the forms there."""
        for name in self.preferred:
            forms = tuple(form for owner, form in self.files if owner == name and self.place(owner, form).is_file())
            if forms:
                yield name, forms

    def named_by(self, path: Path) -> str:
        """Return the published name of a file by the name that it was published under, or an empty text."""
        return next((file.name for file in self.files.values() if file.file == path.name), "")

    def resolve(self, weights: str, form: str, *, progress: Progress | None = None) -> Path:
        """Return the file that ``weights`` stands for, downloading it on first use where it is a published name.

        Raises:
            WeightsError: There is no such file or name, the download failed, or the cached file is damaged.
        """
        if weights not in self.names:
            path = Path(weights).expanduser()
            if path.is_file():
                return path
            raise WeightsError(
                f"weights must be a file or a published name; there is no file {weights!r}."
                f"{did_you_mean(weights, self.names)} Names: {', '.join(self.names) or 'none'}."
            )
        file = self.files.get((weights, form))
        if file is None:
            forms = " and ".join(f for name, f in self.files if name == weights)
            raise WeightsError(f"The weights {weights!r} are published as {forms}, not as {form}. Export them first.")
        path = self.place(weights, form)
        try:
            if file.url:
                return fetch(file.url, path, sha256=file.sha256, progress=progress)
            if not path.is_file():
                raise WeightsError(
                    f"The weights {weights!r} cannot be downloaded by a program. Get the file linked at {file.source} "
                    f"and put it at {path}."
                )
            verify(path, file.sha256)
        except (SourceError, InvalidInputError) as error:
            raise WeightsError(str(error)) from error
        return path

"""A Dockerfile carried out without Docker: every instruction that writes is one layer of an overlay file system.

Needs Linux, root and the tools ``mount``, ``unshare`` and ``chroot``; the caller is in a mount namespace of its own.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from dockerfile import DockerfileError, Instruction, Stage, files, parse, substitute

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

DEVICES = """
mount -t tmpfs -o mode=755 tmpfs "$0/dev"
for name in null zero full random urandom tty; do touch "$0/dev/$name"; mount --bind "/dev/$name" "$0/dev/$name"; done
mkdir "$0/dev/shm" && mount -t tmpfs tmpfs "$0/dev/shm"
ln -s /proc/self/fd "$0/dev/fd"; ln -s fd/0 "$0/dev/stdin"; ln -s fd/1 "$0/dev/stdout"; ln -s fd/2 "$0/dev/stderr"
"""
"""The few devices that a container has."""


@dataclass(frozen=True)
class Layer:
    """What one instruction wrote: where it lies, and what said so."""

    folder: str
    said: str
    seconds: float = 0.0


@dataclass
class Image:
    """Layers from the lowest to the highest, and what a container of them starts with."""

    layers: list[Layer]
    variables: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    labels: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the description."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Image:
        """Read what `write` wrote."""
        values = json.loads(path.read_text())
        return cls(**{**values, "layers": [Layer(**layer) for layer in values["layers"]]})


@dataclass(frozen=True)
class Surroundings:
    """What of this machine a root sees: paths bound into it, read-only; paths hidden from it; variables for RUN.

    Nothing of this machine can be written through a root but ``writable``.
    """

    binds: tuple[tuple[str, str], ...] = ()
    hidden: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    writable: tuple[tuple[str, str], ...] = ()


class Builder:
    """Carries out one Dockerfile in a folder.

    Args:
        work: Where layers, caches and mount points lie.
        context: Folder that COPY takes from.
        ignore: Text of its .dockerignore.
        base: Layers of what ``FROM`` names beside stages.
        arguments: ``--build-arg``.
        around: What of this machine RUN sees.
    """

    def __init__(
        self,
        work: Path,
        context: Path,
        ignore: str,
        base: Sequence[Layer],
        arguments: Mapping[str, str],
        around: Surroundings,
    ) -> None:
        self.work, self.context, self.ignore = work, context, ignore
        self.base, self.arguments, self.around = list(base), dict(arguments), around
        self.images: dict[str, Image] = {}

    def build(self, text: str) -> Image:
        """Carry out the whole file; return the image of its last stage."""
        declared, stages = parse(text)
        given = {name: self.arguments.get(name, value or "") for name, value in declared.items()}
        for stage in stages:
            self.images[stage.name] = self._stage(stage, given)
        image = self.images[stages[-1].name]
        image.write(self.work / "image.json")
        return image

    def _stage(self, stage: Stage, given: Mapping[str, str]) -> Image:
        base = substitute(stage.base, dict(given))
        below = self.images.get(base)
        image = replace(below, layers=list(below.layers)) if below else Image(list(self.base))
        image.variables, image.labels = dict(image.variables), dict(image.labels)
        arguments: dict[str, str] = {}
        for step in stage.instructions:
            known = {**arguments, **image.variables}
            if step.word == "ARG":
                for name, value in step.pairs:
                    default = given.get(name, "") if value is None else substitute(value, known)
                    arguments[name] = self.arguments.get(name, default)
            elif step.word in ("ENV", "LABEL"):
                kept = image.variables if step.word == "ENV" else image.labels
                kept.update({name: substitute(value or "", known) for name, value in step.pairs})
            elif step.word == "WORKDIR":
                image.workdir = os.path.join(image.workdir, substitute(step.text, known))  # noqa: PTH118
            elif step.word == "ENTRYPOINT":
                image.entrypoint, image.command = list(step.words), []
            elif step.word == "CMD":
                image.command = list(step.words)
            elif step.word == "EXPOSE":
                image.ports = [*image.ports, *step.words]
            elif step.word == "RUN":
                self._layer(image, step, lambda root, step=step, known=known: self._run(root, image, step, known))
            elif step.word == "COPY":
                self._layer(image, step, lambda root, step=step, known=known: self._copy(root, image, step, known))
        return image

    def _layer(self, image: Image, step: Instruction, act: object) -> None:
        began = time.monotonic()
        folder = self.work / "layers" / f"{sum(1 for _ in (self.work / 'layers').glob('*')):03d}"
        folder.mkdir(parents=True)
        root = overlay(self.work, [layer.folder for layer in image.layers], folder)
        try:
            act(root)  # type: ignore[operator]
        finally:
            subprocess.run(["umount", root], check=True)
        image.layers.append(Layer(str(folder), f"{step.word} {step.text}", round(time.monotonic() - began, 1)))

    def _run(self, root: Path, image: Image, step: Instruction, known: Mapping[str, str]) -> None:
        binds, caches, taken = list(self.around.binds), [], []
        for mount in step.mounts:
            if mount.kind == "cache":
                source = self.work / "cache" / mount.target.strip("/").replace("/", "-")
                source.mkdir(parents=True, exist_ok=True)
                caches.append((str(source), mount.target))
            else:
                layers = [layer.folder for layer in self.images[mount.stage].layers]
                taken.append(overlay(self.work, layers, None))
                binds.append((str(taken[-1] / mount.source.strip("/")), mount.target))
        around = replace(self.around, binds=tuple(binds), writable=tuple(caches))
        (root / image.workdir.strip("/")).mkdir(parents=True, exist_ok=True)
        made = [root / target.strip("/") for _, target in [*binds, *caches] if not (root / target.strip("/")).exists()]
        variables = {"HOME": "/root", **dict(self.around.variables), **known}
        words = entering(root, image.workdir, ["/bin/sh", "-c", step.text], around)
        ended = subprocess.run(words, env=variables, check=False).returncode
        for mounted in taken:
            subprocess.run(["umount", mounted], check=True)
        for point in reversed(made):
            point.is_dir() and not any(point.iterdir()) and point.rmdir()
        if ended:
            raise DockerfileError(f"line {step.line}: RUN must end with 0; it ended with {ended}: {step.text}")

    def _copy(self, root: Path, image: Image, step: Instruction, known: Mapping[str, str]) -> None:
        *sources, target = (substitute(word, dict(known)) for word in step.words)
        goal = root / os.path.join(image.workdir, target).strip("/")  # noqa: PTH118
        into = target.endswith("/") or len(sources) > 1
        if step.stage:
            taken = overlay(self.work, [layer.folder for layer in self.images[step.stage].layers], None)
            for source in sources:
                subprocess.run(["cp", "-a", taken / source.strip("/"), goal], check=True)
            subprocess.run(["umount", taken], check=True)
            return
        for source in sources:
            found = files(self.context, self.ignore, source)
            if not found:
                raise DockerfileError(
                    f"line {step.line}: COPY must find {source} in the context; it holds no such file"
                )
            for name in found:
                inner = name.relative_to(source).as_posix() if (self.context / source).is_dir() else ""
                path = goal / (inner or (name.name if into else ""))
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.context / name, path)


def overlay(work: Path, layers: Sequence[str], upper: Path | None) -> Path:
    """Mount layers over each other, the last on top, and return where; without ``upper`` it is read-only.

    Mounts end with the mount namespace at the latest.
    """
    place = work / "mounts" / f"{os.getpid()}-{time.monotonic_ns()}"
    place.mkdir(parents=True)
    if upper is None and len(layers) == 1:
        subprocess.run(["mount", "--bind", layers[0], place], check=True)
        return place
    options = f"lowerdir={':'.join(reversed(layers))}"
    if upper is not None:
        scratch = work / "scratch" / place.name
        scratch.mkdir(parents=True)
        options += f",upperdir={upper},workdir={scratch}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, place], check=True)
    return place


def entering(root: Path, workdir: str, words: Sequence[str], around: Surroundings) -> list[str]:
    """Return the command that runs ``words`` in ``root`` as process 1 of namespaces of its own."""
    lines = ["set -e", 'mount -t proc proc "$0/proc"', 'mount -t sysfs -o ro sysfs "$0/sys"', DEVICES]
    lines += [f'mount -t tmpfs tmpfs "$0"{shlex.quote(path)}' for path in around.hidden if (root / path[1:]).is_dir()]
    for source, target in (*around.binds, *around.writable):
        made = f'"$0"{shlex.quote(target)}'
        lines.append(f"mkdir -p {made}" if Path(source).is_dir() else f'mkdir -p "$(dirname {made})"\ntouch {made}')
        lines.append(f"mount --bind {shlex.quote(source)} {made}")
        if (source, target) not in around.writable:
            lines.append(f"mount -o remount,bind,ro {made}")
    lines.append('exec chroot "$0" env --chdir="$@"')
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return [*namespaces, "/bin/sh", "-c", "\n".join(lines), str(root), workdir, *words]

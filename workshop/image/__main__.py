"""The image without Docker: ``python workshop/image build OUT``, then ``run OUT -- train``.

``build`` carries out the very Dockerfile, layer by layer, on a Debian of debootstrap's or on a folder given, and then
the command behind ``--``, if any; ``run`` starts what it made as a container would be: process 1, a fresh top layer,
``/opt/ml`` bound in, no network. The words behind its ``--`` are the container's: ``train``, ``serve`` or ``process``.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import itertools
import os
import shlex
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from building import Builder, Image, Layer, Surroundings, entering, overlay
from dockerfile import DockerfileError

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "plugins" / "trackforge-sagemaker" / "container" / "Dockerfile"


def main(argv: Sequence[str]) -> int:
    """Build or run."""
    given = _arguments(argv)
    if not given.inside:
        # Every mount is made in a namespace of our own, and gone with it.
        words = [sys.executable, str(Path(__file__).parent), argv[0], "--inside", *argv[1:]]
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", *words])
    return int(given.act(given))


def build(given: argparse.Namespace) -> int:
    """Carry out the Dockerfile."""
    work: Path = given.out.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if given.tmpfs:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", work], check=True)
    base = [Layer(str(path.resolve()), "BASE") for path in given.base] or [debian(work, given.mirror)]
    ignore = given.dockerfile.with_name(given.dockerfile.name + ".dockerignore")
    arguments = dict(pair.partition("=")[::2] for pair in [*flavour_arguments(given.flavour), *given.build_arg])
    builder = Builder(work, given.context.resolve(), ignore.read_text(), base, arguments, _around(given))
    try:
        image = builder.build(given.dockerfile.read_text())
    except DockerfileError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for layer in image.layers:
        sys.stderr.write(f"{layer.seconds:7.1f} s  {layer.said[:100]}\n")
    if given.words:
        # What a test wants to do with an image whose layers are gone with this namespace.
        return subprocess.run([*given.words, str(work)], check=False).returncode
    return 0


def run(given: argparse.Namespace) -> int:
    """Start a container; never returns."""
    work: Path = given.out.resolve()
    image = Image.read(work / "image.json")
    (work / "run").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", work / "run"], check=True)
    upper = work / "run" / "top"
    upper.mkdir()
    root = overlay(work / "run", [layer.folder for layer in image.layers], upper)
    if given.network == "none":
        without_network()
    variables = {"HOME": "/root", **image.variables, **dict(_around(given).variables)}
    words = [*(given.entrypoint or image.entrypoint), *(given.words or image.command)]
    around = _around(given)
    if given.opt_ml:
        around = replace(around, writable=((str(given.opt_ml.resolve()), "/opt/ml"),))
    command = entering(root, image.workdir, words, around)
    os.execvpe(command[0], command, variables)
    return 1


def flavour_arguments(flavour: str) -> list[str]:
    """Return the build arguments that build.sh gives Docker."""
    if not flavour:
        return []
    words = [DOCKERFILE.with_name("build.sh"), "--print", flavour, "tag"]
    printed = shlex.split(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return [value for flag, value in itertools.pairwise(printed) if flag == "--build-arg"]


def debian(work: Path, mirror: str, suite: str = "bookworm") -> Layer:
    """Make what ``debian:bookworm-slim`` is: a minimal Debian, without manuals and other languages."""
    folder = work / "base"
    if not (folder / "etc" / "debian_version").exists():
        words = ["debootstrap", "--variant=minbase", suite, str(folder), *([mirror] if mirror else [])]
        subprocess.run(words, check=True, stdout=sys.stderr)
        kept = folder / "etc" / "dpkg" / "dpkg.cfg.d" / "slim"
        left_out = [f"/usr/share/{name}" for name in ("doc", "man", "info", "locale", "groff", "lintian", "linda")]
        kept.write_text("".join(f"path-exclude {path}/*\n" for path in left_out))
        junk = [*left_out, "/var/lib/apt/lists", "/var/cache/apt", "/var/cache/debconf", "/var/log"]
        for path in junk:
            place = folder / path.strip("/")
            subprocess.run(["sh", "-c", 'mkdir -p "$0" && find "$0" -mindepth 1 -type f -delete', place], check=True)
    return Layer(str(folder), f"BASE debian {suite} (debootstrap --variant=minbase, without manuals and locales)")


def without_network() -> None:
    """Leave the network: only a loopback of our own is left."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000):  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), "a network namespace must be granted; run as root")
    with socket.socket() as any_socket:  # SIOCSIFFLAGS: up and running
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x41))


def _around(given: argparse.Namespace) -> Surroundings:
    binds, variables = ([tuple(pair.partition("=")[::2]) for pair in pairs] for pairs in (given.bind, given.env))
    return Surroundings(tuple(binds), tuple(given.hide), tuple(variables))


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    words = list(argv)
    behind = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(prog="python workshop/image", description=__doc__)
    commands = parser.add_subparsers(required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("out", type=Path, help="folder of the image")
    common.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    common.add_argument(
        "--bind", action="append", default=[], metavar="HERE=THERE", help="a folder or file, bound read-only"
    )
    common.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for RUN, or the container")
    common.add_argument("--hide", action="append", default=[], metavar="PATH", help="a folder of the base left empty")
    making = commands.add_parser("build", parents=[common], help="carry out the Dockerfile")
    making.add_argument("--dockerfile", type=Path, default=DOCKERFILE)
    making.add_argument("--context", type=Path, default=ROOT)
    making.add_argument("--base", type=Path, action="append", default=[], help="layers of BASE; none: a fresh Debian")
    making.add_argument("--flavour", default="", help="cpu, gpu or onnx: as build.sh; what --build-arg says wins")
    making.add_argument("--mirror", default="", help="of Debian's packages")
    making.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    making.add_argument("--tmpfs", action="store_true", help="keep everything in memory, until this program ends")
    making.set_defaults(act=build)
    starting = commands.add_parser("run", parents=[common], help="start a container")
    starting.add_argument("--opt-ml", type=Path, help="what it finds at /opt/ml")
    starting.add_argument("--network", choices=("none", "host"), default="none")
    starting.add_argument("--entrypoint", action="append", default=[])
    starting.set_defaults(act=run)
    given = parser.parse_args(words[:behind])
    given.words = words[behind + 1 :]
    return given


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

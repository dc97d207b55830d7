"""How much faster training gets with more processes and more machines: pictures a second, and the speed-up over one.

Each process trains on the same number of pictures a step, as one adds GPUs in practice, so twice the processes do twice
the work of a step; perfect scaling is the same time for it. Pictures are drawn at the start, and are the same for all.
Loading, network, losses, exchange of gradients and optimiser are the real ones; validation and checkpoints are not in
the clock, nor are the first steps.

    python -m benchmarks.scaling                            # 1, 2, 4 ... processes: as many as there are GPUs, or cores
    python -m benchmarks.scaling --processes 1 2 --rounds 3
    python -m benchmarks.scaling --hosts 2                  # pretends, with a process for each machine on this one

Several machines: the same command on each, with what torch wants to know in the environment; the first one prints.

    MASTER_ADDR=10.0.0.1 MASTER_PORT=29500 NODE_RANK=0 python -m benchmarks.scaling --nodes 2 --processes 8
    MASTER_ADDR=10.0.0.1 MASTER_PORT=29500 NODE_RANK=1 python -m benchmarks.scaling --nodes 2 --processes 8
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import ROOT, save
from trackforge import training
from trackforge.data import Boxes, Dataset, Images
from trackforge.training.progress import Progress

WARM = 3
"""Steps before the clock starts."""


def drawn(root: Path, count: int, size: int) -> Dataset:
    """Draw pictures of noise with a block each; a folder that holds them already is taken as it is."""
    import cv2

    rng = np.random.default_rng(0)
    boxes = []
    for k in range(count):
        x, y, w, h = rng.integers(size // 8, size // 3, 4).tolist()
        boxes.append([x, y, x + w, y + h])
        file = root / f"{k:05d}.jpg"
        if not file.exists():
            image = rng.integers(80, 120, (size, size, 3)).astype(np.uint8)
            image[y : y + h, x : x + w] = rng.integers(0, 255, 3)
            cv2.imwrite(str(file), image)
    names = [f"{k:05d}.jpg" for k in range(count)]
    return Dataset(
        images=Images(path=names, width=[size] * count, height=[size] * count),
        boxes=Boxes(image=np.arange(count), xyxy=boxes),
        classes=("block",),
        root=root,
        name="blocks",
    )


def measure(job: dict[str, Any]) -> float | None:
    """Train some steps as one of the processes of a job; return pictures a second on the first one."""
    import torch

    torch.set_num_threads(job["threads"])
    batch = job["batch"] * job["processes"] * job["nodes"]
    steps = WARM + job["steps"]
    folder = Path(job["folder"])
    dataset = drawn(folder / "pictures", batch * 4, job["size"])
    recipe = training.trainer(job["trainer"], **job["settings"])
    settings = training.settings_for(
        recipe, epochs=-(-steps // 4), max_steps=steps, batch_size=batch, devices=job["processes"], nodes=job["nodes"],
        workers=job["workers"], tensorboard=False, ema_decay=0.0, monitor="loss", validate_losses=False,
    )  # fmt: skip
    ends: list[float] = []

    def tell(now: Progress) -> None:
        if now.stage == "training":
            ends.append(time.perf_counter())

    result = training.fit(recipe, dataset, None, settings, folder / "run", tell=tell)
    if result.rank:
        return None
    # The middle one: of the steps that begin an epoch some make a checkpoint first.
    return batch / statistics.median(np.diff(ends[WARM - 1 :]).tolist())


def free_port() -> int:
    """Return a port that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def apart(job: dict[str, Any], *, here: bool) -> float:
    """Run a job in processes of its own, all of them here where ``here``; return pictures a second."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(job["threads"])}
    if here and job["nodes"] > 1:
        environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    elif job["nodes"] == 1:
        environment = {k: v for k, v in environment.items() if k not in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")}
    with tempfile.TemporaryDirectory() as temporary:
        started = []
        drawn_in = Path(temporary) / "pictures"
        drawn_in.mkdir()
        drawn(drawn_in, job["batch"] * job["processes"] * job["nodes"] * 4, job["size"])
        for rank in range(job["nodes"] if here else 1):
            own = {"NODE_RANK": str(rank)} if here and job["nodes"] > 1 else {}
            command = [sys.executable, "-m", "benchmarks.scaling", "--job", json.dumps({**job, "folder": temporary})]
            started.append(
                subprocess.Popen(
                    command, cwd=ROOT.parent, env={**environment, **own}, stdout=subprocess.PIPE, text=True
                )
            )
        try:
            outputs = [process.communicate(timeout=job["timeout"])[0] for process in started]
        except subprocess.TimeoutExpired:
            raise SystemExit(f"A job must end within {job['timeout']} s; one did not. Give --timeout.") from None
        finally:
            for process in started:
                process.kill()
    if any(process.returncode for process in started):
        raise SystemExit("Every process of a job must end well; one did not. Its message stands above.")
    found = [json.loads(line) for text in outputs for line in text.splitlines() if line.startswith('{"rate"')]
    return float(found[0]["rate"]) if found else float("nan")


def counts(most: int) -> list[int]:
    """Return 1, 2, 4 ... up to ``most``."""
    return [1 << k for k in range(most.bit_length())]


def usual_most() -> int:
    """Return how many processes make sense here."""
    import torch

    return torch.cuda.device_count() or len(os.sched_getaffinity(0))


def compare(jobs: Sequence[dict[str, Any]], *, rounds: int, here: bool) -> list[dict[str, Any]]:
    """Measure jobs in turn, so that what else the machine does meets all of them; the first is what others count by."""
    rates: list[list[float]] = [[] for _ in jobs]
    for number in range(rounds):
        for own, job in zip(rates, jobs, strict=True):
            own.append(apart(job, here=here))
            words = f"{job['nodes']} machines x {job['processes']} processes: {own[-1]:.2f} pictures a second"
            print(f"round {number + 1}: {words}", flush=True)
    rows = []
    for own, job in zip(rates, jobs, strict=True):
        speed_up = [mine / one for mine, one in zip(own, rates[0], strict=True)]
        rows.append(
            {
                "machines": job["nodes"],
                "processes": job["processes"],
                "pictures a step": job["batch"] * job["processes"] * job["nodes"],
                "pictures a second": round(statistics.median(own), 2),
                "speed-up": round(statistics.median(speed_up), 2),
                "speed-up range": [round(min(speed_up), 2), round(max(speed_up), 2)],
            }
        )
    return rows


def main() -> None:
    """Measure and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", help="of each machine; 1, 2, 4 ... if left out")
    parser.add_argument("--hosts", type=int, default=1, help="also so many pretended machines, on this one")
    parser.add_argument("--nodes", type=int, default=1, help="real machines; start the same command on each")
    parser.add_argument("--trainer", default="ssd")
    parser.add_argument("--settings", type=json.loads, default={"variant": "sagemaker-vgg16-300"}, help="JSON")
    parser.add_argument("--size", type=int, default=300, help="side of the pictures on disk, pixels")
    parser.add_argument("--batch", type=int, default=8, help="pictures a step of each process")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of each process, on CPUs")
    parser.add_argument("--timeout", type=int, default=600, help="seconds that a job may take")
    parser.add_argument("--name", default="scaling", help="of the file of results")
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        rate = measure(given.job)
        if rate is not None:
            print(json.dumps({"rate": rate}), flush=True)
        return
    keys = ("timeout", "trainer", "settings", "size", "batch", "steps", "workers", "threads")
    usual = {key: getattr(given, key) for key in keys}
    wanted = [(given.nodes, n) for n in given.processes or counts(usual_most())]
    wanted += [(hosts, 1) for hosts in counts(given.hosts)[1:]]
    jobs = [{**usual, "nodes": nodes, "processes": processes} for nodes, processes in wanted]
    rows = compare(jobs, rounds=given.rounds, here=given.nodes == 1)
    if given.nodes > 1 and os.environ.get("NODE_RANK", "0") != "0":
        return
    result = {**usual, "rounds": given.rounds, "pretended machines": given.hosts > 1, "rows": rows}
    result["load"] = round(os.getloadavg()[2], 1)
    print(save(given.name, result))


if __name__ == "__main__":
    main()

"""The settings that every network has, and what follows from them: who runs it."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trackforge.config import check, setting
from trackforge.errors import ConfigError, MissingDependencyError
from trackforge.models.device import check_device, gpu_is_usable
from trackforge.models.published import Catalogue

__all__ = ["NetworkConfig", "TorchOptions", "choose_backend"]


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Settings of a detector with a network; a family adds its own, and gives ``weights`` its default."""

    weights: str | Path = setting(help="File (.onnx or a torch checkpoint), or a published name.", role="weights")
    classes: tuple[str, ...] | None = setting(
        None, help="Names of all classes of the weights, where the file has none."
    )
    keep_classes: tuple[str | int, ...] | None = setting(
        None, help="Names or numbers of the classes to look for; all if left out."
    )
    size: tuple[int, int] | None = setting(None, help="Height,width of the network's input.", unit="px", role="size")
    backend: Literal["auto", "onnx", "torch"] = setting(
        "auto", help="What runs the network; auto goes by file and device."
    )
    device: str = setting("auto", help="auto, cpu, cuda or cuda:N.", role="device")
    precision: Literal["fp32", "bf16", "fp16"] = setting("fp32", help="Arithmetic of the network (torch).", role="half")
    channels_last: bool = setting(True, help="Memory layout that convolutions prefer (torch).")
    fuse: bool = setting(True, help="Fold batch normalisation into the convolutions (torch).")
    compile: bool = setting(False, help="Compile the network: slow to start, faster after (torch).")
    threads: int = setting(
        0, help="CPU threads a picture; 0 leaves it to the backend. Torch takes it for the whole process.", minimum=0
    )

    def __post_init__(self) -> None:
        check(self)
        check_device(self.device)


@dataclass(frozen=True, kw_only=True)
class TorchOptions:
    """How torch runs a network; see `NetworkConfig`."""

    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    channels_last: bool = True
    compile: bool = False
    threads: int = 0

    @classmethod
    def of(cls, config: NetworkConfig) -> TorchOptions:
        """Take them from the settings of a detector."""
        return cls(
            precision=config.precision,
            channels_last=config.channels_last,
            compile=config.compile,
            threads=config.threads,
        )


def choose_backend(
    config: NetworkConfig, published: Catalogue, *, family: str, install: str
) -> Literal["onnx", "torch"]:
    """Say what runs the weights: a file the backend that reads it; a name ONNX Runtime on the CPU, torch on a GPU.

    Args:
        config: Settings.
        published: The family's files.
        family: Registered name of its exporter.
        install: What to install to get torch.

    Raises:
        ConfigError: The backend cannot read the file, or settings are for the other backend.
        WeightsError: There is no such file or name.
        MissingDependencyError: Torch is needed and not installed.
    """
    weights = str(config.weights)
    if weights not in published.names:
        is_onnx = Path(weights).suffix.lower() == ".onnx"
        if config.backend != "auto" and (config.backend == "onnx") != is_onnx:
            raise ConfigError(
                f"backend {config.backend!r} must get "
                f"{'an .onnx file' if config.backend == 'onnx' else 'a checkpoint'}; got {config.weights!r}. Leave "
                f"backend out, or run: trackforge export {family} --weights {config.weights}"
            )
        chosen: Literal["onnx", "torch"] = "onnx" if is_onnx else "torch"
        published.resolve(weights, ".onnx" if is_onnx else ".pth")  # a wrong name is told before a missing package
    elif config.backend != "auto":
        chosen = config.backend
    elif not published.has(weights, ".onnx") or config.device.startswith("cuda"):
        chosen = "torch"
    else:
        chosen = "torch" if config.device == "auto" and gpu_is_usable() else "onnx"
    if chosen == "torch" and importlib.util.find_spec("torch") is None:
        raise MissingDependencyError(
            f"{config.weights} needs torch, which is not installed; run: pip install '{install}', or take an .onnx "
            "file."
        )
    if chosen == "onnx" and (config.precision != "fp32" or config.compile):  # not to be ignored in silence
        raise ConfigError(
            f"precision {config.precision!r} and compile={config.compile} are for the torch backend; {config.weights} "
            "runs on ONNX Runtime. Leave them out, take backend='torch' with a checkpoint, or export with half=true."
        )
    return chosen

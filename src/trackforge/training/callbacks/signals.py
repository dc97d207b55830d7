"""SIGTERM and Ctrl-C: all processes end after the same step."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl

if TYPE_CHECKING:
    from trackforge.training.module import TrainingModule

__all__ = ["Signals"]

log = logging.getLogger(__name__)


class Signals(pl.Callback):
    """Listens while training runs; the module's processes agree once a step on whether to stop.

    Attributes:
        number: Of the signal that came to this process, or 0.
        stopping: Whether the run ends because of one, whichever process it came to.
    """

    def __init__(self) -> None:
        self.number = 0
        self.stopping = False
        self._handlers: dict[int, Any] = {}

    def stop(self, trainer: Any) -> None:
        """End the run here."""
        self.stopping = trainer.should_stop = True

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Listen."""
        if threading.current_thread() is threading.main_thread():
            self._handlers = {
                number: signal.signal(number, lambda n, frame: self._ask(pl_module, n, frame))
                for number in (signal.SIGTERM, signal.SIGINT)
            }

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Stop where the processes agreed to."""
        if pl_module.stop_agreed and (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            self.stop(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Listen no more."""
        self._restore()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG002
        """Listen no more."""
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def _ask(self, module: TrainingModule, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if module.stop_asked:
            raise SystemExit(128 + number)
        log.warning("signal %d: a checkpoint is saved after this step, then training stops", number)
        self.number, module.stop_asked = number, True

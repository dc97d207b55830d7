"""``train``: a SageMaker training job, of any trainer that is installed.

The job is read from ``/opt/ml`` (`trackforge_sagemaker.training.job`) and carried out by a process for each device
(`launching`, `worker`); what becomes of it is laid out in ``/opt/ml/model`` and ``/opt/ml/output`` (`results`).
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main", "toolkit_main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out the training job of this machine, and return the exit code: 0 only where it was brought to its end.

    Args:
        argv: Hyperparameters, ``--name value``, beside those of the job, which go before.
    """
    from trackforge_sagemaker.training.launching import carry_out

    return carry_out([] if argv is None else list(argv))


def toolkit_main() -> None:
    """Do so as a module of AWS's toolkit: ``SAGEMAKER_TRAINING_MODULE=trackforge_sagemaker.training:toolkit_main``.

    Raises:
        RuntimeError: The training failed; the toolkit looks at nothing else.
    """
    code = main()
    if code:
        raise RuntimeError(f"the training ended with exit code {code}; see the log above and output/failure")

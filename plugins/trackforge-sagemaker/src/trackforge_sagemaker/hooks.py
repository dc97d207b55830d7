"""What this plugin offers. Imports nothing but the registry, so that listing plugins stays fast."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer the command, the detector of an endpoint, and the rows of FairMOT's batch job."""
    yield ComponentSpec(
        kind="sink",
        name="fairmot",
        target="trackforge_sagemaker.processing.fairmot:FairMotSink",
        config="trackforge_sagemaker.processing.fairmot:FairMotSinkConfig",
        summary="results.txt as FairMOT's batch job in AWS's sample writes it.",
        source="FairMOT, MIT, and amazon-sagemaker-fairmot, MIT-0: the form of a row",
    )
    yield ComponentSpec(
        kind="command",
        name="sagemaker",
        target="trackforge_sagemaker.control.command:SageMaker",
        summary="Drive SageMaker: jobs, endpoints, labels; choose, deploy, track, and delete everything again.",
        requires=("cyclopts", "rich"),
        install="trackforge-mot[cli]",
    )
    yield ComponentSpec(
        kind="detector",
        name="endpoint",
        target="trackforge_sagemaker.client.detecting:EndpointDetector",
        config="trackforge_sagemaker.client.detecting:EndpointDetectorConfig",
        summary="A detector behind an endpoint of SageMaker, asked picture by picture.",
        requires=("boto3",),
        install="trackforge-sagemaker[client]",
        source="ByteTrack example of AWS, MIT-0: the form of its answers, and the scale of its boxes",
    )

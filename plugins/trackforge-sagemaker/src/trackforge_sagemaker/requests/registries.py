"""Whose account holds AWS's images in which region: the built-in algorithm's, and those of the frameworks.

Facts of Amazon SageMaker's documentation ("Docker Registry Paths") as SDK v3 carries them; a test compares.
"""

from __future__ import annotations

from collections.abc import Mapping

from trackforge.errors import ConfigError, did_you_mean
from trackforge_sagemaker.requests.places import image_uri

__all__ = ["FRAMEWORKS", "OBJECT_DETECTION", "framework_image", "object_detection_image"]

OBJECT_DETECTION: Mapping[str, str] = {
    "af-south-1": "455444449433", "ap-east-1": "286214385809", "ap-northeast-1": "501404015308",
    "ap-northeast-2": "306986355934", "ap-northeast-3": "867004704886", "ap-south-1": "991648021394",
    "ap-south-2": "628508329040", "ap-southeast-1": "475088953585", "ap-southeast-2": "544295431143",
    "ap-southeast-3": "951798379941", "ap-southeast-4": "106583098589", "ca-central-1": "469771592824",
    "ca-west-1": "190319476487", "cn-north-1": "390948362332", "cn-northwest-1": "387376663083",
    "eu-central-1": "813361260812", "eu-central-2": "680994064768", "eu-north-1": "669576153137",
    "eu-south-1": "257386234256", "eu-south-2": "104374241257", "eu-west-1": "685385470294",
    "eu-west-2": "644912444149", "eu-west-3": "749696950732", "il-central-1": "898809789911",
    "me-central-1": "272398656194", "me-south-1": "249704162688", "sa-east-1": "855470959533",
    "us-east-1": "811284229777", "us-east-2": "825641698319", "us-gov-east-1": "237065988967",
    "us-gov-west-1": "226302683700", "us-west-1": "632365934929", "us-west-2": "433757028032",
}  # fmt: skip
"""Of the image ``object-detection:1``, by region."""
COMMON = "763104351884"
"""Of the frameworks' images, in all regions but those of `FRAMEWORKS`."""
FRAMEWORKS: Mapping[str, str] = {
    "af-south-1": "626614931356", "ap-east-1": "871362719292", "ap-northeast-3": "364406365360",
    "ap-south-2": "772153158452", "ap-southeast-3": "907027046896", "ap-southeast-4": "457447274322",
    "ca-west-1": "204538143572", "cn-north-1": "727897471807", "cn-northwest-1": "727897471807",
    "eu-central-2": "380420809688", "eu-south-1": "692866216735", "eu-south-2": "503227376785",
    "il-central-1": "780543022126", "me-central-1": "914824155844", "me-south-1": "217643126080",
    "us-gov-east-1": "446045086412", "us-gov-west-1": "442386744353",
}  # fmt: skip
"""Of the frameworks' images (Deep Learning Containers), where it is not `COMMON`."""
KNOWN = ("mxnet", "pytorch", "tensorflow")


def object_detection_image(region: str, tag: str = "1") -> str:
    """Return the address of the built-in Object Detection's image.

    >>> object_detection_image("us-east-1")
    '811284229777.dkr.ecr.us-east-1.amazonaws.com/object-detection:1'

    Raises:
        ConfigError: It is not known for that region.
    """
    account = OBJECT_DETECTION.get(region)
    if account is None:
        raise ConfigError(
            f"The built-in Object Detection must be offered in the region; got {region!r}."
            f"{did_you_mean(region, OBJECT_DETECTION)} Known are {', '.join(OBJECT_DETECTION)}."
        )
    return image_uri(account, region, "object-detection", tag)


def framework_image(framework: str, version: str, python: str, region: str, *, gpu: bool, account: str = "") -> str:
    """Return the address of a framework's image for inference.

    Args:
        framework: ``mxnet``, ``pytorch`` or ``tensorflow``.
        version: Of the framework, in full: ``1.9.0``.
        python: Such as ``py38``.
        region: Where it is used.
        gpu: Whether it runs on GPUs.
        account: In place of the region's.

    >>> framework_image("mxnet", "1.9.0", "py38", "eu-west-1", gpu=False)
    '763104351884.dkr.ecr.eu-west-1.amazonaws.com/mxnet-inference:1.9.0-cpu-py38'

    Raises:
        ConfigError: The framework is another.
    """
    if framework not in KNOWN:
        raise ConfigError(
            f"The framework must be one of {', '.join(KNOWN)}; got {framework!r}. Name the image itself, as an address."
        )
    device = "gpu" if gpu else "cpu"
    tag = f"{version}-{device}" if framework == "tensorflow" else f"{version}-{device}-{python}"
    return image_uri(account or FRAMEWORKS.get(region, COMMON), region, f"{framework}-inference", tag)

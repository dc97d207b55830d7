"""What this plugin offers. Imports nothing but the registry, so that listing plugins stays fast."""

from trackforge.registry import ComponentSpec, hookimpl


@hookimpl
def trackforge_components():
    """Offer one associator and one detector."""
    yield ComponentSpec(
        kind="associator",
        name="nearest",
        target="trackforge_example.nearest:NearestAssociator",
        summary="The nearest centre first.",
    )
    yield ComponentSpec(
        kind="detector",
        name="bright",
        target="trackforge_example.bright:BrightDetector",
        summary="Whatever is brighter than a threshold.",
    )

"""Cameras that the server pulls from: added and removed while it runs, watched by any number of clients."""

from trackforge.serving.cameras.camera import Camera
from trackforge.serving.cameras.registry import Cameras
from trackforge.serving.cameras.scene import Scene, Shot, Watch

__all__ = ["Camera", "Cameras", "Scene", "Shot", "Watch"]

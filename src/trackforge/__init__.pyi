from trackforge import data as data
from trackforge import errors as errors
from trackforge import training as training
from trackforge.metrics import Report as Report
from trackforge.metrics import evaluate as evaluate
from trackforge.online import Lifecycle as Lifecycle
from trackforge.online import OnlineTracker as OnlineTracker
from trackforge.pipeline import track as track
from trackforge.registry.doors import analytic as analytic
from trackforge.registry.doors import associator as associator
from trackforge.registry.doors import camera_motion as camera_motion
from trackforge.registry.doors import command as command
from trackforge.registry.doors import detector as detector
from trackforge.registry.doors import embedder as embedder
from trackforge.registry.doors import export as export
from trackforge.registry.doors import motion_model as motion_model
from trackforge.registry.doors import sink as sink
from trackforge.registry.doors import source as source
from trackforge.registry.doors import tracker as tracker
from trackforge.table import TrackTable as TrackTable
from trackforge.types import Detections as Detections
from trackforge.types import Frame as Frame
from trackforge.types import Matches as Matches
from trackforge.types import Step as Step
from trackforge.types import Tracks as Tracks
from trackforge.types import TrackState as TrackState

__version__: str

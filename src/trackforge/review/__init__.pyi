from trackforge.review.document import Document as Document
from trackforge.review.document import Effort as Effort
from trackforge.review.tracks import Keyframe as Keyframe
from trackforge.review.tracks import LabelTrack as LabelTrack

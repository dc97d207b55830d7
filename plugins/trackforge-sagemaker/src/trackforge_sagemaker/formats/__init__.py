"""What requests and answers look like on the wire: one module a format, none of which knows about HTTP or the engine.

| module | in | out |
|---|---|---|
| `media` | ``Content-Type``, ``Accept`` | which format is meant |
| `ours` | a picture, a film | detections, tracks: the keys of JSON lines |
| `builtin` | a picture | ``{"prediction": [...]}`` of SageMaker's built-in Object Detection, or its ``annotations`` |
| `bytetrack` | a picture, a film | the ByteTrack example's boxes of a letter-boxed picture; its rows of text |
| `fairmot` | JSON with ``frame_id`` and ``frame_data`` | the FairMOT example's ``[{"<id>": [x, y, w, h]}]`` |
| `standard` | JSON with ``requestType`` | a session is opened or closed: AWS's container standard |
"""

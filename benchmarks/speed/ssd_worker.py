"""One detector, one picture, one process, one thread: prints milliseconds of processor time and how much is found.

Run by `ssd.py`: ``ssd_worker.py DETECTOR FILE PICTURE.npy COUNT``. Without a detector it is MXNet itself, in an
interpreter that knows nothing of trackforge; then FILE is a ``model.tar.gz`` of SageMaker's built-in Object Detection.
"""

import json
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np


def ours(detector, file):
    import trackforge
    from trackforge.types import Frame

    opened = trackforge.detector(detector, weights=file, device="cpu", threads=1)
    return lambda image: len(opened.detect([Frame(index=0, image=image)])[0])


def mxnet(file):
    import cv2

    try:
        import mxnet as mx
    except AttributeError:  # beside NumPy 2, as `make test-mxnet` has it
        from trackforge_mxnet.real import load_mxnet

        mx = load_mxnet()

    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(file) as archive:
            archive.extractall(folder)
        hyperparameters = json.loads((Path(folder) / "hyperparams.json").read_text())
        symbol, arguments, states = mx.model.load_checkpoint(f"{folder}/model_algo_1", 0)
    side = int(hyperparameters["image_shape"])
    bound = symbol.simple_bind(mx.cpu(), data=(1, 3, side, side), label=(1, 1, 5), grad_req="null")
    bound.copy_params_from(arguments, states)
    bound.arg_dict["label"][:] = -1

    def detect(image):
        data = cv2.resize(image, (side, side)).transpose(2, 0, 1)[None].astype(np.float32)
        rows = bound.forward(is_train=False, data=mx.ndarray.array(data))[3].asnumpy()[0]
        return int((rows[:, 0] >= 0).sum())

    return detect


def main():
    detector, file, picture, count = sys.argv[1:]
    if detector:
        import torch

        torch.set_num_threads(1)
    detect = ours(detector, file) if detector else mxnet(file)
    image, spent, rows = np.load(picture), [], 0
    for _ in range(int(count)):
        begin = time.process_time()
        rows = detect(image)
        spent.append(1000 * (time.process_time() - begin))
    print(json.dumps({"ms": min(spent[2:]), "rows": rows}))


if __name__ == "__main__":
    main()

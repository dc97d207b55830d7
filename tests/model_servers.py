"""``python model_servers.py mms|torchserve FOLDER``: AWS's serving toolkits, with their files below FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path


def main(kind: str, folder: Path) -> None:
    """Start a toolkit's server as its images' entry points do, and wait for its end."""
    settings = folder / "settings"
    settings.mkdir(exist_ok=True)
    # Java says where the workers' sockets are made.
    more = f"\nvmargs=-XX:-UseContainerSupport -Djava.io.tmpdir={folder / 'tmp'}\nnumber_of_netty_threads=2\n"
    if kind == "mms":
        from sagemaker_inference import model_server

        model_server.MMS_CONFIG_FILE = str(settings / "mms.properties")
        model_server.start_model_server()
        return
    from sagemaker_pytorch_serving_container import serving
    from sagemaker_pytorch_serving_container import torchserve as toolkit

    defaults = settings / "default-ts.properties"
    # Its metrics and gRPC ports are fixed otherwise; 0 lets the system choose.
    more += "metrics_address=http://127.0.0.1:0\ngrpc_inference_port=0\ngrpc_management_port=0\n"
    defaults.write_text(Path(toolkit.DEFAULT_TS_CONFIG_FILE).read_text() + more)
    toolkit.DEFAULT_TS_CONFIG_FILE = str(defaults)
    toolkit.TS_CONFIG_FILE = str(settings / "ts.properties")
    serving.main()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

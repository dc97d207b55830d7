"""The Python of docs/sagemaker-control.md, as it stands, against the data plane and moto."""

from __future__ import annotations

import aws_tools
import pytest
from bright_model import write_film
from doc_blocks import ROOT, blocks
from hosted import hosted

from trackforge_sagemaker.testing.data_plane import AsyncOutput, DataPlane, HostedEndpoint

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]


def test_the_page_s_clients_run_as_they_stand(base, tmp_path, monkeypatch, capsys):
    page = [one for one in blocks(ROOT / "docs" / "sagemaker-control.md") if one.test.endswith("test_control_docs.py")]
    assert len(page) == 3
    aws_tools.need("boto3", "moto")
    with aws_tools.moto_server() as address, hosted(base, "page") as container:
        for name, value in {**aws_tools.AWS, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        import boto3

        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bucket")
        output = AsyncOutput(output="s3://bucket/out", failure="s3://bucket/failed")
        endpoints = {
            "street-cameras": HostedEndpoint(instances=[container.url]),
            "street-films": HostedEndpoint(instances=[container.url], output=output),
        }
        with DataPlane(endpoints, s3=s3) as plane:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", plane.url)
            monkeypatch.chdir(tmp_path)
            write_film(tmp_path / "street.mp4", 1, 8)
            (tmp_path / "films").mkdir()
            for number in (2, 3):
                write_film(tmp_path / "films" / f"{number}.mp4", number, 5)
            names: dict[str, object] = {}
            for block in page:
                exec(block.text, names)
    assert (tmp_path / "street.txt").read_text()
    assert len(list((tmp_path / "answers").glob("*.out"))) == 8
    assert {one.name for one in (tmp_path / "results").iterdir()} == {"2.mp4.out", "3.mp4.out", "sent.jsonl"}
    assert len((tmp_path / "street.jsonl").read_text().splitlines()) == 8

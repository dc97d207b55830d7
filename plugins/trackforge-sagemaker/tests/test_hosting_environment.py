"""How a container is set up: the model folder, AWS's variables of both families, ours."""

from __future__ import annotations

import pytest
from bright_model import write_model

from trackforge.errors import ConfigError, MissingFileError
from trackforge_sagemaker.serving.environment import configured


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("ml") / "model", serve="max_sessions = 7")


def test_without_a_word_it_is_what_sagemaker_wants(folder):
    plan, hosting = configured(folder, {})
    run = plan.run
    assert (run.host, run.port, run.allow_cameras, run.max_sessions) == ("0.0.0.0", 8080, False, 7)
    assert (run.max_body, run.max_film, run.session_ttl) == (6 << 20, 2048 << 20, 1200)
    assert (hosting.response, hosting.stateful, hosting.frame_time, hosting.film_time) == ("trackforge", True, 60, 3600)
    assert plan.detector.settings["weights"].endswith("model.onnx")


def test_of_both_families_of_variables_the_largest_counts(folder):
    plan, hosting = configured(
        folder,
        {
            "TS_MAX_REQUEST_SIZE": "1000000000",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": "30",
            "TS_MAX_RESPONSE_SIZE": "500",
            "MMS_MAX_RESPONSE_SIZE": "400",
            "TS_DEFAULT_RESPONSE_TIMEOUT": "900",
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": "20",
        },
    )
    assert (plan.run.max_film, plan.run.max_body) == (1_000_000_000, 100 << 20)
    assert (hosting.max_answer, hosting.film_time, hosting.frame_time) == (500, 1200, 60)
    plan, hosting = configured(folder, {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "30", "SAGEMAKER_TS_RESPONSE_TIMEOUT": "30"})
    assert (plan.run.max_film, plan.run.max_body) == (30 << 20, 30 << 20)
    assert (hosting.film_time, hosting.frame_time) == (30, 30)


def test_sessions_port_and_the_examples_variables(folder, tmp_path):
    plan, hosting = configured(
        folder,
        {
            "SAGEMAKER_BIND_TO_PORT": "9090",
            "SAGEMAKER_SESSIONS_EXPIRATION": "60",
            "SAGEMAKER_SESSIONS_PATH": str(tmp_path),
            "SAGEMAKER_ENABLE_STATEFUL_SESSIONS": "False",
            "INPUT_HEIGHT": "64",
            "INPUT_WIDTH": "128",
            "FRAME_INTERVAL": "2",
        },
    )
    assert (plan.run.port, plan.run.session_ttl, plan.run.films_dir) == (9090, 60, tmp_path)
    assert plan.detector.settings["size"] == (64, 128)
    assert (hosting.stateful, hosting.letterbox, hosting.stride) == (False, (64, 128), 2)


def test_ours_come_last_and_the_model_folder_first(folder, tmp_path):
    model = write_model(tmp_path / "model", serve="session_ttl = 5.0\n[hosting]\nresponse = 'builtin'\nfilms = 3")
    assert configured(model, {})[1].response == "builtin"
    plan, hosting = configured(
        model,
        {
            "TRACKFORGE_SERVE_TRACKER": "sort",
            "TRACKFORGE_SERVE_SESSION_TTL": "9",
            "SAGEMAKER_SESSIONS_EXPIRATION": "8",
            "TRACKFORGE_HOSTING_RESPONSE": "bytetrack",
        },
    )
    assert (plan.tracker.name, plan.run.session_ttl) == ("sort", 9)
    assert (hosting.response, hosting.films) == ("bytetrack", 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TS_MAX_REQUEST_SIZE", "6 MB"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "-1"),
        ("TS_MAX_RESPONSE_SIZE", "0"),
        ("TS_DEFAULT_RESPONSE_TIMEOUT", "15m"),
        ("SAGEMAKER_BIND_TO_PORT", "8080x"),
        ("SAGEMAKER_SESSIONS_EXPIRATION", "1e3"),
        ("SAGEMAKER_ENABLE_STATEFUL_SESSIONS", "maybe"),
        ("FRAME_INTERVAL", "9" * 400),
        ("INPUT_HEIGHT", "800"),
        ("TRACKFORGE_HOSTING_RESPONSE", "yolo"),
        ("TRACKFORGE_HOSTING_RESPONS", "builtin"),
        ("TRACKFORGE_SERVE_MAX_BODY", "much"),
    ],
)
def test_wrong_values_are_refused_by_the_name_of_the_variable(folder, name, value):
    with pytest.raises(ConfigError, match=name):
        configured(folder, {name: value})


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(MissingFileError, match="model"):
        configured(tmp_path, {})

"""The image's Dockerfile, read: what SageMaker and a small image ask of it; and the reader itself."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "plugins" / "trackforge-sagemaker" / "container"


def _load(name, path):
    specification = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


dockerfile = _load("trackforge_dockerfile", ROOT / "workshop" / "image" / "dockerfile.py")
gather = _load("trackforge_gather", CONTAINER / "gather.py")


@pytest.fixture(scope="module")
def stages():
    return {stage.name: stage for stage in dockerfile.parse((CONTAINER / "Dockerfile").read_text())[1]}


def test_the_base_is_an_argument():
    arguments, stages = dockerfile.parse((CONTAINER / "Dockerfile").read_text())
    assert stages[0].base == "${BASE}"
    assert arguments["BASE"]
    # Not the moving target that everybody's cache disagrees on.
    assert ":" in arguments["BASE"]
    assert not arguments["BASE"].endswith(":latest")


def test_the_last_stage_holds_no_source_and_starts_by_itself(stages):
    image = list(stages.values())[-1]
    assert not [step for step in image.instructions if step.word == "COPY"]
    said = {step.word: step for step in image.instructions}
    assert said["ENTRYPOINT"].words == ("trackforge-sagemaker",), "exec form: no shell is process 1"
    assert said["CMD"].words == ("serve",)
    assert said["EXPOSE"].words == ("8080",)
    assert dict(said["ENV"].pairs)["PYTHONUNBUFFERED"] == "1"
    assert dict(said["LABEL"].pairs)["com.amazonaws.sagemaker.capabilities.bidirectional-streaming"] == "true"
    for step in image.instructions:
        if step.word == "RUN":
            assert "--no-cache-dir" in step.text
            assert "--no-index" in step.text, "the last stage fetches nothing"
            assert {mount.stage for mount in step.mounts} == {"wheels"}


def test_nothing_asks_and_nothing_is_left(stages):
    for stage in stages.values():
        for step in stage.instructions:
            assert "/opt/ml" not in step.text, "it is SageMaker's"
            if "apt-get install" in step.text:
                assert "DEBIAN_FRONTEND=noninteractive" in step.text
                assert "--no-install-recommends" in step.text
                assert "rm -rf /var/lib/apt/lists/*" in step.text
            if "apt-get update" in step.text:
                assert "apt-get install" in step.text, "a list that is older than what it lists"
            for name, value in step.pairs if step.word in ("ENV", "ARG") else ():
                assert not re.search("TOKEN|SECRET|PASSWORD|CREDENTIAL", name), f"{name}={value} stays in the image"


def test_every_distribution_is_in_the_image_and_the_right_one_in_each_flavour(stages):
    arguments = dict(pair for step in stages["wheels"].instructions if step.word == "ARG" for pair in step.pairs)
    named = {word.partition("[")[0] for word in arguments["INSTALL"].split()}
    plugins = {path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml")}
    assert named == {"trackforge-mot", *plugins}


def test_the_context_is_what_wheels_are_made_of():
    rules = (CONTAINER / "Dockerfile.dockerignore").read_text()
    kept = ["pyproject.toml", "src/trackforge/cli/__init__.py", "plugins/trackforge-byte/src/trackforge_byte/hooks.py"]
    kept += ["plugins/trackforge-sagemaker/container/gather.py", "requirements/constraints.txt", "LICENSE", "README.md"]
    out = [".git/config", ".venv/bin/python", "docs/index.md", "tests/unit/test_types.py", "requirements/dev.txt"]
    out += ["plugins/trackforge-byte/tests/test_x.py", "src/trackforge/__pycache__/x.pyc", "demo/street.mp4", ".env"]
    assert [name for name in kept if dockerfile.ignored(rules, PurePosixPath(name))] == []
    assert [name for name in out if not dockerfile.ignored(rules, PurePosixPath(name))] == []


@pytest.mark.parametrize("flavour", ["cpu", "gpu", "onnx"])
def test_the_script_builds_each_flavour(flavour, stages):
    script = CONTAINER / "build.sh"
    words = [script, "--print", flavour, f"trackforge:{flavour}", "--platform", "linux/arm64"]
    printed = subprocess.run(words, capture_output=True, text=True, check=True, cwd="/").stdout
    assert printed.startswith("docker build --file plugins/trackforge-sagemaker/container/Dockerfile --build-arg ")
    assert f"--tag trackforge:{flavour} --platform linux/arm64 ." in printed
    declared = {name for step in stages["wheels"].instructions if step.word == "ARG" for name, _ in step.pairs}
    assert set(re.findall(r"--build-arg (\w+)=", printed)) <= declared
    refused = subprocess.run([script, "--print", "tpu", "x"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "got tpu" in refused.stderr


def test_strangers_and_what_is_not_there_are_not_installed(tmp_path):
    with pytest.raises(SystemExit, match="'trackforge-nothing', which it has not"):
        gather.own_wheels(ROOT, tmp_path, ["trackforge-nothing[serve]"])


def test_a_base_keeps_its_own_torch():
    kept = gather.without_installed("# why\nNumPy==1.0\nnot_there==2.0\n", sys.executable)
    assert kept == "# why\nnot_there==2.0\n"


def test_variables_are_put_in():
    put = dockerfile.substitute
    assert put("${A}/$B/${C:-c}/${A:-a}/\\$A", {"A": "1", "B": "2"}) == "1/2/c/1/$A"


def test_comments_and_continued_lines():
    text = "# comment\nARG A=1\nFROM x AS y\nRUN one \\\n# between\n  && two\n"
    text += "ENV A=1 \\\n  B='2 3'\nCOPY --from=z a b c/\n"
    arguments, (stage,) = dockerfile.parse(text)
    run, env, copy = stage.instructions
    assert arguments == {"A": "1"}
    assert (stage.base, stage.name, run.line) == ("x", "y", 4)
    assert run.text.split() == ["one", "&&", "two"]
    assert env.pairs == (("A", "1"), ("B", "2 3"))
    assert (copy.stage, copy.words) == ("z", ("a", "b", "c/"))


@pytest.mark.parametrize(
    "text",
    [
        "RUN true",
        "FROM a b",
        "",
        "FROM a\nADD x y",
        "FROM a\nRUN",
        "FROM a\nENTRYPOINT trackforge serve",
        "FROM a\nENTRYPOINT []",
        "FROM a\nCMD [1]",
        "FROM a\nENV A",
        "FROM a\nCOPY --chown=1 a b",
        "FROM a\nRUN --mount=type=secret,target=/x true",
        "FROM a\nRUN --mount=type=bind,source=/x true",
        "FROM a\nRUN --network=none true",
        "FROM a\nRUN true \\",
    ],
)
def test_what_is_not_understood_is_no_guess(text):
    with pytest.raises(dockerfile.DockerfileError):
        dockerfile.parse(text)

"""``create``: what it prints, what it refuses, and what real conda makes of it."""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.environment.files import read_file

from .conftest import TENSORFLOW_OF, Living, site_of

SCHEMA = json.loads((files("conda_tf_doctor") / "schemas" / "create.schema.json").read_text(encoding="utf-8"))


def test_dry_run_prints_an_environment_yml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["create", "mine", "--tensorflow", "2.10", "--gpu", "--platform", "win-64", "--dry-run"]
    assert console(arguments) == 0
    file = tmp_path / "environment.yml"
    file.write_text(capsys.readouterr().out, encoding="utf-8")
    assert {"tensorflow", "cudatoolkit", "cudnn"} <= {p.name for p in read_file(str(file), "win-64").packages}
    assert console([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert document["environment"] == file.read_text(encoding="utf-8")
    assert document["row"] == "pypi/tensorflow/2.10.1/win-64"


def test_gpu_on_native_windows_offers_2_10_and_wsl(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["create", "mine", "--tensorflow", "2.12", "--gpu", "--platform", "win-64"]
    assert console(arguments) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "native Windows" in said.err and "--tensorflow 2.10 --gpu" in said.err and "WSL2" in said.err
    assert console([*arguments, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert document["ok"] is False and len(document["ways"]) == 3


@pytest.mark.parametrize(
    "arguments",
    [["--tensorflow", "new"], ["--python", "three"], ["--platform", "vax-32"], ["--gpu", "--cpu"]],
    ids=["tensorflow", "python", "platform", "both"],
)
def test_unusable_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = console(["create", "mine", *arguments])
    except SystemExit as exit_of_the_parser:
        status = int(exit_of_the_parser.code or 0)
    assert status == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_conda_creates_it_and_check_passes(living: Living) -> None:
    version = TENSORFLOW_OF[living.minor]
    arguments = ["create", "mine", "--tensorflow", f"=={version}", "--cpu", "--python", living.minor, "--yes", "--json"]
    # Made for what it was planned for, whatever conda was told before.
    result = living.doctor(*arguments, CONDA_SUBDIR="osx-64")
    document = result.json()
    jsonschema.validate(document, SCHEMA)
    assert result.rc == 0, result.err
    assert document["created"] is True
    prefix = Path(document["prefix"])
    assert living.doctor("check", "-p", prefix).rc == 0
    assert list(site_of(prefix).glob(f"tensorflow*-{version}.dist-info"))
    again = living.doctor(*arguments)
    assert again.rc == 2 and "already" in again.json()["error"]


@pytest.mark.parametrize("name", ["", "a b", "a:b", "#x", "base", "."])
def test_names_that_conda_does_not_take(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert console(["create", name, "--cpu", "--dry-run"]) == 2
    assert "is no name for a new environment" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["123", "yes", "{x}", "näme", "a-b.c"])
def test_the_name_is_what_yaml_reads_back(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from ruamel.yaml import YAML

    assert console(["create", name, "--cpu", "--dry-run"]) == 0
    assert YAML(typ="safe", pure=True).load(capsys.readouterr().out)["name"] == name


REFUSALS = {
    "python": (["--python", "3.14"], "", "Without --python: TensorFlow 2."),
    "channel": (["--channel", "defaults", "--tensorflow", "2.15"], "", "Without --channel: TensorFlow 2.15.1"),
    "driver": (["--gpu", "--tensorflow", "2.15"], "11.4", "Without --tensorflow: TensorFlow 2.14.0"),
}


# For Linux, whatever this machine is; but the driver is that of this machine.
HERE = sys.platform == "linux"


@pytest.mark.parametrize(
    ("arguments", "cuda", "way"),
    [REFUSALS[name] for name in REFUSALS if HERE or name != "driver"],
    ids=[name for name in REFUSALS if HERE or name != "driver"],
)
def test_a_refusal_says_what_there_is_instead(
    arguments: list[str], cuda: str, way: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", cuda)
    platform = () if HERE else ("--platform", "linux-64")
    assert console(["create", "mine", *arguments, *platform, "--dry-run"]) == 1
    assert way in capsys.readouterr().err


def test_where_pip_fails_nothing_is_left(living: Living) -> None:
    version = TENSORFLOW_OF[living.minor]
    arguments = ["create", "mine", "--tensorflow", f"=={version}", "--cpu", "--python", living.minor, "--yes", "--json"]
    result = living.doctor(*arguments, PIP_FIND_LINKS="")
    assert result.rc == 1 and result.json()["created"] is False
    assert not (living.conda.envs / "mine" / "conda-meta").exists()
    assert living.doctor(*arguments).rc == 0


def test_what_is_there_stays(living: Living) -> None:
    folder = living.conda.envs / "mine"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    result = living.doctor("create", "mine", "--cpu", "--yes", "--json")
    assert result.rc == 2 and "exists and is no environment" in result.json()["error"]
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]

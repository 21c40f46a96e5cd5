"""What other packages ask for is honoured by a plan, or the conflict is named with what there is to choose from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.cli.main import console
from tools.prefixes import add_dist, add_record, make_prefix

from .conftest import SMALL

STACK = {
    **SMALL, "numpy": "1.23.5", "keras": "2.9.0", "tensorflow-estimator": "2.9.0", "tensorboard": "2.9.1",
    "flatbuffers": "1.12", "h5py": "3.7.0", "keras-preprocessing": "1.1.2",
}  # fmt: skip


def environment(tmp_path: Path, version: str = "2.9.1", **instead: str) -> Path:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.9.18")
    for name, each in {**STACK, "protobuf": "3.19.6", "tensorflow": version, **instead}.items():
        add_dist(prefix, name, each)
    return prefix


def fix(capsys: pytest.CaptureFixture[str], prefix: Path, *words: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = console(["fix", "--dry-run", "--offline", "--json", "-p", str(prefix), *words])
    return status, json.loads(capsys.readouterr().out)


def changed(document: dict[str, Any]) -> dict[str, str | None]:
    return {change["package"]: change["to"] for change in document["changes"]}


def test_a_neighbour_that_takes_part_of_the_range_decides_the_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = environment(tmp_path, protobuf="5.29.5")
    assert changed(fix(capsys, prefix)[1]) == {"protobuf": "3.19.6"}
    add_dist(prefix, "old-proto", "1.0", requires=["protobuf<3.18,>=3.9", 'protobuf>=9; python_version < "3.8"'])
    status, document = fix(capsys, prefix)
    # It is not met today, so it is not made worse, and nobody asked for it.
    assert status == 0 and changed(document) == {"protobuf": "3.19.6"}


def test_a_conflict_is_named_and_nothing_is_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prefix = environment(tmp_path, protobuf="5.29.5")
    add_dist(prefix, "opentelemetry-proto", "1.30.0", requires=["protobuf<6.0,>=5.0"])
    status, document = fix(capsys, prefix)
    assert (status, document["changes"]) == (1, [])
    conflict = document["conflict"]
    assert conflict["demands"] == ["tensorflow 2.9.1", "opentelemetry-proto 1.30.0 (asks for protobuf<6.0,>=5.0)"]
    another, version, without = conflict["ways"]
    assert another.startswith("another TensorFlow, with --to tensorflow=2.")
    assert version.startswith("another version of opentelemetry-proto, with --to opentelemetry-proto=VERSION")
    assert without.startswith("without opentelemetry-proto, with --without opentelemetry-proto: ")
    # Each of them is a plan.
    chosen = another.split("--to ")[1].split(":")[0]
    status, document = fix(capsys, prefix, "--to", chosen)
    assert status == 0 and "protobuf" not in changed(document)
    status, document = fix(capsys, prefix, "--without", "opentelemetry-proto")
    assert (status, changed(document)) == (0, {"opentelemetry-proto": None, "protobuf": "3.19.6"})


def test_conda_s_packages_ask_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prefix = environment(tmp_path, protobuf="5.29.5")
    add_record(prefix, "linux-64", "grpc-tools", "1.60.0", "py39h0_0", depends=["protobuf >=4.21,<6", "python 3.9.*"])
    status, document = fix(capsys, prefix)
    assert status == 1
    assert document["conflict"]["demands"][1] == "grpc-tools 1.60.0 (asks for protobuf>=4.21,<6)"


def test_a_neighbour_whose_range_leaves_room_is_honoured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prefix = environment(tmp_path, "2.15.0", protobuf="4.25.8", keras="2.15.0", numpy="2.0.2")
    for name, version in {"tensorboard": "2.15.2", "tensorflow-estimator": "2.15.0", "ml-dtypes": "0.2.0"}.items():
        add_dist(prefix, name, version)
    add_dist(prefix, "numba", "0.60.0", requires=["numpy<2.1,>=1.22", "llvmlite<0.44"])
    add_dist(prefix, "narrow", "1.0", requires=["numpy!=1.26.4,<2.1"])
    status, document = fix(capsys, prefix)
    assert status == 0, document["conflict"]
    assert changed(document)["numpy"].startswith("1.2") and changed(document)["numpy"] != "1.26.4"

"""What other packages ask for is honoured by a plan, or the conflict is named with what there is to choose from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.environment.facts import CONDA
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.repair.apply import draft
from conda_tf_doctor.repair.conda import Answer, Conda, Moves
from conda_tf_doctor.repair.neighbours import unmet_of_conda
from conda_tf_doctor.repair.plan import Edit
from conda_tf_doctor.repair.planner import Planner
from conda_tf_doctor.repair.verify import verified_plan
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


def test_what_holds_tensorflow_s_files_goes_along_and_asks_for_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On Windows `tensorflow` 2.11 to 2.18 is a name alone: what is behind it is no neighbour of its own."""
    prefix = make_prefix(tmp_path / "env", "win-64", "3.11.7")
    for name, version in {**STACK, "protobuf": "4.25.8", "keras": "2.15.0", "numpy": "1.23.5"}.items():
        add_dist(prefix, name, version)
    add_dist(prefix, "tensorflow-intel", "2.15.0", requires=["keras<2.16,>=2.15.0"])
    add_dist(prefix, "tensorflow", "2.15.0", requires=["tensorflow-intel==2.15.0"])
    status, document = fix(capsys, prefix, "--to", "tensorflow=2.13")
    assert (status, document["conflict"]) == (0, None)
    assert {"keras": "2.13.1", "tensorflow": "2.13.1"}.items() <= changed(document).items()
    # Another package that asks for it is one.
    add_dist(prefix, "of-ours", "1.0", requires=["tensorflow-intel==2.15.0"])
    status, document = fix(capsys, prefix, "--to", "tensorflow=2.13")
    assert status == 1 and document["conflict"]["demands"][1:] == ["of-ours 1.0 (asks for tensorflow-intel==2.15.0)"]


@pytest.mark.parametrize(
    ("asks", "goes"),
    [((), "tensorflow-cpu"), (("tensorflow-cpu>=2.8",), "tensorflow"), (("tensorflow>=2.8",), "tensorflow-cpu")],
)
def test_of_two_distributions_the_one_stays_that_another_package_asks_for(
    asks: tuple[str, ...], goes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = environment(tmp_path)
    add_dist(prefix, "tensorflow-cpu", "2.9.0", requires=["numpy"])
    for requirement in asks:
        add_dist(prefix, "of-ours", "1.0", requires=[requirement])
    status, document = fix(capsys, prefix)
    assert (status, changed(document)) == (0, {goes: None})


def of_conda(tmp_path: Path, **packages: str) -> Path:
    """A prefix whose TensorFlow is conda's, with other packages of conda's."""
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.11.7")
    depends = ["python 3.11.*", "h5py >=3.10", "numpy >=1.22.4,<2.0a0", "wrapt >=1.11.0,<1.15"]
    add_record(prefix, "linux-64", "tensorflow", "2.15.0", "cpu_py311h6a1f3a4_3", depends=["tensorflow-base 2.15.0"])
    add_record(prefix, "linux-64", "tensorflow-base", "2.15.0", "cpu_py311h2a9c5c3_3", depends=depends)
    for name, version in packages.items():
        add_record(prefix, "linux-64", name, version, "py311_0")
    return prefix


def test_what_conda_s_tensorflow_asks_for_and_has_not(tmp_path: Path) -> None:
    env = read_prefix(str(of_conda(tmp_path, h5py="3.8.0", numpy="2.2.6", wrapt="1.14.1")))

    def unmet(*edits: Edit) -> list[str]:
        found = unmet_of_conda(env, {edit.key: edit for edit in edits} if edits else None)
        return [f"{demand.owner.name} asks for {demand.text}" for demand in found]

    of_h5py, of_numpy = "tensorflow-base asks for h5py>=3.10", "tensorflow-base asks for numpy>=1.22.4,<2.0"
    assert unmet() == [of_h5py, of_numpy]
    assert unmet(Edit(CONDA, "h5py", "h5py"), Edit("pip", "numpy", "numpy")) == [of_h5py]
    assert unmet(Edit(CONDA, "wrapt", "wrapt")) == []


class Mover(Conda):
    """A conda that would rather move TensorFlow; told to keep it, it does as it is made to."""

    def __init__(self, keeps: bool) -> None:
        super().__init__(["conda"])
        self.keeps, self.asked = keeps, list[list[str]]()

    def solve(self, prefix: str, specs: Sequence[str], removes: Sequence[str] = ()) -> tuple[Answer, Moves]:
        self.asked.append(list(specs))
        link = {"numpy": ("1.26.4", "py311_0", "conda-forge")}
        if "tensorflow 2.15.0" in specs:
            return Answer(self.keeps, {}, "Unsatisfiable"), Moves(link, dict.fromkeys(link, ("2.2.6", "", "")))
        build = "cpu_py311hd9a2b5e_0"
        link["tensorflow"] = ("2.16.1", build, "conda-forge")
        return Answer(True, {}), Moves(link, dict.fromkeys(link, ("", "", "")))


@pytest.mark.parametrize("keeps", [True, False])
def test_conda_moves_no_tensorflow_along(tmp_path: Path, keeps: bool) -> None:
    prefix, conda = of_conda(tmp_path, numpy="2.2.6", h5py="3.10.0"), Mover(keeps)
    env = read_prefix(str(prefix))
    plan = verified_plan(Planner(env, load_matrix()), conda, str(prefix))
    assert conda.asked[:2] == [["numpy >=1.23.5,<2"], ["numpy >=1.23.5,<2", "tensorflow 2.15.0"]]
    if keeps:
        assert plan.conflict is None and list(plan.edits) == [(CONDA, "numpy")]
        assert draft(plan, env, -1, None).conda_install == tuple(conda.asked[1])
    else:
        # It is another plan, which says so, or none.
        assert plan.conflict is not None or (CONDA, "tensorflow") in plan.edits

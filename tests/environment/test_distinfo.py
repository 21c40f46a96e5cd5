"""What pip installed, whose it is where conda recorded it too, and what is left of older ones."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix
from tools.prefixes import add_dist, add_record, make_prefix, site_packages
from tools.wheels import dist_info


def names(env: Environment) -> dict[str, tuple[str, str]]:
    return {package.name: (package.version, package.manager) for package in env.packages}


def noted(env: Environment) -> dict[str, str]:
    return {note.path: note.message for note in env.notes}


def test_pip_over_conda_shows_both_and_conda_alone_shows_one(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    add_record(prefix, "linux-64", "numpy", "1.26.4", "py310_0", distribution="numpy")
    assert [p.manager for p in read_prefix(str(prefix)).all_named("numpy")] == ["conda"]
    (site_packages(prefix, "linux-64") / "numpy-1.26.4.dist-info").rename(prefix / "away")
    add_dist(prefix, "numpy", "2.1.0")
    env = read_prefix(str(prefix))
    assert [(p.manager, p.version) for p in env.all_named("numpy")] == [("conda", "1.26.4"), ("pip", "2.1.0")]
    assert env.package("numpy").version == "2.1.0" and env.overwritten == {"numpy"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        (lambda folder: (folder / "INSTALLER").write_text("conda\n"), False),
        (lambda folder: (folder / "INSTALLER").write_text("conda-pypi\n"), False),
        (lambda folder: (folder / "INSTALLER").write_text("conda-via-whl"), False),
        (lambda folder: (folder / "INSTALLER").unlink(), False),
        (lambda folder: (folder / "INSTALLER").write_text("pip\n"), True),
        (lambda folder: (folder / "INSTALLER").write_text("uv"), True),
    ],
    ids=["conda", "conda-pypi", "conda's wheels", "unsaid", "pip", "uv"],
)
def test_the_same_version_is_pips_where_installer_and_sizes_say_so(
    tmp_path: Path, change: Callable, taken: bool
) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    add_record(prefix, "linux-64", "numpy", "1.26.4", "py310_0", distribution="numpy")
    change(site_packages(prefix, "linux-64") / "numpy-1.26.4.dist-info")
    assert ("numpy" in read_prefix(str(prefix)).overwritten) == taken


def test_a_conda_package_that_was_built_with_pip_stays_condas(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    path = add_record(prefix, "linux-64", "numpy", "1.26.4", "py310_0", distribution="numpy")
    folder = site_packages(prefix, "linux-64") / "numpy-1.26.4.dist-info"
    (folder / "INSTALLER").write_bytes(b"pip\n")
    document = json.loads(path.read_text())
    for entry in document["paths_data"]["paths"]:
        if entry["_path"].endswith("INSTALLER"):
            entry["size_in_bytes"] = 4
    path.write_text(json.dumps(document, indent=2))
    assert read_prefix(str(prefix)).overwritten == set()
    (folder / "REQUESTED").write_text("")  # only pip writes that, for what the user named
    assert read_prefix(str(prefix)).overwritten == {"numpy"}


def carried(tmp_path: Path, installer: str = "conda", metapackage: bool = True, **about: str) -> Path:
    """Conda's TensorFlow: `tensorflow-base` carries the dist-info of `tensorflow`, by pip from a wheel built there."""
    prefix = make_prefix(tmp_path / "env", "linux-64")
    content = dist_info("tensorflow", "2.10.0", installer=installer, requested=True, direct_url='{"dir_info": {}}')
    site = site_packages(prefix, "linux-64")
    paths = []
    for path, data in content.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(data)
        below = (site / path).relative_to(prefix).as_posix()
        entry = {"_path": below, "path_type": "hardlink", "size_in_bytes": len(data), "sha256": "0" * 64}
        paths.append({**entry, **about} if path.endswith("RECORD") else entry)
    listed = {"files": [path["_path"] for path in paths], "paths_data": {"paths": paths, "paths_version": 1}}
    add_record(prefix, "linux-64", "tensorflow-base", "2.10.0", "cpu_py310hc537a0e_0", **listed)
    if metapackage:
        add_record(prefix, "linux-64", "tensorflow", "2.10.0", "cpu_py310hd1aba9c_0")
    return prefix


def by_pip_again(prefix: Path, installer: str = "pip") -> None:
    """What `pip install --force-reinstall --no-deps tensorflow==2.10.0` leaves."""
    folder = site_packages(prefix, "linux-64") / "tensorflow-2.10.0.dist-info"
    shutil.rmtree(folder)
    add_dist(prefix, "tensorflow", "2.10.0", requested=True, installer=installer, files={"tensorflow/_api.py": "1"})


@pytest.mark.parametrize("metapackage", [True, False], ids=["with-metapackage", "base-alone"])
@pytest.mark.parametrize("installer", ["conda", "pip"])
def test_condas_tensorflow_is_condas_however_it_was_built(tmp_path: Path, installer: str, metapackage: bool) -> None:
    env = read_prefix(str(carried(tmp_path, installer, metapackage)))
    assert env.overwritten == set()
    assert {package.manager for package in env.packages} == {"conda"}


def test_a_record_that_conda_wrote_the_prefix_into_stays_condas(tmp_path: Path) -> None:
    prefix = carried(tmp_path, "pip", prefix_placeholder="/home/conda/placehold_placehold", file_mode="text")
    with (site_packages(prefix, "linux-64") / "tensorflow-2.10.0.dist-info" / "RECORD").open("a") as record:
        record.write(f"{prefix}/bin/toco,,\n")
    assert read_prefix(str(prefix)).overwritten == set()


@pytest.mark.parametrize("installer", ["pip", "uv"])
@pytest.mark.parametrize("built_with", ["conda", "pip"])
def test_pips_tensorflow_of_the_same_version_over_condas_is_pips(
    tmp_path: Path, built_with: str, installer: str
) -> None:
    prefix = carried(tmp_path, built_with)
    by_pip_again(prefix, installer)
    env = read_prefix(str(prefix))
    assert env.overwritten == {"tensorflow"}
    assert names(env)["tensorflow"] == ("2.10.0", "pip")
    found = [finding for finding in diagnose(env, load_matrix()).findings if finding.code == "TFD601"]
    assert [(finding.severity, "builds" in finding.message) for finding in found] == [("warning", True)]


def test_pips_tensorflow_of_the_same_version_over_a_base_alone(tmp_path: Path) -> None:
    prefix = carried(tmp_path, metapackage=False)
    by_pip_again(prefix)
    assert names(read_prefix(str(prefix)))["tensorflow"] == ("2.10.0", "pip")


def test_what_pip_left_when_conda_installed_over_it_is_noted(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    old = add_dist(prefix, "numpy", "2.1.0")
    add_record(prefix, "linux-64", "numpy", "1.26.4", "py310_0", distribution="numpy")
    os.utime(old, (time.time() - 3600, time.time() - 3600))
    env = read_prefix(str(prefix))
    assert [(p.manager, p.version) for p in env.all_named("numpy")] == [("conda", "1.26.4")]
    assert "left over" in noted(env)["lib/python3.10/site-packages/numpy-2.1.0.dist-info"]
    os.utime(old, (time.time() + 3600, time.time() + 3600))
    assert read_prefix(str(prefix)).package("numpy").version == "2.1.0", "pip came last"  # type: ignore[union-attr]


def test_condas_own_dist_info_of_another_spelling_is_not_pips(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    add_record(prefix, "linux-64", "protobuf", "4.25.3", "py310_0")
    add_dist(prefix, "protobuf", "4.25.3.post1", installer="conda")
    assert [p.manager for p in read_prefix(str(prefix)).all_named("protobuf")] == ["conda"]


def test_of_two_versions_the_one_installed_last_counts(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "win-64")
    for version, age in (("2.10.0", 100), ("2.9.1", 0)):
        folder = add_dist(prefix, "tensorflow", version)
        os.utime(folder, (time.time() - age, time.time() - age))
    assert read_prefix(str(prefix)).package("tensorflow").version == "2.9.1"  # type: ignore[union-attr]


def test_a_dist_info_without_metadata_is_noted(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "win-64")
    folder = add_dist(prefix, "tensorflow", "2.10.0")
    (folder / "METADATA").unlink()
    env = read_prefix(str(prefix))
    assert "METADATA" in noted(env)["Lib/site-packages/tensorflow-2.10.0.dist-info"]
    assert names(env)["tensorflow"] == ("2.10.0", "pip"), "its folder still names it"
    add_dist(prefix, "tensorflow", "2.9.1")
    assert [p.version for p in read_prefix(str(prefix)).all_named("tensorflow")] == ["2.9.1"]


def test_an_empty_dist_info_beside_condas_record_is_no_pip_package(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    add_record(prefix, "linux-64", "numpy", "1.26.4", "py310_0", distribution="numpy")
    (site_packages(prefix, "linux-64") / "numpy-1.19.5.dist-info").mkdir()
    env = read_prefix(str(prefix))
    assert [p.manager for p in env.all_named("numpy")] == ["conda"]
    assert list(noted(env)) == ["lib/python3.10/site-packages/numpy-1.19.5.dist-info"]


@pytest.mark.parametrize(
    ("entry", "metadata", "expected"),
    [
        ("tensorflow_gpu-1.15.0-py3.7.egg-info", "", ("tensorflow-gpu", "1.15.0")),
        ("tensorflow_gpu-1.15.0-py3.7-win-amd64.egg-info", "", ("tensorflow-gpu", "1.15.0")),
        ("absl_py-0.9.0.egg-info", "", ("absl-py", "0.9.0")),
        ("tensorflow-gpu-2.4.0.dist-info", "", ("tensorflow-gpu", "2.4.0")),
        ("Keras-2.10.0.dist-info", "", ("keras", "2.10.0")),
        ("mine.egg-info", "Metadata-Version: 1.0\nName: mine\nVersion: 0.3\n", ("mine", "0.3")),
    ],
)
def test_every_kind_of_metadata_folder_is_read(
    tmp_path: Path, entry: str, metadata: str, expected: tuple[str, str]
) -> None:
    prefix = make_prefix(tmp_path / "env", "win-64")
    folder = prefix / "Lib" / "site-packages" / entry
    folder.mkdir()
    (folder / ("PKG-INFO" if entry.endswith("egg-info") else "METADATA")).write_text(metadata)
    env = read_prefix(str(prefix))
    assert names(env)[expected[0]] == (expected[1], "pip") and env.notes == []


def test_what_pip_renamed_while_it_was_in_use_is_no_package(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "win-64")
    (prefix / "Lib" / "site-packages" / "~umpy-1.26.4.dist-info").mkdir()
    assert list(names(read_prefix(str(prefix)))) == ["python"]


def test_a_package_that_conda_names_otherwise_is_condas(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    add_record(prefix, "linux-64", "python-flatbuffers", "24.3.25", "0", distribution="flatbuffers")
    add_record(prefix, "linux-64", "msgpack-python", "1.0.7", "0", distribution="msgpack")
    env = read_prefix(str(prefix))
    assert names(env)["flatbuffers"] == ("24.3.25", "conda") and "msgpack" not in names(env)


@pytest.mark.parametrize(("tag", "codes"), [("cp310-cp310", set()), ("cp39-cp39", {"TFD201"}), ("", {"TFD201"})])
def test_a_tensorflow_that_somebody_built_for_this_python_is_for_it(tmp_path: Path, tag: str, codes: set[str]) -> None:
    # The index has wheels of 2.6 up to Python 3.9.
    prefix = make_prefix(tmp_path / "env", "linux-64")
    add_dist(prefix, "tensorflow", "2.6.5")
    wheel = next(site_packages(prefix, "linux-64").glob("tensorflow-*")) / "WHEEL"
    wheel.write_text(f"Wheel-Version: 1.0\nTag: {tag}-linux_x86_64\n" if tag else "Wheel-Version: 1.0\n")
    env = read_prefix(str(prefix))
    assert env.python.minor == "3.10"
    found = {finding.code for finding in diagnose(env, load_matrix()).findings if finding.severity == "error"}
    assert found & {"TFD201", "TFD902"} == codes
    if tag:
        assert env.pip("tensorflow").constrains == (f"python ==3.{tag[3:].partition('-')[0]}.*",)  # type: ignore[union-attr]

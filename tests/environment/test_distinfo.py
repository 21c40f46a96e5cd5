"""What pip installed, whose it is where conda recorded it too, and what is left of older ones."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.prefix import read_prefix
from tools.prefixes import add_dist, add_record, make_prefix, site_packages


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
        (lambda folder: (folder / "INSTALLER").unlink(), False),
        (lambda folder: (folder / "INSTALLER").write_text("pip\n"), True),
        (lambda folder: (folder / "INSTALLER").write_text("uv"), True),
    ],
    ids=["conda", "unsaid", "pip", "uv"],
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
    (folder / "INSTALLER").write_text("pip\n")
    document = json.loads(path.read_text())
    for entry in document["paths_data"]["paths"]:
        if entry["_path"].endswith("INSTALLER"):
            entry["size_in_bytes"] = 4
    path.write_text(json.dumps(document, indent=2))
    assert read_prefix(str(prefix)).overwritten == set()
    (folder / "REQUESTED").write_text("")  # only pip writes that, for what the user named
    assert read_prefix(str(prefix)).overwritten == {"numpy"}


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

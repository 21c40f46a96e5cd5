"""What pip can install where, by the table of the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

from conda_tf_doctor.matrix import compiled
from conda_tf_doctor.matrix.load import load_matrix
from tests.wine import no_index
from tools.package_index import File, Index
from tools.wheel_table import coverage, entries

PLATFORMS = "win-64 linux-64 linux-aarch64 osx-64 osx-arm64"


@pytest.mark.parametrize(
    ("release", "platform", "pythons", "others"),
    [
        ("numpy 1.26.4", "win-64", "3.9 3.10 3.11 3.12 3.12.7", "3.8 3.13"),
        ("numpy 1.26.4", "win-32", "", "3.11"),
        ("protobuf 3.20.3", "win-64", "3.7 3.12", "3.6"),
        ("protobuf 6.33.0", "linux-64", "3.9 3.13", "3.8"),
        ("six 1.16.0", "osx-arm64", "2.7 3.14", "3.2"),
        ("tensorflow-text 2.10.0", "win-64", "3.7 3.10", "3.11"),
        ("tensorflow-text 2.11.0", "win-64", "", "3.7 3.8 3.9 3.10"),
        ("nvidia-cudnn-cu12 9.3.0.75", "linux-64", "3.9 3.13", ""),
        ("nvidia-cudnn-cu12 9.3.0.75", "osx-arm64", "", "3.9 3.13"),
        ("gast 0.2.2", "linux-64", "", "3.7"),
        ("tensorflow 2.10.1", "win-64", "3.7 3.10", "3.6 3.11"),
        ("tensorflow 2.10", "win-64", "3.7 3.10", "3.6 3.11"),
        ("tensorflow-intel 2.15.0", "linux-64", "", "3.11"),
        ("tensorflow-gpu 2.12.0", "linux-64", "", "3.10"),
        ("tensorflow-metal 1.2.0", "osx-arm64", "3.9 3.12", "3.8 3.13"),
    ],
)
def test_wheels_of_a_release(release: str, platform: str, pythons: str, others: str) -> None:
    name, version = release.split()
    wheels = load_matrix().wheels
    assert {python: wheels.has(name, version, platform, python) for python in f"{pythons} {others}".split()} == {
        **dict.fromkeys(pythons.split(), True),
        **dict.fromkeys(others.split(), False),
    }


@pytest.mark.parametrize(
    ("name", "version", "known"),
    [("our-own", "1.0", None), ("numpy", "99.0", None), ("numpy", "1.26.0rc1", None), ("numpy", "1.26.99", False)],
    ids=["package", "newer", "pre-release", "never-made"],
)
def test_what_the_table_does_not_have(name: str, version: str, known: bool | None) -> None:
    assert load_matrix().wheels.has(name, version, "linux-64", "3.11") is known


@pytest.mark.parametrize(
    ("name", "spec", "platform", "python", "newest"),
    [
        ("numpy", "<2", "win-64", "3.12", "1.26.4"),
        ("numpy", "<2", "win-64", "3.8", "1.24.4"),
        ("numpy", "<2", "win-64", "3.13", ""),
        ("numpy", "<2", "", "", "1.26.4"),
        ("protobuf", "<3.21", "win-64", "3.10.4", "3.20.3"),
        ("gast", "==0.2.2", "linux-64", "3.7", "0.2.2"),
        ("tensorflow", "<2.11", "win-64", "3.10", "2.10.1"),
        ("tensorflow-gpu", "", "win-64", "3.11", ""),
        ("tensorflow-io-gcs-filesystem", "", "win-64", "3.11", "0.31.0"),
        ("tensorflow-text", "", "win-64", "3.10", "2.10.0"),
        ("our-own", "", "linux-64", "3.10", ""),
    ],
)
def test_newest(name: str, spec: str, platform: str, python: str, newest: str) -> None:
    assert load_matrix().wheels.newest(name, spec, platform, python) == newest


def test_what_can_only_be_built_is_installable_and_no_wheel() -> None:
    wheels = load_matrix().wheels
    assert "0.2.2" in wheels.installable("gast", "linux-64", "3.7")
    assert wheels.newest("gast", "<0.4", "linux-64", "3.7") == "0.3.3"


def test_the_table_says_when_it_was_made() -> None:
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", load_matrix().table("wheels")["cut_off"])


def test_every_range_of_the_table_can_be_read() -> None:
    matrix = load_matrix()
    tables = compiled.split(compiled.read_documents(compiled.DATA))[1]
    for name in (table.partition("/")[2] for table in tables if table.startswith("wheels/")):
        releases = matrix.wheels.releases(name)
        assert releases
        for release in releases:
            for platforms, pythons in release.pythons.items():
                assert set(platforms.split()) <= {"any", "source", "win-arm64", *PLATFORMS.split()}, (name, release)
                assert re.fullmatch(r"((\d\.\d+(-\d\.\d+)?(, )?)+|[<>=!~][^|]*)( \| [<>=!~][^|]*)?", pythons), release


def file(name: str, requires_python: str = "") -> File:
    if not name.endswith(".whl"):
        return File(name, "", "1.0", requires_python, "", False)
    _, version, _, tags = parse_wheel_filename(name)
    return File(name, "", str(version), requires_python, "", False, tags)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (
            "p-1.0-cp39-cp39-win_amd64.whl p-1.0-cp310-cp310-win_amd64.whl p-1.0-cp312-cp312-win_amd64.whl",
            {"win-64": "3.9-3.10, 3.12"},
        ),
        ("p-1.0-cp39-abi3-win_amd64.whl p-1.0-cp38-cp38-win_amd64.whl", {"win-64": "3.8 | >=3.9"}),
        ("p-1.0-cp313-cp313t-win_amd64.whl p-1.0-pp39-pypy39_pp73-win_amd64.whl p-1.0-cp39-cp39-win32.whl", {}),
        ("p-1.0-cp39-cp39-musllinux_1_2_x86_64.whl", {}),
        (
            "p-1.0-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl p-1.0-cp39-cp39-manylinux1_x86_64.whl",
            {"linux-64": "3.9"},
        ),
        ("p-1.0-cp39-cp39-macosx_11_0_universal2.whl", {"osx-64": "3.9", "osx-arm64": "3.9"}),
        ("p-1.0-py3-none-manylinux_2_27_aarch64.whl", {"linux-aarch64": ">=3.0"}),
        ("p-1.0-py2.py3-none-any.whl p-1.0.tar.gz p-1.0-cp39-cp39-win_amd64.whl", {"any": ">=2.7"}),
        ("p-1.0.tar.gz", {"source": ">=2.7"}),
    ],
    ids=["gap", "abi3", "none-of-ours", "musl", "linux", "universal", "any-python", "any-platform", "source"],
)
def test_coverage_by_the_names_of_files(files: str, found: dict[str, str]) -> None:
    assert coverage(file(name) for name in files.split()) == found


@pytest.mark.parametrize(
    ("wheel", "requires_python", "found"),
    [
        ("p-1.0-cp312-cp312-win_amd64.whl", ">=3.9,<3.12", {}),
        ("p-1.0-cp37-abi3-win_amd64.whl", ">=3.9", {"win-64": ">=3.9"}),
        ("p-1.0-cp39-abi3-win_amd64.whl", ">=3.8, <3.13", {"win-64": ">=3.9,<3.13"}),
        ("p-1.0-py3-none-any.whl", ">=3.7, !=3.8.1", {"any": ">=3.7,!=3.8.1"}),
    ],
)
def test_coverage_by_requires_python(wheel: str, requires_python: str, found: dict[str, str]) -> None:
    assert coverage([file(wheel, requires_python)]) == found


def test_releases_that_agree_are_one_entry_and_others_are_left_out() -> None:
    names = ["p-1.0-py3-none-any.whl", "p-1.1-py3-none-any.whl", "p-1.2rc1-py3-none-any.whl"]
    withdrawn = file("p-1.3-py3-none-any.whl")._replace(yanked=True)
    found = entries([*map(file, names), withdrawn, file("p-1.10-cp39-cp39-win_amd64.whl")])
    assert found == [{"versions": "1.0 1.1", "any": ">=3.0"}, {"versions": "1.10", "win-64": "3.9"}]


@no_index
@pytest.mark.network
def test_the_index_still_has_what_the_table_has() -> None:
    ours = {release.version for release in load_matrix().wheels.releases("wrapt")}
    assert ours <= {file.version for file in Index().files("wrapt")}


@no_index
@pytest.mark.network
def test_a_wheel_is_read_and_downloaded(tmp_path: Path) -> None:
    index = Index()
    one = next(file for file in index.files("six") if file.version == "1.16.0" and file.tags)
    assert index.metadata(one)["Name"] == "six"
    assert index.download(one, tmp_path).stat().st_size > 10_000

"""The derived form: agrees with the YAML, follows it, and is read piece by piece."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from conda_tf_doctor.matrix import compiled, load
from conda_tf_doctor.matrix.compiled import DATA
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.matrix.model import Build, canonical, from_row


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A matrix package of its own, whose data may be changed."""
    target = tmp_path / "matrix"
    shutil.copytree(Path(DATA).parent, target, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [*(target / "data").glob("*.yaml"), *(target / "data" / "releases").iterdir()]:
        if path.name not in ("shared.yaml", "tensorflow-metal-1.2.0.yaml", "conda-defaults.yaml", "drivers.yaml"):
            path.unlink()
    compiled.write(str(target / "data"))
    return target / "data"


def test_derived_form_and_yaml_agree() -> None:
    rows, tables = compiled.split(compiled.read_documents(DATA))
    matrix = load_matrix()
    assert {build.id: build for build in matrix.builds()} == {row["id"]: from_row(dict(row)) for row in rows}
    for name, table in tables.items():
        assert matrix.table(name) == table


def test_derived_form_is_portable_text() -> None:
    content = Path(DATA, compiled.FILE_NAME).read_bytes()
    assert content.isascii()
    for line in content.splitlines():
        json.loads(line)


@pytest.mark.parametrize(
    ("asked", "found"),
    [("2.10", "2.10.0"), ("2.10.0", "2.10.0"), ("2.12.0-rc0", "2.12.0rc0"), ("v2.15.0.post1", "2.15.0.post1")],
)
def test_builds_matches_versions_as_pep_440_has_it(asked: str, found: str) -> None:
    assert {build.tensorflow for build in load_matrix().builds("tensorflow", asked, "pypi")} == {found}


@pytest.mark.parametrize("spelling", ["2.0.0-alpha0", "2.0.0a0", "2.0a0", "2.0.0.alpha.0"])
def test_canonical_has_one_text_for_all_spellings(spelling: str) -> None:
    assert canonical(spelling) == "2a0"


@pytest.mark.parametrize("version", ["9.9.9", "0", "not-a-version"])
def test_builds_of_unknown_versions(version: str) -> None:
    assert load_matrix().builds("tensorflow", version, "pypi") == []


def test_builds_filters() -> None:
    matrix = load_matrix()
    assert {build.platform for build in matrix.builds("tensorflow", "2.10.0", "pypi", "win-64")} == {"win-64"}
    assert {build.channel for build in matrix.builds("tensorflow-base", "2.10.0")} == {"conda-forge", "defaults"}
    assert [build.kind for build in matrix.builds("tensorflow-gpu", "2.12.0", platform="linux-64")] == ["empty"]


def test_versions_are_sorted_and_filtered() -> None:
    matrix = load_matrix()
    found = matrix.versions("tensorflow", platform="win-64", python="3.12")
    assert found[0] == "2.16.0rc0"
    assert found.index("2.18.0rc2") < found.index("2.18.0") < found.index("2.18.1")
    assert "2.12.0" not in matrix.versions("tensorflow-gpu")
    assert matrix.versions("tensorflow", "conda-forge", "win-64")[-1] == "1.14.0"
    assert matrix.versions("tensorflow", platform="win-32") == []


@pytest.mark.parametrize(
    ("filters", "versions"),
    [
        ({"tensorflow": "2.10", "platform": "win-64", "channel": "pypi", "distribution": "tensorflow-gpu"}, 6),
        ({"tensorflow": ">=2.10.0,<=2.10.1", "platform": "win-64", "distribution": "tensorflow-gpu"}, 2),
        ({"variant": "cuda112", "tensorflow": "2.11", "channel": "conda-forge"}, 2),
        ({"python": "3.12.4", "tensorflow": "2.15"}, 0),
    ],
    ids=["prefix", "range", "variant", "python"],
)
def test_rows_filters(filters: dict[str, str], versions: int) -> None:
    assert len({build.tensorflow for build in load_matrix().rows(**filters)}) == versions


@pytest.mark.parametrize("cuda", ["10.1", "11.4", "12.5"])
def test_rows_that_work_with_a_cuda(cuda: str) -> None:
    rows = load_matrix().rows(cuda=cuda)
    assert rows
    assert all(row.variant == "gpu" for row in rows)


@pytest.mark.parametrize(
    ("build", "matches"), [("cuda112py310he87a039_0", True), ("cpu_py310hd1aba9c_0", False), ("", False)]
)
def test_build_strings(build: str, matches: bool) -> None:
    rows = load_matrix().rows(tensorflow="2.11.0", channel="conda-forge", variant="cuda112")
    assert any(row.has_build_string(build) for row in rows) is matches


def test_edited_yaml_is_read_again(package: Path) -> None:
    file = package / "releases" / "tensorflow-metal-1.2.0.yaml"
    assert load._open(str(package)).builds("tensorflow-metal", "1.2.0")[0].macos == "12.1"
    text = file.read_text(encoding="utf-8")
    # Same size: neither does the length tell, nor must the clock.
    file.write_text(text.replace("macos: '12.1'", "macos: '15.9'"), encoding="utf-8")
    made = os.stat(package / compiled.FILE_NAME).st_mtime_ns
    os.utime(file, ns=(made + 1, made + 1))
    assert load._open(str(package)).builds("tensorflow-metal", "1.2.0")[0].macos == "15.9"


def test_new_and_removed_files_are_seen(package: Path) -> None:
    (package / "colours.yaml").write_text("sky: blue\n", encoding="utf-8")
    assert load._open(str(package)).table("colours") == {"sky": "blue"}
    (package / "drivers.yaml").unlink()
    assert load._open(str(package)).table("drivers") == {}


def test_newer_times_alone_cost_no_rebuild(package: Path) -> None:
    before = (package / compiled.FILE_NAME).read_bytes()
    later = os.stat(package / compiled.FILE_NAME).st_mtime_ns + 10**9
    for name in os.listdir(package):
        if name.endswith(".yaml"):
            os.utime(package / name, ns=(later, later))
    header = json.loads(before.splitlines()[0])
    assert compiled.is_fresh(str(package), header, str(package / compiled.FILE_NAME))
    assert os.stat(package / compiled.FILE_NAME).st_mtime_ns >= later - 10**9
    assert (package / compiled.FILE_NAME).read_bytes() == before


@pytest.mark.parametrize(
    "damage", [b"", b"{", b'{"format": 0}\n', b"\xff\xfe\n"], ids=["empty", "cut", "old", "binary"]
)
def test_damaged_derived_form_is_made_anew(package: Path, damage: bytes) -> None:
    whole = (package / compiled.FILE_NAME).read_bytes()
    (package / compiled.FILE_NAME).write_bytes(damage)
    assert load._open(str(package)).versions("tensorflow-metal")[-1] == "1.2.0"
    assert (package / compiled.FILE_NAME).read_bytes() == whole


def test_a_derived_form_that_lost_its_end_is_made_anew(package: Path) -> None:
    whole = (package / compiled.FILE_NAME).read_bytes()
    (package / compiled.FILE_NAME).write_bytes(whole[: len(whole) * 2 // 3])
    assert load._open(str(package)).versions("tensorflow-metal")[-1] == "1.2.0"
    assert (package / compiled.FILE_NAME).read_bytes() == whole


def test_folder_without_derived_form_that_cannot_be_written_to(package: Path) -> None:
    (package / compiled.FILE_NAME).unlink()
    # Root writes everywhere; a folder in the file's place cannot be replaced by anyone.
    (package / compiled.FILE_NAME).mkdir()
    os.chmod(package, stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert load._open(str(package)).versions("tensorflow-metal")[-1] == "1.2.0"
        assert not [name for name in os.listdir(package) if name.startswith(f"{compiled.FILE_NAME}.")]
    finally:
        os.chmod(package, stat.S_IRWXU)


def test_fast_path_imports_nothing_heavy() -> None:
    load_matrix()  # makes the derived form anew if the YAML was edited
    code = (
        "import sys; from conda_tf_doctor.matrix.load import load_matrix;"
        "load_matrix().builds('tensorflow', '2.10.0', 'pypi', 'win-64'); load_matrix().table('drivers');"
        "print(*sorted(sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"ruamel", "packaging", "dataclasses", "pathlib", "inspect", "importlib.metadata", "jsonschema", "zlib"}
    ours = {name for name in output if name.startswith("conda_tf_doctor.")}
    baseline = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not heavy & (set(output) - set(baseline))
    assert "conda_tf_doctor.matrix.expand" not in ours


def test_rows_are_equal_and_printable() -> None:
    first, second = (load_matrix().builds("tensorflow", "2.10.0", "pypi", "win-64")[0] for _ in range(2))
    assert isinstance(first, Build)
    assert first == second
    assert json.loads(json.dumps(first.to_json()))["python"] == ["3.7", "3.8", "3.9", "3.10"]

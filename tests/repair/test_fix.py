"""``fix`` on environments that real conda made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.names import normalise
from conda_tf_doctor.repair.planner import Planner

from .conftest import SUBDIR, WINDOWS, site_of

SCHEMA = json.loads((files("conda_tf_doctor") / "schemas" / "fix.schema.json").read_text(encoding="utf-8"))
STACK = {
    "absl-py": "2.1.0", "astunparse": "1.6.3", "gast": "0.4.0", "google-pasta": "0.2.0", "opt-einsum": "3.3.0",
    "six": "1.16.0", "termcolor": "2.3.0", "typing-extensions": "4.12.2", "wrapt": "1.14.1", "grpcio": "1.62.3",
    "packaging": "23.2", "libclang": "16.0.6", "tensorflow-io-gcs-filesystem": "0.34.0", "flatbuffers": "23.5.26",
    "setuptools": "69.5.1",
}  # fmt: skip


def _case(python: str, tensorflow: str, *conda: str, subdir: str = "", **pip: str) -> dict[str, Any]:
    wheels = {name.replace("_", "-"): version for name, version in pip.items()}
    return {
        "python": python,
        "conda": conda,
        "pip": {**STACK, "tensorflow": tensorflow, **wheels},
        "subdir": subdir or None,
    }


# The environment, the code that is found, and the packages that have to change.
CASES: dict[str, tuple[dict[str, Any], str, dict[str, str]]] = {
    "cuda-too-new": (
        _case("3.8", "2.4.4", "cudatoolkit=11.8", "cudnn=8.1", numpy="1.19.5", protobuf="3.19.6", h5py="2.10.0"),
        "TFD301", {"cudatoolkit": "11.0"},
    ),
    "cudnn-too-new": (
        _case("3.10", "2.12.0", "cudatoolkit=11.8", "cudnn=9.3",
              numpy="1.23.5", protobuf="4.25.8", keras="2.12.0", h5py="3.10.0"),
        "TFD303", {"cudnn": "8."},
    ),
    "protobuf-too-new": (
        _case("3.10", "2.10.1", "protobuf=4.25", "numpy=1.23", keras="2.10.0", h5py="3.7.0"),
        "TFD604", {"protobuf": "3."},
    ),
    "numpy-2": (
        _case("3.11", "2.15.0", "numpy=2", "h5py=3.12", protobuf="4.25.8", keras="2.15.0", ml_dtypes="0.2.0"),
        "TFD603", {"numpy": "1."},
    ),
    "vc-runtime-too-old": (
        _case("3.11", "2.19.0", "vc14_runtime=14.29", subdir="win-64",
              numpy="1.26.4", protobuf="5.28.3", keras="3.5.0", h5py="3.11.0", ml_dtypes="0.5.3",
              namex="0.0.8", optree="0.13.0", rich="13.9.4", requests="2.32.3", tensorboard="2.19.0"),
        "TFD402", {"vc14_runtime": "14.4"},
    ),
}  # fmt: skip


def _made(make_env, fake_pip_install, case: dict[str, Any]) -> Path:
    prefix: Path = make_env("tf", f"python={case['python']}", *case["conda"], subdir=case["subdir"])
    recorded = {normalise(path.name.rsplit("-", 2)[0]) for path in (prefix / "conda-meta").glob("*.json")}
    for name, version in case["pip"].items():
        if name not in recorded:
            fake_pip_install(prefix, name, version)
    return prefix


@pytest.mark.parametrize(("case", "code", "expected"), CASES.values(), ids=CASES)
def test_from_broken_to_check_0(
    registry_conda, make_env, fake_pip_install, case, code: str, expected: dict[str, str]
) -> None:
    prefix = _made(make_env, fake_pip_install, case)
    result = registry_conda.doctor("fix", "-p", prefix, "--apply", "--yes", "--json")
    document = result.json()
    jsonschema.validate(document, SCHEMA)
    assert result.rc == 0, (document["message"], [f["message"] for f in document["findings_before"]])
    assert code in {f["code"] for f in document["findings_before"] if f["severity"] == "error"}
    assert {c["package"] for c in document["changes"]} == set(expected)
    records = registry_conda.records(prefix)
    for name, start in expected.items():
        assert records[name].startswith(start)
    assert registry_conda.doctor("check", "-p", prefix).rc == 0
    pins = (prefix / "conda-meta" / "pinned").read_text(encoding="utf-8")
    assert all(f"\n{name} " in pins for name in expected)
    planner = Planner(read_prefix(str(prefix)), load_matrix())
    assert planner.plan().changes == ()


def test_every_conda_and_solver_applies(conda, make_env, fake_pip_install) -> None:
    case, _, _ = CASES["numpy-2"]
    prefix = _made(make_env, fake_pip_install, case)
    result = conda.doctor("fix", "-p", prefix, "--apply", "--yes", "--json")
    assert result.rc == 0, result.json()["message"]
    assert result.json()["verified_by"] == "conda"
    assert conda.doctor("check", "-p", prefix).rc == 0


def test_gpu_on_native_windows_with_2_12(registry_conda, make_env, fake_pip_install) -> None:
    """The plan, carried out by hand, as its pip cannot run on another system."""
    case = _case(
        "3.10", "2.12.0", "cudatoolkit=11.2", "cudnn=8.1", subdir="win-64",
        tensorflow_intel="2.12.0", numpy="1.23.5", protobuf="3.20.3", keras="2.12.0", h5py="3.7.0",
    )  # fmt: skip
    prefix = _made(make_env, fake_pip_install, case)
    document = registry_conda.doctor("fix", "-p", prefix, "--dry-run", "--json", subdir="win-64").json()
    assert {"TFD305"} == {f["code"] for f in document["findings_before"] if f["severity"] == "error"}
    changes = {c["package"]: c["to"] for c in document["changes"]}
    assert changes["tensorflow"] == "2.10.1" and changes["tensorflow-intel"] is None
    site = prefix / "Lib" / "site-packages"
    for name, version in changes.items():
        if version:
            fake_pip_install(prefix, name, version)
        else:
            folder = next(site.glob(f"{name.replace('-', '_')}-*.dist-info"))
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
    assert registry_conda.doctor("check", "-p", prefix).rc == 0


def test_the_platform_is_the_environments_whatever_the_shell_says(registry_conda, make_env, fake_pip_install) -> None:
    case, _, expected = CASES["cuda-too-new"]
    prefix = _made(make_env, fake_pip_install, {**case, "subdir": "linux-64"})
    result = registry_conda.doctor("fix", "-p", prefix, "--dry-run", "--json", subdir="osx-arm64")
    assert {c["package"]: c["to"].startswith(expected[c["package"]]) for c in result.json()["changes"]} == {
        "cudatoolkit": True
    }


def test_keras_3_beside_2_15(registry_conda, make_env, fake_pip_install) -> None:
    case = _case("3.11", "2.15.0", "numpy=1.26", protobuf="4.25.8", keras="3.5.0", h5py="3.10.0", ml_dtypes="0.2.0")
    prefix = _made(make_env, fake_pip_install, case)
    document = registry_conda.doctor("fix", "-p", prefix, "--dry-run", "--json", "--to", "keras=2.15").json()
    assert [(c["package"], c["to"]) for c in document["changes"]] == [("keras", "2.15.0")]
    assert [part for command in document["commands"] for part in command if part.startswith("keras")] == [
        "keras==2.15.*"
    ]


# Writing pins


@pytest.fixture
def broken(make_env, fake_pip_install) -> Path:
    return _made(make_env, fake_pip_install, CASES["numpy-2"][0])


def _tree(prefix: Path) -> dict[str, bytes]:
    meta = prefix / "conda-meta"
    return {path.name: path.read_bytes() for path in meta.iterdir() if path.is_file() and ".lock" not in path.name}


def test_dry_run_writes_nothing(registry_conda, broken: Path) -> None:
    before = _tree(broken)
    result = registry_conda.doctor("fix", "-p", broken, "--dry-run")
    assert result.rc == 0
    assert "numpy 2." in result.out and "TFD603" in result.out and "+numpy " in result.out
    assert "Confirmed by conda" in result.out
    assert _tree(broken) == before


def test_pins_are_written_when_agreed_and_undone(registry_conda, broken: Path) -> None:
    file = broken / "conda-meta" / "pinned"
    file.write_text("# mine\nxz 5.*\n", encoding="utf-8")
    refused = registry_conda.run("tf-doctor", "fix", "-p", broken, stdin="n\n")
    assert refused.rc == 1 and file.read_text(encoding="utf-8") == "# mine\nxz 5.*\n"
    written = registry_conda.run("tf-doctor", "fix", "-p", broken, stdin="y\n")
    assert written.rc == 0
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# mine\nxz 5.*\n") and "\nnumpy >=" in text
    # Conda reads them, and leaves ours in force.
    assert registry_conda.records(broken)["numpy"].startswith("2.")
    assert registry_conda.run("update", "-p", broken, "-y", "-q", "numpy").rc == 0
    assert registry_conda.records(broken)["numpy"].startswith("1.26")
    undone = registry_conda.doctor("fix", "-p", broken, "--undo", "--json")
    jsonschema.validate(undone.json(), SCHEMA)
    assert undone.rc == 0 and file.read_text(encoding="utf-8") == "# mine\nxz 5.*\n"


def test_users_pin_that_conflicts_is_asked_about(registry_conda, broken: Path) -> None:
    file = broken / "conda-meta" / "pinned"
    file.write_text("numpy 2.*  # we need it\n", encoding="utf-8")
    refused = registry_conda.doctor("fix", "-p", broken, "--yes")
    assert refused.rc == 1
    told = " ".join(refused.out.split())  # how long a path is moves the ends of lines
    assert "Your pin 'numpy 2.*' (line 1" in told and "not touched" in told
    assert file.read_text(encoding="utf-8") == "numpy 2.*  # we need it\n"
    agreed = registry_conda.run("tf-doctor", "fix", "-p", broken, stdin="y\ny\n")
    assert agreed.rc == 0
    aside = "# conda-tf-doctor:aside-numpy%202.%2A%20%20%23%20we%20need%20it\n"
    assert file.read_text(encoding="utf-8").startswith(aside)


def test_frozen_environment_is_refused(registry_conda, broken: Path) -> None:
    (broken / "conda-meta" / "frozen").write_text('{"message": "Ask Ada."}', encoding="utf-8")
    before = _tree(broken)
    result = registry_conda.doctor("fix", "-p", broken, "--yes", "--json")
    assert result.rc == 1
    assert "is frozen" in result.json()["message"] and "It says: Ask Ada." in result.json()["message"]
    assert _tree(broken) == before
    assert registry_conda.doctor("fix", "-p", broken, "--dry-run").rc == 0


@pytest.mark.skipif(os.name != "posix", reason="users and modes of POSIX")
def test_without_permission_it_is_refused() -> None:
    # Not in pytest's own folder, which nobody else may look into; root may write everywhere, and so becomes nobody.
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        (folder / "conda-meta").mkdir()
        (folder / "conda-meta").chmod(0o555)
        code = (
            "import os, sys\nfrom conda_tf_doctor.repair.conda import check_writable\n"
            "os.getuid() or os.setuid(65534)\nprint(check_writable(sys.argv[1]))"
        )
        done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
        assert "You have no permission to write" in done.stdout
    finally:
        shutil.rmtree(folder)


def test_offline_says_that_the_plan_is_unverified(registry_conda, broken: Path) -> None:
    document = registry_conda.doctor("fix", "-p", broken, "--dry-run", "--json", "--offline").json()
    assert document["verified_by"] is None and document["unverified"]
    assert [c["package"] for c in document["changes"]] == ["numpy"]


def test_a_plan_is_never_one_that_the_channels_lack(registry_conda, broken: Path) -> None:
    document = registry_conda.doctor("fix", "-p", broken, "--dry-run", "--json", "--to", "numpy=1.25").json()
    assert document["conflict"]["demands"] == ["--to numpy=1.25"]
    assert document["changes"] == []


def test_a_conda_that_cannot_answer_refuses_no_plan(registry_conda, broken: Path) -> None:
    document = registry_conda.doctor(
        "fix", "-p", broken, "--dry-run", "--json", env={"CONDA_SOLVER": "not-installed"}
    ).json()
    assert document["unverified"].startswith("conda could not be asked"), document["unverified"]
    assert [(c["package"], c["to"]) for c in document["changes"]] == [("numpy", "1.26.4")]
    assert document["conflict"] is None


def test_all_environments(registry_conda, make_env, fake_pip_install, broken: Path) -> None:
    make_env("plain", "xz")
    result = registry_conda.doctor("fix", "--all-envs", "--dry-run", "--json")
    environments = result.json()["environments"]
    assert [document["target"]["path"] for document in environments] == [str(broken)]


def test_failing_apply_is_taken_back(conda, make_env, fake_pip_install) -> None:
    """Conda moves, pip fails: the packages are what they were, and the pins too."""
    case = {**CASES["numpy-2"][0], "subdir": SUBDIR}
    if WINDOWS:
        case["pip"] = {**case["pip"], "tensorflow-intel": "2.15.0"}
    broken = _made(make_env, fake_pip_install, case)
    site = site_of(broken)
    records, before = conda.records(broken), sorted(p.name for p in site.glob("*.dist-info"))
    # keras is pip's, and this Python does nothing, whatever it is told to do.
    result = conda.doctor("fix", "-p", broken, "--apply", "--yes", "--json", "--to", "keras=2.14")
    assert result.rc == 1
    document = result.json()
    assert "Everything was taken back" in document["message"], document["message"]
    assert document["applied"] is False
    assert conda.records(broken) == records
    assert sorted(p.name for p in site.glob("*.dist-info")) == before
    assert not (broken / "conda-meta" / "pinned").exists()
    assert not (broken / "conda-meta" / "tf-doctor-journal").exists()


def test_what_pip_cannot_do_here_is_refused_before_anything_is_touched(
    registry_conda, make_env, fake_pip_install
) -> None:
    foreign, beside = ("linux-64", ()) if WINDOWS else ("win-64", ("vc14_runtime=14.44",))
    prefix = make_env("tf", "python=3.11", *beside, subdir=foreign)
    fake_pip_install(prefix, "tensorflow", "2.15.0")
    fake_pip_install(prefix, "numpy", "2.0.2")

    def files() -> dict[Path, int]:
        found = (path for path in prefix.rglob("*") if path.is_file() and path.name != ".tf-doctor.lock")
        return {path: path.stat().st_mtime_ns for path in found}

    before = files()
    result = registry_conda.doctor("fix", "-p", prefix, "--apply", "--yes")
    assert result.rc == 1
    assert "does not start on this machine" in " ".join((result.out + result.err).split())
    assert files() == before

"""Repairs by pip with Windows' own Python: an environment that lives, broken, repaired, and taken back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.repair.conftest import PIP, SMALL, make_wheel
from tools.tiny_pe import make_dll
from tools.wheels import put_python, write_wheel

from .test_conda import call

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
# Without tensorflow-intel, which holds the binaries of 2.11 to 2.18.
TENSORFLOW = {"3.10": "2.10.1", "3.13": "2.20.0"}.get(MINOR, "2.19.0")
BESIDE = {
    "2.10.1": {"numpy": "1.23.5", "protobuf": "3.19.6", "keras": "2.10.0", "tensorflow-estimator": "2.10.0",
               "tensorboard": "2.10.1", "flatbuffers": "23.5.26", "h5py": "3.7.0"},
    "2.19.0": {"numpy": "1.26.4", "protobuf": "5.28.3", "keras": "3.5.0", "tensorboard": "2.19.0",
               "ml-dtypes": "0.5.3", "flatbuffers": "23.5.26", "h5py": "3.11.0"},
    "2.20.0": {"numpy": "2.1.3", "protobuf": "5.28.3", "keras": "3.10.0", "tensorboard": "2.20.0",
               "ml-dtypes": "0.5.3", "flatbuffers": "25.2.10", "h5py": "3.14.0"},
}[TENSORFLOW]  # fmt: skip
MAIN = "_pywrap_tensorflow_internal.pyd"
WRONG = {"protobuf": "3.19.6"} if TENSORFLOW != "2.10.1" else {"numpy": "2.0.2"}


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels with real names and versions and no payload, for pip without an index."""
    folder = tmp_path_factory.mktemp("wheels")
    for name, version in (*SMALL.items(), *BESIDE.items(), *WRONG.items()):
        make_wheel(folder, name, version)
    library = make_dll(folder / "unpacked.pyd", ["TF_Version"], {"KERNEL32.dll": ["Sleep"]})
    files = {"tensorflow/__init__.py": b"", f"tensorflow/python/{MAIN}": library.read_bytes()}
    requires = [f"{name}=={version}" for name, version in BESIDE.items()]
    write_wheel(folder, "tensorflow", TENSORFLOW, files=files, requires=requires)
    return folder


def pip(prefix: Path, wheelhouse: Path, requirements: Iterable[str]) -> None:
    """Install with the environment's own pip."""
    command = [str(prefix / "python.exe"), "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*command, "--find-links", str(wheelhouse), *requirements], check=True, capture_output=True)


@pytest.fixture(params=["conda", "python.org"])
def living(request: pytest.FixtureRequest, wheelhouse: Path, tmp_path: Path) -> Path:
    """A whole TensorFlow by pip but for one package, in a folder that cmd.exe would cut; as conda's, or without it."""
    prefix = tmp_path / "R&D ü" / "a b"
    put_python(prefix)
    site = prefix / "Lib" / "site-packages"
    for source in (PIP, *PIP.parent.glob("pip-*.dist-info")):
        shutil.copytree(source, site / source.name)
    if request.param == "conda":
        record = {"name": "python", "version": sys.version.split()[0], "build": "h0_0", "build_number": 0}
        record |= {"channel": "conda-forge", "subdir": "win-64", "depends": [], "files": [], "fn": "python.conda"}
        (prefix / "conda-meta").mkdir()
        (prefix / "conda-meta" / "history").touch()
        (prefix / "conda-meta" / f"python-{record['version']}-h0_0.json").write_text(json.dumps(record))
    stack = {"tensorflow": TENSORFLOW, **SMALL, **BESIDE, **WRONG}
    pip(prefix, wheelhouse, [f"{name}=={version}" for name, version in stack.items()])
    return prefix


def test_what_pip_installed_is_repaired_by_pip(living: Path, wheelhouse: Path) -> None:
    variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheelhouse.as_uri(), "PIP_NO_CACHE_DIR": "1"}

    def doctor(verb: str, *words: str) -> tuple[int, dict[str, object]]:
        status, out, err = call("tf-doctor", verb, "-p", str(living), "--json", *words, **variables)
        assert out, err
        return status, json.loads(out)

    status, found = doctor("check")
    (name,) = WRONG
    errors = [each for each in found["findings"] if each["severity"] == "error"]  # type: ignore[attr-defined]
    assert status == 1 and [each["package"] for each in errors] == [name], errors
    status, done = doctor("fix", "--apply", "--yes")
    assert (status, done["applied"]) == (0, True), done
    changes = [(each["package"], each["where"]) for each in done["changes"]]  # type: ignore[attr-defined]
    assert (name, "pip") in changes
    assert doctor("check")[0] == 0
    status, undone = doctor("fix", "--undo", "--yes")
    assert status == 0, undone
    assert f"{name}-{WRONG[name]}.dist-info" in {path.name for path in (living / "Lib" / "site-packages").iterdir()}

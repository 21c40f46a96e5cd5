"""A Windows environment of tiny DLLs that is whole: each test breaks one thing."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.images import executable
from tools.tiny_pe import make_dll

SITE = "Lib/site-packages"
MAIN = f"{SITE}/tensorflow/python/_pywrap_tensorflow_internal.pyd"
OTHER = f"{SITE}/tensorflow/python/_pywrap_tfe.pyd"
RUNTIME = ("msvcp140.dll", "msvcp140_1.dll", "vcruntime140.dll", "vcruntime140_1.dll")


def write_record(prefix: Path, folder: str = "tensorflow-2.10.0.dist-info") -> None:
    """Write RECORD for the files of TensorFlow as they are now."""
    site = prefix / SITE
    lines = []
    for path in sorted((site / "tensorflow").rglob("*")):
        if path.is_file():
            digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
            lines.append(f"{path.relative_to(site).as_posix()},sha256={digest},{path.stat().st_size}")
    (site / folder).mkdir(exist_ok=True)
    (site / folder / "RECORD").write_text("\n".join([*lines, f"{folder}/RECORD,,"]) + "\n")
    (site / folder / "INSTALLER").write_text("pip\n")
    (site / folder / "METADATA").write_text("Metadata-Version: 2.1\nName: tensorflow\nVersion: 2.10.0\n")


def write_conda(prefix: Path, name: str, version: str, build: str = "h0_0", **fields: object) -> Path:
    """Write a record into conda-meta."""
    record: dict[str, object] = {"build": build, "build_number": 0, "channel": "conda-forge", "depends": []}
    record |= {"name": name, "version": version, "subdir": "win-64", "files": [], **fields}
    path = prefix / "conda-meta" / f"{name}-{version}-{build}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(sorted(record.items())), indent=2))
    return path


def whole(prefix: Path) -> Path:
    """Make TensorFlow 2.10 by pip in a conda environment with Python 3.10 and runtime 14.29."""
    write_conda(prefix, "python", "3.10.4")
    (prefix / "python.exe").write_bytes(executable("win-64"))
    make_dll(prefix / "python310.dll", ["PyLong_FromLong"])
    for name in RUNTIME:
        make_dll(prefix / name, ["common", f"of_{name.split('.')[0]}"], version="14.29.30133.0")
    runtime = {name.upper(): ["common"] for name in RUNTIME if name != "msvcp140_1.dll"}
    make_dll(
        prefix / MAIN, ["TF_Version"], {"python310.dll": ["PyLong_FromLong"], "KERNEL32.dll": ["Sleep"], **runtime}
    )
    make_dll(prefix / OTHER, ["TFE"], {"_pywrap_tensorflow_internal.pyd": ["TF_Version"], **runtime})
    info = prefix / SITE / "tensorflow" / "python" / "platform" / "build_info.py"
    info.parent.mkdir()
    info.write_text("build_info = OrderedDict([('msvcp_dll_names', 'msvcp140.dll,msvcp140_1.dll')])\n")
    write_record(prefix)
    return prefix


@pytest.fixture(autouse=True)
def _looked_at_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, too, what its own System32 has decides nothing here: each test says what is there."""
    if sys.platform == "win32":
        for module in ("context.binaries", "cli.dlls"):
            monkeypatch.setattr(f"conda_tf_doctor.{module}.is_at_hand", lambda _: False)
        monkeypatch.setattr("conda_tf_doctor.environment.machine._vc_runtime", lambda _: "")


@pytest.fixture
def env(tmp_path: Path) -> Path:
    return whole(tmp_path / "env")


@pytest.fixture
def change(env: Path) -> Callable[[str, bytes], Path]:
    """`change(file, data) -> path` writes a file of the environment anew."""

    def write(file: str, data: bytes) -> Path:
        (env / file).parent.mkdir(parents=True, exist_ok=True)
        (env / file).write_bytes(data)
        return env / file

    return write

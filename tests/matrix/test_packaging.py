"""The wheel carries the derived form, made from the YAML that it carries."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from conda_tf_doctor.matrix import compiled
from conda_tf_doctor.matrix.compiled import DATA
from tests import wine

ROOT = Path(__file__).parents[2]
_NEEDED = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE")


@pytest.mark.slow
@pytest.mark.network
def test_wheel_carries_the_derived_form(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(
        ROOT / "conda_tf_doctor",
        source / "conda_tf_doctor",
        ignore=shutil.ignore_patterns("__pycache__", compiled.FILE_NAME),
    )
    for name in _NEEDED:
        shutil.copy(ROOT / name, source / name)
    # With what is installed already, where the package index is not reached.
    offline = ["--no-build-isolation"] if wine.HERE else []
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", *offline, "-w", tmp_path, source]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    data = tmp_path / "installed" / "conda_tf_doctor" / "matrix" / "data"
    target = data / compiled.FILE_NAME
    assert target.read_text(encoding="ascii") == compiled.compile_folder(DATA)
    header = json.loads(target.read_bytes().splitlines()[0])
    assert compiled.is_fresh(str(data), header, str(target))


def test_the_sdist_has_all_that_the_repository_has_for_its_readers(tmp_path: Path) -> None:
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns(".*", "__pycache__", compiled.FILE_NAME, "data")
    shutil.copytree(ROOT, source, ignore=ignored)
    for folder in ("matrix", "explain"):
        shutil.copytree(ROOT / "conda_tf_doctor" / folder / "data", source / "conda_tf_doctor" / folder / "data")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path / "dist")]
    expected = {path.name for path in source.iterdir()}
    subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    (sdist,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.split("/", 1)[1].split("/")[0] for name in archive.getnames()}
    assert held - {"PKG-INFO", ".gitignore"} == expected

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.condas import Conda


def test_conda_solves_and_links(conda: Conda, make_env: Callable[..., Path]) -> None:
    prefix = make_env("gpu", "python=3.10", "cudatoolkit=11.2", "cudnn=8.1", "numpy<2")
    records = conda.records(prefix)
    assert records["cudatoolkit"] == "11.2.2 hbe64b41_11"
    assert records["cudnn"].startswith("8.1.0.77")
    assert records["numpy"].startswith("1.26.4 py310")
    assert (prefix / "bin" / "python").read_bytes()[:4] == b"\x7fELF"
    assert (prefix / "lib/python3.10/site-packages/numpy-1.26.4.dist-info/INSTALLER").read_text() == "conda\n"


@pytest.mark.parametrize(("subdir", "machine"), [("win-64", 0x8664), ("win-32", 0x14C)])
def test_conda_makes_windows_prefixes(conda: Conda, make_env: Callable[..., Path], subdir: str, machine: int) -> None:
    prefix = make_env("windows", "python=3.9", subdir=subdir, channels=("defaults",))
    image = (prefix / "python.exe").read_bytes()
    header = int.from_bytes(image[0x3C:0x40], "little")
    assert int.from_bytes(image[header + 4 : header + 6], "little") == machine


def test_conda_knows_the_plugin(conda: Conda) -> None:
    result = conda.doctor("--help")
    assert result.rc == 0, result.err
    assert "tf-doctor" in result.out


def test_fake_pip_install_writes_what_pip_writes(
    registry_conda: Conda, make_env: Callable[..., Path], fake_pip_install: Callable[..., Path]
) -> None:
    prefix = make_env("pip", "python=3.10", "numpy=1.26")
    package_cache = sorted(registry_conda.packages.glob("numpy-1.26*/**/INSTALLER"))
    folder = fake_pip_install(prefix, "numpy", "2.0.2", requires=["a>=1"], files={"numpy/__init__.py": "version = 2\n"})
    rows = dict(row.split(",", 1) for row in (folder / "RECORD").read_text().splitlines())
    assert rows["numpy/__init__.py"].startswith("sha256=")
    assert (folder / "INSTALLER").read_text() == "pip\n"
    assert not list(folder.parent.glob("numpy-1.26.4.dist-info"))
    assert json.loads((prefix / "conda-meta" / "numpy-1.26.4-py310hb13e2d6_0.json").read_text())["name"] == "numpy"
    assert package_cache, "pip's work must not reach into conda's package cache"
    assert package_cache[0].read_text() == "conda\n"


def test_the_channel_is_the_same_when_built_again(channel: Path, tmp_path: Path) -> None:
    from tools.channel import write_channel
    from tools.recipes import read_builds

    write_channel(tmp_path, [build for build in read_builds() if build.record["name"] in ("python", "cudnn")])
    built = sorted(path for path in tmp_path.rglob("*.tar.bz2"))
    assert len(built) > 20
    for path in built:
        original = channel / path.relative_to(tmp_path)
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(original.read_bytes()).digest(), path.name

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools import wheels
from tools.condas import Conda

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


def _installed(site: Path) -> dict[str, tuple[str, ...]]:
    """Return what each file of an installation says, but for what tells when and by what it was made."""
    return {
        path.relative_to(site).as_posix(): tuple(sorted(path.read_text().splitlines()))
        for path in site.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and "pip" not in path.relative_to(site).parts[0]
    }


def test_the_writer_leaves_what_pip_leaves(tmp_path: Path, make_env: Callable[..., Path]) -> None:
    about = {"requires": ["packaging>=20", 'colorama; sys_platform == "win32"'], "requires_python": ">=3.7"}
    files = {"some_thing/__init__.py": "value = 1\n"}
    wheels.write_wheel(tmp_path / "wheels", "Some-Thing", "1.2", files=files, **about)
    # For this platform: its Python is to run.
    subdir = "win-64" if sys.platform == "win32" else None
    by_pip, by_us = (make_env(name, f"python={MINOR}", subdir=subdir) for name in ("by-pip", "by-us"))
    python = wheels.make_runnable(by_pip)
    command = [python, "-m", "pip", "install", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run([*command, "--find-links", tmp_path / "wheels", "Some-Thing"], check=True, capture_output=True)
    wheels.fake_pip_install(by_us, "Some-Thing", "1.2", files=files, **about)
    assert _installed(wheels.site_packages(by_us)) == _installed(wheels.site_packages(by_pip))


@pytest.mark.parametrize("version", ["2.10.0", "2.12.1", "2.15.0", "2.19.0"])
def test_tensorflow_comes_with_all_it_requires(
    version: str, make_env: Callable[..., Path], pip_install_tensorflow: Callable[..., Path]
) -> None:
    prefix = make_env("tensorflow", "python=3.10")
    pip_install_tensorflow(prefix, version)
    found = {d.metadata["Name"]: d for d in distributions(path=[str(wheels.site_packages(prefix))])}
    for text in found["tensorflow"].requires or []:
        need = Requirement(text)
        if need.marker is None or need.marker.evaluate({"platform_system": "Linux"}):
            assert need.specifier.contains(found[need.name].version), text


def test_windows_gets_tensorflow_intel(
    registry_conda: Conda, make_env: Callable[..., Path], pip_install_tensorflow: Callable[..., Path]
) -> None:
    prefix = make_env("windows", "python=3.10", subdir="win-64")
    pip_install_tensorflow(prefix, "2.15.0")
    folders = {path.name for path in (prefix / "Lib" / "site-packages").glob("tensorflow*.dist-info")}
    assert {"tensorflow-2.15.0.dist-info", "tensorflow_intel-2.15.0.dist-info"} <= folders
    wheel = (prefix / "Lib/site-packages/tensorflow_intel-2.15.0.dist-info/WHEEL").read_text()
    assert "Tag: cp310-cp310-win_amd64\n" in wheel

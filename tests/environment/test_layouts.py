"""The layouts in which Pythons come: where their interpreter and packages are, and what one types for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.cli.aim import aimed
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.site import command_of, find_site_packages, interpreter
from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.matrix.load import load_matrix
from tools.images import executable

STORE = "PythonSoftwareFoundation.Python.3.12_3.12.2800.0_x64__qbz5n2kfra8p0"
# Name → the folder's, the interpreter in it, what else is there, what one types (`{}`: the folder).
LAYOUTS = {
    "python.org": ("Python312", "python.exe", ["python312.dll", "Scripts/pip.exe"], "{}/python.exe"),
    "WinPython": ("WPy64-31241/python", "python.exe", ["python312.dll", "Scripts/pip.exe"], "{}/python.exe"),
    "embeddable": ("embedded", "python.exe", ["python312.dll", "python312._pth"], "{}/python.exe"),
    "venv": ("a b", "Scripts/python.exe", ["pyvenv.cfg"], "{}/Scripts/python.exe"),
    "MSYS2 venv": ("msys", "bin/python.exe", ["pyvenv.cfg"], "{}/bin/python.exe"),
    "Store": (STORE, "python.exe", ["python312.dll"], "python3.12"),
}


def laid_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str) -> Path:
    name, program, others, _ = LAYOUTS[layout]
    prefix = tmp_path / name
    for other in (program, *others):
        (prefix / other).parent.mkdir(parents=True, exist_ok=True)
        (prefix / other).touch()
    (prefix / program).write_bytes(executable("win-64"))
    if "pyvenv.cfg" in others:
        (prefix / "pyvenv.cfg").write_text("home = C:\\Python312\nversion = 3.12.4\n")
    (prefix / "Lib" / "site-packages").mkdir(parents=True)
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    packages = "Local/Packages/PythonSoftwareFoundation.Python.3.12_qbz5n2kfra8p0/LocalCache/local-packages"
    (tmp_path / packages / "Python312" / "site-packages").mkdir(parents=True)
    return prefix


@pytest.mark.parametrize("layout", LAYOUTS)
def test_interpreter_and_packages_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    prefix = laid_out(tmp_path, monkeypatch, layout)
    env = read_prefix(str(prefix), with_machine=False)
    assert (env.platform, env.python.minor, env.python.bits) == ("win-64", "3.12", 64)
    assert interpreter(str(prefix)) == LAYOUTS[layout][1]
    where = Path(find_site_packages(str(prefix), "3.12"))
    assert where.is_relative_to(tmp_path / "Local" if layout == "Store" else prefix) and where.name == "site-packages"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_command_names_the_interpreter_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    prefix = laid_out(tmp_path, monkeypatch, layout)
    typed = str(Path(LAYOUTS[layout][3].format(prefix)))
    assert command_of(str(prefix)) == typed
    packages = Path(find_site_packages(str(prefix), "3.12"))
    for name, version in (("tensorflow", "2.18.0"), ("numpy", "2.5.0")):
        info = packages / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    found = aimed(diagnose(read_prefix(str(prefix), with_machine=False), load_matrix())).findings
    commands = [command for finding in found for command in finding.fix.commands if "pip" in command]
    assert commands and {command[0] for command in commands} == {typed}


def test_the_folder_around_a_winpython_says_which_one_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = laid_out(tmp_path, monkeypatch, "WinPython")
    with pytest.raises(UsageError) as told:
        read_prefix(str(prefix.parent))
    assert str(told.value) == (
        f"{prefix.parent} is not an environment: it has neither a conda-meta folder nor a Python; "
        f"name its Python's folder, {prefix}."
    )

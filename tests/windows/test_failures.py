"""How Windows fails, and what is said and done then: each on the real system."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import conda_tf_doctor
from conda_tf_doctor.environment.facts import Environment, Python
from conda_tf_doctor.environment.machine import add_machine, system_folder
from conda_tf_doctor.matrix.compiled import DATA, FILE_NAME
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.text import Style
from conda_tf_doctor.workers import count
from tests.windows.test_conda import broken
from tests.wine import no_console

DOCTOR = [sys.executable, "-m", "conda_tf_doctor"]


def doctor(*words: str | Path, **options: object) -> tuple[int, str, str]:
    done = subprocess.run(  # type: ignore[call-overload]
        [*DOCTOR, *map(str, words)], capture_output=True, text=True, encoding="utf-8", check=False, **options
    )
    return done.returncode, done.stdout, done.stderr


def test_a_reader_that_has_gone_is_no_failure(tmp_path: Path) -> None:
    prefix = broken(tmp_path)
    with subprocess.Popen([*DOCTOR, "-p", prefix, "-vv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()
    assert (process.returncode, told) == (1, b"")


def test_a_folder_in_the_place_of_a_file_is_called_one(tmp_path: Path) -> None:
    status, out, err = doctor("check", "--file", tmp_path)
    assert (status, out) == (2, "") and f"{tmp_path} is a folder" in err


def test_a_derived_matrix_that_is_open_elsewhere_stops_nobody(tmp_path: Path) -> None:
    data = Path(shutil.copytree(Path(DATA).parent, tmp_path / "matrix")) / "data"
    rows = load_matrix(data=str(data)).ids()
    with open(data / FILE_NAME, "rb"):
        with open(data / "drivers.yaml", "a", encoding="utf-8") as file:
            file.write("# newer\n")
        assert load_matrix(data=str(data)).ids() == rows
    assert load_matrix(data=str(data)).ids() == rows
    # Whoever reads it now does not keep it open.
    os.replace(data / FILE_NAME, data / "moved.json")


@pytest.mark.parametrize(
    ("name", "why"), [("a?b.json", "allows none of"), ("report.", "drops a dot"), ("aux.json", "for a device")]
)
def test_a_name_that_windows_forbids_is_refused(tmp_path: Path, name: str, why: str) -> None:
    prefix = broken(tmp_path)
    status, out, err = doctor("report", "-p", prefix, "-o", tmp_path / name)
    assert (status, out) == (2, "") and why in err
    assert os.listdir(tmp_path) == ["R&D"]


def test_no_environment_is_made_under_a_name_of_a_device() -> None:
    status, out, err = doctor("create", "NUL", "--dry-run")
    assert (status, out) == (2, "") and "keeps that name for a device" in err


def test_a_prefix_on_a_server_is_read_and_named(tmp_path: Path) -> None:
    # The same folder by its long form, which begins as a server's does.
    prefix = "\\\\?\\" + str(broken(tmp_path))
    status, out, _ = doctor("check", "-p", prefix, "--json")
    document = json.loads(out)
    assert status == 1 and document["findings"][0]["code"] == "TFD201"
    assert any(f'"{prefix}"' in line for f in document["findings"] for line in f["fix"]["command_lines"])


def test_control_break_ends_as_control_c_does() -> None:
    program = (
        "import signal, sys, time; from conda_tf_doctor.cli import main, check\n"
        "check.execute = lambda args: (signal.raise_signal(signal.SIGBREAK), time.sleep(9))\n"
        "sys.exit(main.console(['check']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "Interrupted.")


def test_what_understands_no_escape_sequence_gets_none() -> None:
    class Console:
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

        def fileno(self) -> int:
            return self.file.fileno()

        def __init__(self, path: str) -> None:
            self.file = open(path, "w")  # noqa: SIM115

    # NUL says that it is a terminal, and is no console.
    assert not Style.of(Console("NUL"), {}).colour  # type: ignore[arg-type]


def test_never_more_processes_than_windows_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 128)
    assert count(0) == count(500) == 60


def test_the_user_site_of_a_32_bit_python_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUSERBASE", str(tmp_path))
    monkeypatch.delenv("PYTHONNOUSERSITE", raising=False)
    for folder, version in (("Python312", "2.0.0"), ("Python312-32", "1.26.4")):
        (tmp_path / folder / "site-packages" / f"numpy-{version}.dist-info").mkdir(parents=True)
    found = {}
    for machine in ("x86_64", "x86"):
        env = Environment("prefix", "tf", "win-64")
        env.python = Python("3.12.1", 64 if machine == "x86_64" else 32, machine, "")
        add_machine(env)
        found[machine] = [(package.name, package.version) for package in env.user_site]
    assert found == {"x86_64": [("numpy", "2.0.0")], "x86": [("numpy", "1.26.4")]}


def test_the_systems_runtime_is_read_for_either_bitness(monkeypatch: pytest.MonkeyPatch) -> None:
    for machine, name in (("x86_64", "System32"), ("x86", "SysWOW64")):
        assert os.path.basename(system_folder(machine)) == name
        env = Environment("prefix", "tf", "win-64")
        env.python = Python("3.12.1", 0, machine, "")
        add_machine(env)
        there = os.path.isfile(os.path.join(system_folder(machine), "msvcp140.dll"))
        assert (env.system.vc_runtime not in ("", "missing")) == there


def test_the_redistributable_is_read_from_the_registry(tmp_path: Path) -> None:
    import winreg

    key = r"SOFTWARE\Microsoft\VisualStudio\14.0\VC\Runtimes\x64"
    access = winreg.KEY_ALL_ACCESS | winreg.KEY_WOW64_32KEY  # type: ignore[attr-defined]
    with winreg.CreateKeyEx(winreg.HKEY_LOCAL_MACHINE, key, 0, access) as opened:  # type: ignore[attr-defined]
        for name, value in (("Installed", 1), ("Major", 14), ("Minor", 42), ("Bld", 34433)):
            winreg.SetValueEx(opened, name, 0, winreg.REG_DWORD, value)  # type: ignore[attr-defined]
    try:
        env = Environment("prefix", "tf", "win-64")
        env.python = Python("3.12.1", 64, "x86_64", "")
        add_machine(env)
        assert env.system.vc_redistributable == "14.42.34433"
    finally:
        winreg.DeleteKeyEx(winreg.HKEY_LOCAL_MACHINE, key, access)  # type: ignore[attr-defined]


# A repair runs a program, which runs another one.
RUNS = {
    "repair.py": "import sys\nfrom conda_tf_doctor.repair.children import run\nrun([sys.executable, *sys.argv[1:]])",
    "child.py": "import subprocess, sys\nsubprocess.run([sys.executable, *sys.argv[1:]])",
    "beats.py": "import sys, time\nwhile True:\n    open(sys.argv[1], 'a').write('x')\n    time.sleep(0.2)",
}


def test_what_a_repair_runs_ends_with_it(tmp_path: Path) -> None:
    for name, text in RUNS.items():
        (tmp_path / name).write_text(text)
    beats = tmp_path / "beats"
    environ = {**os.environ, "PYTHONPATH": str(Path(conda_tf_doctor.__file__).parent.parent)}
    with subprocess.Popen([sys.executable, *(tmp_path / name for name in RUNS), beats], env=environ) as repair:
        until = time.monotonic() + 60
        while not beats.exists() and time.monotonic() < until:
            time.sleep(0.1)
        repair.kill()  # as the task manager ends it: nothing of it runs any more
    time.sleep(1)
    size = beats.stat().st_size
    time.sleep(1)
    assert beats.stat().st_size == size


@no_console
def test_an_old_console_is_told_to_understand_colour() -> None:
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    if not kernel.GetConsoleWindow():
        assert kernel.AllocConsole()
    with open("CONOUT$", "w", encoding="utf-8") as console:
        assert Style.of(console, {"TERM": "xterm"}).colour == console.isatty()
        assert not Style.of(console, {"TERM": "dumb"}).colour and not Style.of(console, {"NO_COLOR": "1"}).colour


def test_what_conda_writes_in_the_code_page_is_read(tmp_path: Path) -> None:
    """Conda 24 writes environments.txt and .condarc by `open(path, "w")`; a user Jörg has his name in each line."""
    home, prefix = tmp_path / "Jörg", broken(tmp_path / "Jörg")
    (home / ".conda").mkdir()
    (home / ".conda" / "environments.txt").write_text(f"{prefix}\n", encoding="mbcs")
    other = home / "Umgebungen für alle" / "zweite"
    shutil.copytree(prefix, other)
    (home / ".condarc").write_text(f"envs_dirs:\n- {other.parent}\n", encoding="mbcs")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONDA")}
    for folder in (prefix, other):
        status, out, err = doctor("check", "-n", folder.name, "--json", env={**kept, "USERPROFILE": str(home)})
        assert (status, err) == (1, "") and json.loads(out)["target"]["path"] == str(folder)

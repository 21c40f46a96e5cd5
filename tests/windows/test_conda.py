"""Real conda for Windows with the plugin: it is found, it checks, and it warns in one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from conda_tf_doctor.programs import conda_command
from tools.workshop import ROOT


def call(*words: str, **variables: str) -> tuple[int, str, str]:
    """Run this Python's conda."""
    # The suite's own world is Linux'.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONDA_")}
    # What Python 3.13 has to say of conda 24.7 itself, where it writes a line of its log.
    warnings = "ignore::FutureWarning:conda.gateways.logging"
    environ = {**kept, "CONDA_OFFLINE": "true", "PYTHONWARNINGS": warnings, **variables}
    done = subprocess.run([sys.executable, "-m", "conda", *words], env=environ, capture_output=True, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def broken(tmp_path: Path) -> Path:
    """TensorFlow 2.10 by pip beside numpy 2 and Python 3.12, under a name that cmd.exe would cut."""
    prefix = tmp_path / "R&D" / "a b"
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta" / "history").touch()
    record = {"name": "python", "version": "3.12.1", "build": "h0_0", "build_number": 0, "channel": "conda-forge"}
    record |= {"subdir": "win-64", "depends": [], "files": [], "fn": "python-3.12.1-h0_0.conda"}
    (prefix / "conda-meta" / "python-3.12.1-h0_0.json").write_text(json.dumps(record))
    for name, version in (("tensorflow", "2.10.0"), ("numpy", "2.0.0")):
        info = prefix / "Lib" / "site-packages" / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return prefix


def test_the_plugin_checks(tmp_path: Path) -> None:
    prefix = broken(tmp_path)
    status, out, err = call("tf-doctor", "check", "-p", str(prefix), "--json")
    document = json.loads(out)
    assert (status, err) == (1, "")
    assert document["target"]["platform"] == "win-64" and document["findings"][0]["code"] == "TFD201"
    lines = [line for finding in document["findings"] for line in finding["fix"]["command_lines"]]
    assert lines and all(f'"{prefix}"' in line for line in lines if " -p " in line)


def test_the_text_names_the_folder_as_cmd_reads_it(tmp_path: Path) -> None:
    prefix = broken(tmp_path)
    status, out, _ = call("tf-doctor", "-p", str(prefix))
    assert status == 1
    assert f'conda tf-doctor fix --apply -p "{prefix}"' in out


def test_conda_itself_works_with_the_plugin() -> None:
    status, out, err = call("info", "--json")
    assert (status, err) == (0, "") and json.loads(out)["platform"] == "win-64"


def test_a_batch_file_is_not_what_is_started(tmp_path: Path) -> None:
    (tmp_path / "condabin").mkdir()
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "condabin" / "conda.bat").write_text("@exit 1\n")
    (tmp_path / "python.exe").write_bytes(b"")
    found = conda_command("", str(tmp_path / "condabin"))
    assert found == [str(tmp_path / "python.exe"), "-m", "conda"]


def test_the_demo_of_the_readme_runs_in_a_folder_of_any_name(tmp_path: Path) -> None:
    """A blank, a letter of the code page and two outside it, typed into cmd by somebody who has set nothing."""
    folder = tmp_path / "Jörgs Projekte 環境"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    done = subprocess.run(
        ["cmd", "/d", "/c", "python", "dev.py", "demo", "vc-runtime-old"], cwd=folder, capture_output=True, check=False,
        env={**os.environ, "PATH": path, "PYTHONUTF8": "0"},
    )  # fmt: skip
    told = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, told + done.stderr.decode("utf-8", "replace")
    assert "ok      TensorFlow 2.19 on Windows" in told and f'fix --apply -p "{folder}' in told

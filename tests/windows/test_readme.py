"""The README's two commands as a new user types them into cmd.exe, in a folder with blanks and letters of the world."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.workshop import ROOT


def typed(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line in cmd.exe, in a folder, with this Python first on PATH."""
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent};{os.environ['PATH']}", "PYTHONUTF8": "0"}
    environ.pop("PYTHONPATH", None)
    return subprocess.run(
        ["cmd", "/d", "/c", line], cwd=folder, env=environ, capture_output=True, text=True, encoding="utf-8",
        errors="replace", check=False,
    )  # fmt: skip


def test_demo_and_test_run_where_people_put_them(tmp_path: Path) -> None:
    place = tmp_path / "Jörgs Projekte 環境" / "conda tf doctor"
    shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(".git", ".dev", "__pycache__"))
    shown = typed(place, "python dev.py demo")
    assert shown.returncode == 0, f"{shown.stdout[-3000:]}\n{shown.stderr}"
    assert all(code in shown.stdout for code in ("TFD201", "TFD301", "OK: no error")), shown.stdout
    tested = typed(place, "python dev.py test tests/test_versions.py -q -n 0")
    assert tested.returncode == 0 and " passed" in tested.stdout, tested.stderr

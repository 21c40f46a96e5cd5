"""What no user should meet and some will: no standard output, and a fault of this program itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor import engine
from conda_tf_doctor.cli.main import console
from tools.prefixes import add_dist, make_prefix


@pytest.fixture
def broken(tmp_path: Path) -> str:
    prefix = make_prefix(tmp_path / "env", "win-64", "3.12.1")
    add_dist(prefix, "tensorflow", "2.10.0")
    return str(prefix)


@pytest.mark.parametrize("more", [[], ["--json"], ["-v"]], ids=["text", "json", "verbose"])
@pytest.mark.skipif(os.name == "nt", reason="a shell's way to close a stream")
def test_without_standard_output_the_exit_status_answers(broken: str, more: list[str]) -> None:
    command = [sys.executable, "-m", "conda_tf_doctor", "check", "-p", broken, *more]
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_fault_of_its_own_is_one_line(
    broken: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("a\nfault")

    monkeypatch.setattr(engine, "diagnose", fail)
    assert console(["check", "-p", broken, "--json"]) == 2
    out, err = capsys.readouterr()
    assert "KeyError" in json.loads(out)["error"] and err.count("\n") == 1 and "Traceback" not in err
    assert console(["check", "-p", broken, "-vv"]) == 2
    assert "Traceback" in capsys.readouterr().err

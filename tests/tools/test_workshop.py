from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import condas, recipes, wheels, workshop

HOLDER = """
import sys
sys.path.insert(0, sys.argv[1])
from tools import workshop
with workshop.locked("test-lock"):
    print("held", flush=True)
    # Outlives this process when that is killed, and holds the lock with it.
    workshop.run([sys.executable, "-c", "import time; time.sleep(1.5)"], "sleeping")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends what a process started with it")
def test_the_lock_is_held_by_what_a_killed_setup_left_running() -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, workshop.ROOT], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    time.sleep(0.3)
    holder.kill()
    holder.wait()
    began = time.monotonic()
    with workshop.locked("test-lock"):
        waited = time.monotonic() - began
    holder.stdout.close()
    assert waited > 0.5


def test_a_command_that_fails_says_what_was_being_done() -> None:
    with pytest.raises(workshop.WorkshopError, match=r"trying failed \(exit status 3\): all is lost"):
        workshop.run([sys.executable, "-c", "print('all is lost'); raise SystemExit(3)"], "trying")


def test_no_conda_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(workshop.WorkshopError, match="is no Python"):
        condas.interpreter_of(tmp_path / "conda")
    # That of the tests has one where nothing is made.
    python = wheels.put_python(tmp_path) if os.environ.get(workshop.READY) else sys.executable
    with pytest.raises(workshop.WorkshopError, match=r"is no conda of 24\.7 or later"):
        condas.installation(python)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{version: 1.0.0, build: h0_0, on: [linux-64], depend: [zlib]}", "unknown field depend"),
        ("{versions: [1.0.0, 1.0.0], build: h0_0, on: [linux-64]}", "is there twice"),
    ],
    ids=["unknown-field", "twice"],
)
def test_wrong_channel_data_is_refused(tmp_path: Path, entry: str, message: str) -> None:
    (tmp_path / "wrong.yaml").write_text(f"channel: inhouse\nzlib: [{entry}]\n")
    with pytest.raises(ValueError, match=message):
        recipes.read_builds(tmp_path)


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), (["no-such-command"], 2), ([], 2)])
def test_the_door_knows_its_commands(arguments: list[str], status: int) -> None:
    command = [sys.executable, workshop.ROOT / "dev.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    for verb in ("demo", "test", "lint", "refresh-matrix"):
        assert verb in done.stdout + done.stderr

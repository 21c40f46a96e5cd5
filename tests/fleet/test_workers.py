"""One thing that fails, hangs or takes all memory costs a pool of processes nothing but that thing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conda_tf_doctor.workers import Failed, run

# What processes are given has to be importable there.
TASKS = """
import os, time
def work(item):
    if item == "hang": time.sleep(600)
    if item == "die": os._exit(7)
    if item == "raise": raise ValueError("no such thing")
    if item == "eat": return len(bytearray(16 << 30))
    return item.upper()
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    (tmp_path / "tasks_of_a_test.py").write_text(TASKS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import tasks_of_a_test  # type: ignore[import-not-found]

    return tasks_of_a_test.work


def test_what_fails_is_a_result(work: object) -> None:
    items = ["a", "die", "b", "raise", "hang", "c", "eat", "d"]
    found = dict(run(work, items, jobs=2, seconds=5, memory=4 << 30))  # type: ignore[arg-type]
    assert {item: found[item] for item in "abcd"} == {"a": "A", "b": "B", "c": "C", "d": "D"}
    assert found["die"] == Failed("its process ended (exit status 7)")
    assert found["raise"] == Failed("ValueError: no such thing")
    assert found["hang"] == Failed("it took longer than 5 s")
    assert isinstance(found["eat"], Failed) or sys.platform != "linux"


def test_no_more_is_taken_than_is_worked_on(work: object) -> None:
    taken = []

    def items() -> object:
        for number in range(40):
            taken.append(number)
            yield "a"

    for done, _ in enumerate(run(work, items(), jobs=2), 1):  # type: ignore[arg-type]
        assert len(taken) <= done + 2
    assert len(taken) == 40


@pytest.mark.skipif(not hasattr(os, "fork"), reason="asks for processes as POSIX has them")
def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    (tmp_path / "tasks_of_a_test.py").write_text(
        "import os\ndef work(item):\n    open(item, 'w').write(str(os.getpid()))\n    return item\n",
        encoding="utf-8",
    )
    (tmp_path / "main.py").write_text(
        "import os, time\nfrom conda_tf_doctor.workers import run\nfrom tasks_of_a_test import work\n"
        "if __name__ == '__main__':\n    for item, _ in run(work, ['one', 'two'], jobs=2):\n"
        "        print(item, flush=True)\n        time.sleep(600)\n",
        encoding="utf-8",
    )
    root = Path(__file__).parents[2]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)])}
    with subprocess.Popen([sys.executable, "main.py"], cwd=tmp_path, env=environ, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        first = parent.stdout.readline().decode().strip()
        pid = int((tmp_path / first).read_text(encoding="utf-8"))
        parent.kill()
    until = time.monotonic() + 30
    while _lives(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _lives(pid)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return not (status.is_file() and "State:\tZ" in status.read_text(encoding="utf-8"))

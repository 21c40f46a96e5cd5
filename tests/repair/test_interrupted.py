"""A repair that is killed while it is carried out: the next run finishes it, or takes it back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conda_tf_doctor.repair import journal

from .conftest import Living, environ_of, site_of
from .test_apply import _with_tensorflow

# Runs the program and kills it when the journal says for the n-th time that a step begins.
KILLER = """
import os, signal, sys
limit, count = int(sys.argv[1]), 0
def hook(event, args):
    global count
    if event == "os.rename" and str(args[1]).endswith("tf-doctor-journal"):
        count += 1
        if count == limit + 1:
            # Windows knows no such signal: it ends the process there and then, with this exit status.
            os.kill(os.getpid(), getattr(signal, "SIGKILL", 9))
sys.addaudithook(hook)
from conda_tf_doctor.cli.main import console
raise SystemExit(console(sys.argv[2:]))
"""


KILLED = 9 if sys.platform == "win32" else -9
# A package that is broken beside that TensorFlow, and what the repair puts in its place.
BROKEN = {
    "3.10": ("numpy", "2.1.3", "1.26.4"),
    "3.11": ("numpy", "2.1.3", "1.26.4"),
    "3.12": ("keras", "2.15.0", "3.12.0"),
    "3.13": ("protobuf", "4.25.8", "6.33.5"),
}


@pytest.fixture(scope="module")
def worlds() -> dict[str, tuple[Living, Path]]:
    return {}


@pytest.fixture
def broken(living: Living, worlds: dict[str, tuple[Living, Path]]) -> tuple[Living, Path]:
    """An environment with another numpy, made once; each test gets a copy in the same place of its own world."""
    if not worlds:
        living.serves_others = True
        worlds["first"] = (living, _with_tensorflow(living, "{}=={}".format(*BROKEN[living.minor])))
    first, prefix = worlds["first"]
    copy = prefix.parent / f"copy{len(worlds)}"
    worlds[copy.name] = (first, copy)
    shutil.copytree(prefix, copy, symlinks=True)
    return first, copy


def _run(living: Living, prefix: Path, limit: int, *args: str) -> subprocess.CompletedProcess[str]:
    env = environ_of(living.conda) | living.variables
    command = [str(living.conda.python), "-c", KILLER, str(limit), "fix", "-p", str(prefix), *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=living.conda.home)


def _version(living: Living, prefix: Path) -> str:
    site = site_of(prefix)
    found = list(site.glob(f"{BROKEN[living.minor][0]}-*.dist-info"))
    assert len(found) == 1
    return found[0].name.split("-")[1].removesuffix(".dist")


@pytest.mark.parametrize("limit", range(len(journal.STEPS)), ids=journal.STEPS)
def test_killed_at_a_step_the_next_run_finishes(broken: tuple[Living, Path], limit: int) -> None:
    living, prefix = broken
    killed = _run(living, prefix, limit, "--apply", "--yes")
    assert killed.returncode == KILLED
    interrupted = journal.load(str(prefix))
    assert (interrupted.step if interrupted else None) == (journal.STEPS[limit - 1] if limit else None)
    following = _run(living, prefix, 99, "--apply", "--yes")
    assert following.returncode == 0, following.stderr
    if limit:
        assert "was interrupted in the step" in following.stdout
    assert journal.load(str(prefix)) is None
    assert _version(living, prefix) == BROKEN[living.minor][2]
    assert not [p for p in (prefix / "conda-meta").iterdir() if p.name.endswith(".new")]


def test_killed_the_next_run_takes_it_back_when_told(broken: tuple[Living, Path]) -> None:
    living, prefix = broken
    assert _run(living, prefix, journal.STEPS.index("check"), "--apply", "--yes").returncode == KILLED
    assert _version(living, prefix) == BROKEN[living.minor][2]
    undone = _run(living, prefix, 99, "--undo", "--yes")
    assert undone.returncode == 0
    assert _version(living, prefix) == BROKEN[living.minor][1]
    assert journal.load(str(prefix)) is None


def test_without_an_answer_an_interrupted_repair_waits(broken: tuple[Living, Path]) -> None:
    living, prefix = broken
    assert _run(living, prefix, 1, "--apply", "--yes").returncode == KILLED
    waiting = _run(living, prefix, 99, "--json")
    assert waiting.returncode == 1
    assert "finish it with --yes" in waiting.stdout
    assert journal.load(str(prefix)) is not None
    assert os.path.exists(prefix / "conda-meta" / "history")


def test_what_pip_left_midway_is_swept_away(broken: tuple[Living, Path]) -> None:
    """A full disk: pip puts the old version back, but not everything of the new one goes."""
    living, prefix = broken
    name, old, new_version = BROKEN[living.minor]
    site = site_of(prefix)
    rest = site / f"{name}-{new_version}.dist-info"
    rest.mkdir()
    (rest / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {new_version}\n", encoding="utf-8")
    (rest / "RECORD").write_text("", encoding="utf-8")
    (site / name / "__init__.py").write_text("half of the other version", encoding="utf-8")
    others = site / "mine-1.0.dist-info"
    others.mkdir()
    new = site / "mdurl-0.1.0.dist-info"
    new.mkdir()
    (new / "INSTALLER").write_text("pip\n", encoding="utf-8")
    (new / "METADATA").write_text("Metadata-Version: 2.1\nName: mdurl\nVersion: 0.1.0\n", encoding="utf-8")
    journal.Journal("now", journal.UNDOING, pip_before=(f"{name}=={old}",)).save(str(prefix))
    undone = _run(living, prefix, 99, "--yes")
    assert "undoing of a repair was interrupted" in " ".join(undone.stdout.split()), undone.stderr
    assert _version(living, prefix) == BROKEN[living.minor][1]
    assert others.is_dir() and not new.exists()
    assert old in (site / name / "__init__.py").read_text(encoding="utf-8")
    assert journal.load(str(prefix)) is None


def test_where_no_journal_can_be_written_nothing_is_begun(broken: tuple[Living, Path]) -> None:
    living, prefix = broken
    # As if the disk were full: the journal's file cannot come to be where a folder is in its way.
    (prefix / "conda-meta" / journal.NAME).mkdir()
    refused = _run(living, prefix, 99, "--apply", "--yes")
    assert refused.returncode == 2 and "cannot be read" in refused.stderr
    assert _version(living, prefix) == BROKEN[living.minor][1]

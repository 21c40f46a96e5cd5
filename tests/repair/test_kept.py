"""A repair and what it keeps: taken back byte by byte, without an index; killed anywhere, nothing is left by half."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.engine.diagnosis import Diagnosis
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.repair import journal, kept
from conda_tf_doctor.repair.apply import Applier
from conda_tf_doctor.repair.journal import Journal
from tests import wine
from tools.prefixes import add_dist

from .conftest import SMALL, WINDOWS, python_in, site_of
from .test_venv import broken, broken_venv, call, commands, no_conda, venv, wrong

__all__ = ["broken", "broken_venv", "no_conda", "venv"]
# How often a repair is killed; two hundred are in test_kills.py. Each takes wine a minute and more.
KILLS = 3 if wine.HERE else 12


def tree(prefix: Path) -> dict[str, str]:
    """Return the hash of every file of an environment but what Python compiled and the repair's own lock."""
    found = {}
    for path in prefix.rglob("*"):
        if path.is_file() and path.suffix != ".pyc" and path.name != ".tf-doctor.lock":
            found[path.relative_to(prefix).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_a_repair_is_taken_back_without_an_index(
    broken: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    patched = site_of(broken) / "tensorflow" / "__init__.py"
    # Listed in pip's RECORD and not there, as with the pip that some distributions ship.
    (broken / ("Scripts/pip3.exe" if WINDOWS else "bin/pip3")).unlink(missing_ok=True)
    before = tree(broken)
    status, document = call(capsys, "fix", "--apply", "-p", broken, "--yes")
    assert (status, document["applied"]) == (0, True)
    listed = call(capsys, "fix", "--history", "-p", broken)[1]["repairs"]
    assert [change["package"] for change in listed[0]["changes"]] == [c["package"] for c in document["changes"]]
    # Only what was replaced is kept.
    (record,) = journal.history(str(broken))
    assert list(kept.load(os.path.join(record.folder(str(broken)), journal.FILES))) == [
        change["package"] for change in document["changes"]
    ]
    patched.write_text(patched.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    monkeypatch.setenv("PIP_FIND_LINKS", (tmp_path / "nothing").as_uri())
    status, document = call(capsys, "fix", "--undo", "-p", broken)
    assert status == 0, document["message"]
    after = tree(broken)
    # What the user has written since stays.
    assert after.pop(patched.relative_to(broken).as_posix()) != before.pop(patched.relative_to(broken).as_posix())
    assert after == before
    assert console(["fix", "--undo", "-p", str(broken)]) == 2
    assert "nothing to undo" in capsys.readouterr().err


def test_an_index_that_refuses_is_known_before_anything_starts(
    broken: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = tree(broken)
    monkeypatch.setenv("PIP_FIND_LINKS", (tmp_path / "nothing").as_uri())
    status, document = call(capsys, "fix", "--apply", "-p", broken, "--yes")
    assert (status, document["applied"]) == (1, False)
    assert document["message"].startswith("Nothing was changed: pip's index has no version at all of ")
    assert tree(broken) == before


def test_what_pip_moves_untold_comes_back_where_there_are_no_links(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links keep all that pip owns; a copy is made of what the repair touches, told or not."""
    add_dist(venv, "tensorflow", "2.15.0", files={"tensorflow/__init__.py": "2.15"})
    add_dist(venv, "numpy", "2.1.3", files={"numpy/__init__.py": "2.1"})
    add_dist(venv, "attrs", "1.16.0", files={"attr/__init__.py": "1"})
    before = tree(venv)
    errors = tuple((f.code, f.package) for f in diagnose(read_prefix(str(venv)), load_matrix()).findings)

    def check() -> Diagnosis:
        add_dist(venv, "numpy", "1.26.4", files={"numpy/__init__.py": "1.26"})  # as pip would have moved it
        return diagnose(read_prefix(str(venv)), load_matrix())

    def refuse(source: str, target: str) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", refuse)
    record = Journal("2026-01-01T00:00:00", pip_uninstall=("attrs",), pip_along=("numpy",), errors_before=errors)
    assert Applier(str(venv), None, check, print).run(record).ok
    files = os.path.join(record.folder(str(venv)), journal.FILES)
    assert list(kept.load(files)) == ["attrs", "numpy"]
    assert kept.put_back(str(venv), files, ["attrs", "numpy"]) == []
    assert {path: of for path, of in tree(venv).items() if path in before} == before


def test_the_last_ten_repairs_are_kept(venv: Path) -> None:
    for number in range(12):
        record = journal.Journal(f"2026-01-{number + 1:02}T00:00:00.000000+00:00", changes=({"package": str(number)},))
        journal.file(str(venv), record)
    numbers = [record.changes[0]["package"] for record in journal.history(str(venv))]
    assert numbers == [str(number) for number in range(11, 1, -1)]


def test_what_a_killed_pip_left_is_told_first_and_cleaned(
    broken: Path, capsys: pytest.CaptureFixture[str], alive: tuple[str, str]
) -> None:
    """The state in which pip's uninstall was seen: dist-info renamed, half of the package still there."""
    name, version = wrong(alive).split("==")
    plan = console(["fix", "--dry-run", "-p", str(broken)])
    assert plan == 0
    owned = kept.owned_now(str(broken))
    record = journal.Journal(
        "2026-01-01T00:00:00.000000+00:00", "pip", pip_before=tuple(f"{n}=={o.version}" for n, o in owned.items()),
        pip_install=("numpy<2",) if name == "numpy" else (f"{name}>=5,<6",),
    )  # fmt: skip
    kept.keep(str(broken), os.path.join(record.folder(str(broken)), journal.FILES), owned, [name])
    record.save(str(broken))
    where = site_of(broken)
    (where / f"{name}-{version}.dist-info").rename(where / f"~{name[1:]}-{version}.dist-info")
    (where / f"~{name[1:]}.libs").mkdir()
    (where / name / "half.py").write_text("of the other version\n", encoding="utf-8")
    capsys.readouterr()
    status, document = call(capsys, "check", "-p", broken)
    assert (status, document["findings"][0]["code"]) == (1, "TFD904")
    status, document = call(capsys, "fix", "--apply", "-p", broken, "--yes")
    assert status == 0, document["message"]
    assert not [path.name for path in where.iterdir() if path.name.startswith("~")]
    assert not (where / name / "half.py").exists()
    assert len(list(where.glob(f"{name}-*.dist-info"))) == 1
    assert call(capsys, "check", "-p", broken)[0] == 0


def start(prefix: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "conda_tf_doctor", "fix", *words, "-p", str(prefix)]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def end(run: subprocess.Popen[bytes]) -> None:
    """Kill a repair outright, with what it started: on Windows that ends with it by itself."""
    if sys.platform == "win32":
        run.kill()
    else:
        os.killpg(run.pid, signal.SIGKILL)


@pytest.mark.slow
def test_killed_at_any_moment_the_next_run_finishes_or_takes_back(
    broken: Path, alive: tuple[str, str], capsys: pytest.CaptureFixture[str], record_property: Callable[..., None]
) -> None:
    """The whole group of processes is killed, pip included, at a random moment after the journal was written."""
    pristine = broken.with_name("pristine")
    shutil.copytree(broken, pristine, symlinks=True)
    before = tree(broken)
    name = wrong(alive).split("==")[0]
    chance = random.Random(7)
    begin = time.monotonic()
    assert start(broken, "--apply", "--yes").wait() == 0
    whole = time.monotonic() - begin
    interrupted = 0
    for number in range(KILLS):
        shutil.rmtree(broken)
        shutil.copytree(pristine, broken, symlinks=True)
        run = start(broken, "--apply", "--yes")
        deadline = time.monotonic() + 120
        while run.poll() is None and not (broken / journal.NAME).exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, whole * 0.7))
        if run.poll() is None:
            end(run)
        run.wait()
        interrupted += (broken / journal.NAME).exists()
        undo = number % 2 and (broken / journal.NAME).exists()
        words = ["--undo"] if undo else ["--apply", "--yes"]
        # What pip started may outlive it for a moment, and holds the lock until then.
        deadline = time.monotonic() + 60
        status, document = call(capsys, "fix", *words, "-p", broken)
        while "at work" in document.get("error", "") and time.monotonic() < deadline:
            time.sleep(0.05)
            status, document = call(capsys, "fix", *words, "-p", broken)
        assert status == 0, (number, document)
        where = site_of(broken)
        assert not [path.name for path in where.iterdir() if path.name.startswith("~")]
        if undo:
            assert tree(broken) == before, number
        else:
            assert len(list(where.glob(f"{name}-*.dist-info"))) == 1
            assert not kept.damages(str(broken), name)
            assert call(capsys, "check", "-p", broken)[0] == 0
        code = f"import {', '.join(('tensorflow', name.replace('-', '_'), 'wrapt'))}"
        subprocess.run([python_in(broken), "-c", code], check=True, capture_output=True)
    assert interrupted, json.dumps({"whole": whole, "small": len(SMALL)})
    record_property("interrupted", interrupted)


def test_metadata_that_pip_put_aside_gets_its_name_back_where_it_is_the_only_one(venv: Path) -> None:
    """Killed in the middle of an uninstall, pip leaves a package's folder whose owner nobody knows any more."""
    folder = site_of(venv)
    for name, version in (("numpy", "2.2.6"), ("scipy", "1.15.3")):
        aside = folder / f"~{name[1:]}-{version}.dist-info"
        aside.mkdir()
        (aside / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: text\n")
        (aside / "RECORD").write_text(f"{name}/old.py,,1\n")
        (folder / name).mkdir()
        (folder / name / "old.py").write_text("#")
    (folder / "~umpy.libs").mkdir()
    # Another scipy was installed since: what was put aside of the old one belongs to nobody.
    (folder / "scipy-1.16.0.dist-info").mkdir()
    kept.sweep(str(venv))
    assert not [path.name for path in folder.iterdir() if path.name.startswith("~")]
    assert (folder / "numpy-2.2.6.dist-info" / "RECORD").is_file()
    assert not (folder / "scipy-1.15.3.dist-info").exists()
    assert kept.owned_now(str(venv))["numpy"].files


def warnings(findings: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(f["code"], f["package"]) for f in findings if f["severity"] != "info"]


@pytest.mark.parametrize("lost", ["keras-*.dist-info", "keras-*.dist-info/METADATA", "keras-*.dist-info/RECORD"])
def test_what_records_a_package_comes_back_and_goes_again(
    broken: Path, lost: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(capsys, "fix", "--apply", "-p", broken, "--yes")[0] == 0
    for path in site_of(broken).glob(lost):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (site_of(broken) / "keras" / "stale.py").write_text("of no wheel\n")
    before = tree(broken)
    history = {path for path in before if path.startswith(journal.HISTORY)}
    status, document = call(capsys, "check", "-p", broken)
    # What Windows' newest TensorFlow has against a package that the suite's stack holds for all is another matter.
    told = warnings(document["findings"])
    others = [each for each in told if each == ("TFD607", "tensorflow-io-gcs-filesystem")]
    assert (status, [each for each in told if each not in others]) == (0, [("TFD501", "keras")])
    status, document = call(capsys, "fix", "--apply", "-p", broken, "--yes")
    assert (status, [c["package"] for c in document["changes"]]) == (0, ["keras"]), document["message"]
    assert warnings(document["findings_after"]) == others
    assert not (site_of(broken) / "keras" / "stale.py").exists(), "it is removed whole first"
    assert call(capsys, "fix", "--undo", "-p", broken)[0] == 0
    after = tree(broken)
    assert {path: each for path, each in after.items() if path in before or not path.startswith(journal.HISTORY)} == {
        path: before[path] for path in before if path not in history or path in after
    }


def test_what_pip_was_taking_away_is_repaired_and_comes_back(
    broken: Path, alive: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """pip was killed on its own, so there is no journal: what it renamed aside is no package, and nobody's record."""
    assert call(capsys, "fix", "--apply", "-p", broken, "--yes")[0] == 0
    where, name = site_of(broken), wrong(alive).split("==")[0]
    (info,) = where.glob(f"{name}-*.dist-info")
    files = tree(where / name)
    aside = where / f"~{info.name[1:]}"
    info.rename(aside)
    status, document = call(capsys, "check", "-p", broken)
    assert status == 1 and name in {f["package"] for f in document["findings"] if f["severity"] == "error"}
    assert not [command for command in commands(document) if any(word.startswith("~") for word in command)]
    status, document = call(capsys, "fix", "--apply", "-p", broken, "--yes")
    assert (status, [c["package"] for c in document["changes"]]) == (0, [name]), document["message"]
    assert not list(where.glob("~*"))
    assert call(capsys, "fix", "--undo", "-p", broken)[0] == 0
    assert tree(where / name) == files and info.is_dir() and not aside.exists(), "the metadata has its name again"


def test_a_package_of_no_known_version_comes_back(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "fix", "--apply", "-p", broken, "--yes")[0] == 0
    where = site_of(broken)
    # The tests' wheels put it under the package's own name.
    (where / "absl_py").rename(where / "absl")
    for path in where.glob("absl_py-*.dist-info"):
        shutil.rmtree(path)
    (where / "absl" / "mine.py").write_text("of nobody's wheel\n")
    before = tree(where)
    status, document = call(capsys, "fix", "--apply", "-p", broken, "--yes")
    assert (status, [c["package"] for c in document["changes"]]) == (0, ["absl-py"]), document["message"]
    assert call(capsys, "fix", "--undo", "-p", broken)[0] == 0
    assert tree(where) == before

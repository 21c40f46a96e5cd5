"""Hashes are remembered in a folder of the user's own, and a file that changed in any way is read again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from conda_tf_doctor.binaries import integrity, remembered
from conda_tf_doctor.binaries.integrity import CHANGED, compare
from conda_tf_doctor.binaries.records import Recorded
from conda_tf_doctor.binaries.remembered import Remembered

SHA = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of b"x"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of one byte that was written an hour ago, and a place for a cache."""
    monkeypatch.setattr(remembered, "cache_folder", lambda: str(tmp_path / "cache"))
    monkeypatch.setattr(remembered, "SETTLED", -(10**12))
    path = tmp_path / "a.so"
    path.write_bytes(b"x")
    return path


def kinds(path: Path, reads: list[str] | None = None) -> list[str]:
    """Compare the file as a run of its own would; `reads` receives what was hashed."""
    kept = Remembered(str(path.parent))
    found = compare([Recorded(str(path), SHA, 1, "RECORD", "tensorflow", "pip")], kept=kept)
    kept.save()
    return [damage.kind for damage in found]


def test_what_did_not_change_is_read_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    sha256 = integrity._sha256
    monkeypatch.setattr(integrity, "_sha256", lambda path: reads.append(path) or sha256(path))
    assert [kinds(file) for _ in range(3)] == [[], [], []]
    assert reads == [str(file)]
    # Another file of the same size and time in its place has another inode.
    other = file.with_name("other")
    other.write_bytes(b"y")
    os.utime(other, ns=(os.stat(file).st_mtime_ns, os.stat(file).st_mtime_ns))
    os.replace(other, file)
    assert kinds(file) == [CHANGED]
    if os.name != "posix":
        return  # what Windows calls a file's ctime is when it was made
    # Written to, and given its old time: its state has another.
    before = os.stat(file).st_mtime_ns
    file.write_bytes(b"x")
    os.utime(file, ns=(before, before))
    assert kinds(file) == [] and len(reads) == 3


def test_what_was_written_just_now_is_not_remembered(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "SETTLED", 2_000_000_000)
    assert kinds(file) == []
    assert (
        not list((file.parent / "cache").glob("*.json"))
        or Remembered(str(file.parent)).of("sha256", str(file), file.stat()) is None
    )


@pytest.mark.skipif(os.name != "posix", reason="owners and modes of POSIX")
@pytest.mark.parametrize("way", ["writable", "link", "garbage", "ill-typed", "pipe"])
def test_what_others_may_have_planted_is_not_believed(file: Path, way: str) -> None:
    file.write_bytes(b"y")
    assert kinds(file) == [CHANGED]
    folder = file.parent / "cache"
    (kept,) = folder.glob("*.json")
    assert folder.stat().st_mode & 0o777 == 0o700 and kept.stat().st_mode & 0o777 == 0o600
    document = json.loads(kept.read_text())
    document["files"]["sha256"][str(file)][5] = SHA
    kept.write_text(json.dumps(document))
    assert kinds(file) == []  # its own user may plant what he likes
    if way == "writable":
        folder.chmod(0o777)
    elif way == "link":
        folder.rename(file.parent / "elsewhere")
        folder.symlink_to(file.parent / "elsewhere")
    elif way == "pipe":
        kept.unlink()
        os.mkfifo(kept)
    else:
        kept.write_text(
            "[" * 100_000 if way == "garbage" else json.dumps({**document, "files": {"sha256": {str(file): {"a": 1}}}})
        )
    assert kinds(file) == [CHANGED]


def test_a_cache_that_cannot_be_written_is_no_error(file: Path) -> None:
    (file.parent / "cache").write_text("a file")
    assert kinds(file) == []

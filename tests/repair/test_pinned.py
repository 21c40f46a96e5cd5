"""``conda-meta/pinned``: our block changes and nothing else does, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.repair import atomic, pinned
from conda_tf_doctor.repair.plan import Edit, Plan
from tools.condas import Result

USERS = "# ours, do not touch\nscipy 1.11.*   # for the solver\n\n  pandas <2\n"


def _plan(*edits: Edit) -> Plan:
    return Plan(None, None, {edit.key: edit for edit in edits}, ())  # type: ignore[arg-type]


def _edit(spelled: str, spec: str, version: str = "1.26.4", **fields: object) -> Edit:
    return Edit("conda", spelled.replace("_", "-"), spelled, (spec,) if spec else (), version, **fields)  # type: ignore[arg-type]


NUMPY = _plan(_edit("numpy", ">=1.23,<2"))


@pytest.mark.parametrize(
    "text", ["", USERS, USERS.rstrip("\n"), USERS.replace("\n", "\r\n")], ids=["none", "users", "no-end", "crlf"]
)
def test_block_is_added_and_the_rest_stays(text: str) -> None:
    new = pinned.rewritten(text, NUMPY)
    assert new.startswith(text)
    assert [pin.text for pin in pinned.our_pins(new)] == ["numpy >=1.23,<2"]
    assert pinned.users_pins(new) == pinned.users_pins(text)
    assert pinned.rewritten(new, NUMPY) == new


@given(st.text(alphabet=st.sampled_from("ab#=<. \t\n\r\x0b\x85\u2028é*|,1"), max_size=80))
def test_whatever_the_user_wrote_stays(text: str) -> None:
    new = pinned.rewritten(text, NUMPY)
    assert text in new
    again = pinned.rewritten(new, _plan(_edit("numpy", "<2"), _edit("vc14_runtime", ">=14.40", "14.44.35208")))
    assert text in again
    assert [pin.name for pin in pinned.our_pins(again)] == ["numpy", "vc14-runtime"]


def test_bytes_that_are_no_text_stay() -> None:
    data = b"# caf\xe9\nscipy 1.11.*\n"
    new = pinned.encode(pinned.rewritten(pinned.decode(data), NUMPY))
    assert new.startswith(data)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8"])
def test_a_file_with_a_mark_keeps_its_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "conda-meta").mkdir()
    file = tmp_path / "conda-meta" / "pinned"
    before = "\ufeffscipy 1.11.*\r\n".encode(encoding)
    file.write_bytes(before)
    text = pinned.read(str(tmp_path))
    assert [(pin.name, pin.version) for pin in pinned.users_pins(text)] == [("scipy", "1.11.*")]
    pinned.write(str(tmp_path), pinned.rewritten(text, NUMPY))
    after = file.read_bytes()
    assert after.startswith(before) and "numpy >=1.23,<2\r\n" in after.decode(encoding)
    pinned.undo(str(tmp_path), text)
    assert file.read_bytes() == before


def test_text_behind_the_block_stays_behind_it() -> None:
    text = pinned.rewritten(USERS, NUMPY) + "h5py <4\n"
    new = pinned.rewritten(text, _plan(_edit("numpy", "<1.27")))
    assert new == text.replace("numpy >=1.23,<2", "numpy <1.27")


def test_earlier_pins_of_ours_stay_until_a_plan_speaks_of_them() -> None:
    text = pinned.rewritten("", _plan(_edit("cudatoolkit", "11.2.*", "11.2.2")))
    new = pinned.rewritten(text, NUMPY)
    assert [pin.text for pin in pinned.our_pins(new)] == ["cudatoolkit 11.2.*", "numpy >=1.23,<2"]
    gone = pinned.rewritten(new, _plan(Edit("conda", "cudatoolkit", "cudatoolkit")))
    assert [pin.text for pin in pinned.our_pins(gone)] == ["numpy >=1.23,<2"]


def test_what_somebody_wrote_into_our_block_stays_as_it_is_written() -> None:
    text = pinned.rewritten("", NUMPY).replace("numpy", "xz=5\nzlib[version='1.2.*']\nnumpy")
    new = pinned.rewritten(text, _plan(_edit("scipy", "<1.12")))
    assert [line for line in new.splitlines() if line[0] != "#"] == [
        "numpy >=1.23,<2", "scipy <1.12", "xz=5", "zlib[version='1.2.*']",
    ]  # fmt: skip


def test_users_pin_is_joined_with_ours_where_both_can_hold() -> None:
    new = pinned.rewritten("numpy >=1.22\n", NUMPY)
    assert [pin.text for pin in pinned.our_pins(new)] == ["numpy >=1.23,<2"]
    assert pinned.clashes("numpy >=1.22\n", NUMPY) == []


def test_clash_is_found_and_set_aside_only_when_agreed() -> None:
    text = "# mine\nnumpy 2.*  # new\nscipy\n"
    found = pinned.clashes(text, NUMPY)
    assert [(clash.pin.line, clash.pin.text) for clash in found] == [(2, "numpy 2.*")]
    assert "# conda-tf-doctor:aside-numpy%202.%2A%20%20%23%20new\n" in pinned.rewritten(text, NUMPY, found)
    assert "\nscipy\n" in pinned.rewritten(text, NUMPY, found)


OLD = """numpy 1.26.*
# pandas 2.* # mine  # set aside by conda-tf-doctor, see below
# >>> conda-tf-doctor >>> pins written by `conda tf-doctor fix`; `fix --undo` takes the last change back
cudnn (8.1.*|8.2.*),>=8.1
pandas <2
# <<< conda-tf-doctor <<<
"""
RENEWED = """numpy 1.26.*
# conda-tf-doctor:aside-pandas%202.%2A%20%23%20mine
# conda-tf-doctor:begin
cudnn 8.1.*|8.2.*
numpy 1.26.*,>=1.23,<2
pandas <2
# conda-tf-doctor:end
"""


def test_what_an_earlier_release_wrote_is_recognised_and_renewed() -> None:
    assert [pin.name for pin in pinned.our_pins(OLD)] == ["cudnn", "pandas"]
    assert [pin.text for pin in pinned.users_pins(OLD)] == ["numpy 1.26.*"]
    new = pinned.rewritten(OLD, NUMPY)
    assert new == RENEWED.replace("1.26.*,>=1.23,<2", ">=1.23,<2,1.26.*")
    assert pinned.rewritten(new, NUMPY) == new
    other_order = RENEWED.replace("8.1.*|8.2.*", ">=8.1,8.1.*|>=8.1,8.2.*")
    assert pinned.rewritten(other_order, NUMPY) == new


@pytest.mark.parametrize(
    "users",
    [
        "",
        "numpy 2.*  # my own words\n",
        "numpy >=2, <3\n",
        "numpy ==2.0.1\n",
        "numpy 2.0.*|2.1.*\n",
        "conda-forge::numpy 2.* py*\n",
        "pandas 2.0.*|2.1.*\nnumpy 2.*\n",
        OLD.replace("numpy 1.26.*", "numpy 2.*"),
    ],
    ids=["none", "comment", "range", "exact", "alternatives", "channel", "joined", "an earlier release's"],
)
def test_libmamba_reads_what_we_write(users: str, micromamba: Callable[..., Result], tmp_path: Path) -> None:
    """It parses comment lines as well; one that it does not understand fails every command after it."""
    prefix = tmp_path / "env"
    made = micromamba("create", "-y", "-q", "-p", prefix, "python=3.10", "numpy=1.26", "attrs=23.1")
    assert made.rc == 0, made
    plan = _plan(_edit("numpy", ">=1.23,<2"), _edit("pandas", "<2.1", "2.0.3"))
    text = pinned.rewritten(users, plan, pinned.clashes(users, plan))
    pinned.write(str(prefix), text)
    for command in (("install", "numpy"), ("update", "attrs"), ("install", "attrs")):
        done = micromamba(command[0], "-y", "--dry-run", "--json", "-p", prefix, *command[1:])
        assert done.rc == 0, (text, done)
        assert "critical" not in done.err, (text, done.err)
        moved = {r["name"]: r["version"] for r in json.loads(done.out).get("actions", {}).get("LINK", ())}
        assert moved.get("numpy", "1.26").startswith("1."), moved
    pinned.undo(str(prefix), users)
    assert pinned.read(str(prefix)) == users


def test_half_a_block_is_refused() -> None:
    text = pinned.rewritten(USERS, NUMPY).replace("# conda-tf-doctor:end\n", "")
    with pytest.raises(UsageError, match="ends the block"):
        pinned.rewritten(text, NUMPY)


def _prefix(tmp_path: Path, text: str | None = USERS) -> Path:
    prefix = tmp_path / "env"
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta" / "history").touch()
    if text is not None:
        (prefix / "conda-meta" / "pinned").write_text(text, encoding="utf-8")
    return prefix


@pytest.mark.parametrize("text", [USERS, None], ids=["with-file", "without"])
def test_undo_takes_the_last_write_back(tmp_path: Path, text: str | None) -> None:
    prefix = _prefix(tmp_path, text)
    file = prefix / "conda-meta" / "pinned"
    pinned.write(str(prefix), pinned.rewritten(text or "", NUMPY))
    assert "numpy" in file.read_text(encoding="utf-8")
    pinned.undo(str(prefix), text)
    assert (file.read_text(encoding="utf-8") if file.exists() else None) == text


def test_undo_leaves_what_the_user_wrote_since(tmp_path: Path) -> None:
    prefix = _prefix(tmp_path, "numpy 2.*  # ours\nscipy 1.11.*\n")
    path, root = prefix / "conda-meta" / "pinned", str(prefix)

    def edit(change: str) -> None:
        path.write_text(change.format(path.read_text(encoding="utf-8")), encoding="utf-8")

    text = pinned.read(root)
    pinned.write(root, pinned.rewritten(text, NUMPY, pinned.clashes(text, NUMPY)))
    assert "# conda-tf-doctor:aside-numpy%202.%2A" in path.read_text(encoding="utf-8")
    edit("{}pandas <2\n")
    pinned.undo(root, text)
    assert path.read_text(encoding="utf-8") == "numpy 2.*  # ours\nscipy 1.11.*\npandas <2\n"
    # Of two repairs the last one is taken back, the first one's pins stay.
    pinned.write(root, pinned.rewritten(pinned.read(root), _plan(_edit("xz", "5.*", "5.6"))))
    first = path.read_text(encoding="utf-8")
    pinned.write(root, pinned.rewritten(first, _plan(_edit("cudnn", "8.*", "8.9"))))
    edit("# top\n{}")
    pinned.undo(root, first)
    assert path.read_text(encoding="utf-8") == f"# top\n{first}"
    # There was no file, and now there is the user's own.
    path.unlink()
    pinned.write(root, pinned.rewritten("", NUMPY))
    edit("{}pandas <2\n")
    pinned.undo(root, None)
    assert path.read_text(encoding="utf-8") == "pandas <2\n"


def test_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = _prefix(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        pinned.write(str(prefix), "numpy <2\n")
    assert (prefix / "conda-meta" / "pinned").read_text(encoding="utf-8") == USERS
    assert sorted(path.name for path in (prefix / "conda-meta").iterdir()) == ["history", "pinned"]


@pytest.mark.skipif(os.name == "nt", reason="not everybody may make links on Windows, and files have no such modes")
def test_a_link_stays_a_link_and_the_mode_stays(tmp_path: Path) -> None:
    prefix = _prefix(tmp_path, None)
    real = tmp_path / "shared-pins"
    real.write_text(USERS, encoding="utf-8")
    real.chmod(0o640)
    (prefix / "conda-meta" / "pinned").symlink_to(real)
    pinned.write(str(prefix), "numpy <2\n")
    assert (prefix / "conda-meta" / "pinned").is_symlink()
    assert real.read_text(encoding="utf-8") == "numpy <2\n"
    assert real.stat().st_mode & 0o777 == 0o640


def test_one_repair_at_a_time(tmp_path: Path) -> None:
    prefix = _prefix(tmp_path)
    with atomic.locked(str(prefix / "conda-meta")):
        code = "import sys; from conda_tf_doctor.repair.atomic import locked\nwith locked(sys.argv[1]): pass"
        done = subprocess.run(
            [sys.executable, "-c", code, str(prefix / "conda-meta")], capture_output=True, text=True, check=False
        )
    assert f"Another conda-tf-doctor is at work in {prefix}, or what it started" in done.stderr
    with atomic.locked(str(prefix / "conda-meta")):
        pass


# Runs the program, and kills it at the n-th thing that it does to a file of the environment.
KILLER = """
import os, sys
limit, prefix, count = int(sys.argv[1]), sys.argv[2], 0
def step():
    global count
    count += 1
    if count == limit:
        os.kill(os.getpid(), 9)  # on Windows, too, nothing runs after it
def hook(event, args):
    if event in ("os.rename", "os.remove", "os.chmod", "os.truncate"):
        changing = str(args[0]).startswith(prefix)
    else:
        writing = event == "open" and isinstance(args[2], int) and args[2] & 3
        changing = writing and str(args[0]).startswith(prefix) and ".lock" not in str(args[0])
    if changing:
        step()
sys.addaudithook(hook)
flush = os.fsync
def fsync(handle):
    step()
    flush(handle)
    step()
os.fsync = fsync
from conda_tf_doctor.cli.main import console
status = console(sys.argv[3:])
print(f"steps: {count}", file=sys.stderr)
raise SystemExit(status)
"""


def _broken_prefix(tmp_path: Path) -> Path:
    """A prefix with pip's TensorFlow 2.15 beside conda's numpy 2."""
    prefix = _prefix(tmp_path)
    for name, version in (("python", "3.11.7"), ("numpy", "2.1.3"), ("h5py", "3.12.1"), ("flatbuffers", "23.5.26")):
        record = {
            "name": name,
            "version": version,
            "build": "h0_0",
            "build_number": 0,
            "channel": "conda-forge",
            "subdir": "linux-64",
            "depends": [],
        }
        (prefix / "conda-meta" / f"{name}-{version}-h0_0.json").write_text(json.dumps(record), encoding="utf-8")
    site = prefix / "lib" / "python3.11" / "site-packages"
    for name, version in (
        ("tensorflow", "2.15.0"),
        ("keras", "2.15.0"),
        ("ml_dtypes", "0.2.0"),
        ("protobuf", "4.25.8"),
        ("flatbuffers", "23.5.26"),
    ):
        folder = site / f"{name}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n", encoding="utf-8")
        (folder / "INSTALLER").write_text("pip\n", encoding="utf-8")
    return prefix


def _run(prefix: Path, limit: int, *args: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        KILLER,
        str(limit),
        str(prefix),
        "fix",
        "-p",
        str(prefix),
        "--yes",
        "--offline",
        *args,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
def test_killed_at_each_write_the_file_is_old_or_new(tmp_path: Path) -> None:
    original = _broken_prefix(tmp_path / "original")
    users = (original / "conda-meta" / "pinned").read_bytes()
    whole = tmp_path / "whole"
    shutil.copytree(original, whole)
    done = _run(whole, 0)
    assert done.returncode == 0, done.stderr + done.stdout
    new = (whole / "conda-meta" / "pinned").read_bytes()
    steps = int(done.stderr.rsplit("steps: ", 1)[1])
    assert new.startswith(users) and b"numpy" in new
    assert steps >= 8
    seen = set()
    for limit in range(1, steps + 1):
        prefix = tmp_path / f"killed{limit}"
        shutil.copytree(original, prefix)
        killed = _run(prefix, limit)
        assert killed.returncode == (9 if os.name == "nt" else -9)
        found = (prefix / "conda-meta" / "pinned").read_bytes()
        assert found in (users, new)
        seen.add(found)
        # The next run is not in anybody's way, and ends where the first would have.
        before = pinned.read(str(prefix))
        pinned.write(str(prefix), pinned.rewritten(before, NUMPY))
        pinned.undo(str(prefix), before)
        assert (prefix / "conda-meta" / "pinned").read_bytes() == found
    # Windows has no folder to be flushed: the last step there puts the new file in its place.
    assert seen == ({users} if os.name == "nt" else {users, new})

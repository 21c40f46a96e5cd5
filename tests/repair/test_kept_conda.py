"""What conda owns goes back as it was: files that were lost or written over, records, history."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from conda_tf_doctor.repair import kept_conda
from tools.prefixes import make_prefix, put_link

from .test_kept import tree

NUMPY = "numpy=2.2.6=h0_0"
FILES = ["lib/numpy/own.py", "lib/numpy/lost.py", "lib/numpy/cut.py", "lib/numpy/link.so"]


def record(prefix: Path, name: str, files: list[str], **fields: str) -> None:
    path = prefix / "conda-meta" / f"{name.replace('=', '-')}.json"
    path.unlink(missing_ok=True)
    path.write_text(json.dumps({"name": name.split("=")[0], "files": files, **fields}), encoding="utf-8")


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A prefix with a package of which one file is lost, and another one cut off."""
    folder = make_prefix(tmp_path / "env", "linux-64")
    (folder / "lib" / "numpy").mkdir()
    for file in ("own.py", "cut.py", "libnumpy.so.1"):
        (folder / "lib" / "numpy" / file).write_text(file, encoding="utf-8")
    put_link(folder / "lib" / "numpy" / "link.so", "libnumpy.so.1")
    record(folder, NUMPY, FILES, url="https://example.org/numpy.conda")
    (folder / "conda-meta" / "history").write_text("==> 2026-01-01 00:00:00 <==\n+numpy\n", encoding="utf-8")
    return folder


def made_whole(prefix: Path) -> None:
    """What conda does where it puts a package in again."""
    for file in FILES:
        path = prefix / file
        path.unlink(missing_ok=True)
        path.write_text(f"{file}, as it came\n", encoding="utf-8")
    record(prefix, NUMPY, FILES, requested_spec="numpy")
    with (prefix / "conda-meta" / "history").open("a", encoding="utf-8") as history:
        history.write("==> 2026-01-02 00:00:00 <==\n-numpy\n+numpy\n")


@pytest.mark.parametrize("since", ["", "==> 2026-01-03 00:00:00 <==\n+mine\n"], ids=["nothing", "another"])
def test_what_conda_did_goes_back_byte_by_byte(prefix: Path, tmp_path: Path, since: str) -> None:
    before, aside = tree(prefix), str(tmp_path / "aside")
    kept_conda.keep(str(prefix), aside, [NUMPY])
    made_whole(prefix)
    kept_conda.ended(str(prefix), aside)
    history = prefix / "conda-meta" / "history"
    text = history.read_text(encoding="utf-8") + since
    history.write_text(text, encoding="utf-8")
    kept_conda.begin_back(str(prefix), aside)
    kept_conda.put_back(str(prefix), aside)
    after = tree(prefix)
    link = prefix / "lib" / "numpy" / "link.so"
    # On Windows a second name, as `put_link` says.
    assert link.samefile(link.with_name("libnumpy.so.1")) and link.is_symlink() == (os.name != "nt")
    if since:
        # Conda's log is the user's own by then.
        assert history.read_text(encoding="utf-8") == text
        del after["conda-meta/history"], before["conda-meta/history"]
    assert after == before


def test_what_a_killed_conda_lost_is_known_and_what_it_left_goes(prefix: Path, tmp_path: Path) -> None:
    aside = str(tmp_path / "aside")
    kept_conda.keep(str(prefix), aside, [])
    assert kept_conda.lost(str(prefix), aside) == []
    own = prefix / "lib" / "numpy" / "own.py"
    own.rename(own.with_name("own.py.c~"))
    elsewhere = prefix / "envs" / "other" / "kept.c~"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.touch()
    kept_conda.sweep(str(prefix))
    assert not own.with_name("own.py.c~").exists() and elsewhere.exists()
    assert kept_conda.lost(str(prefix), aside) == [NUMPY]
    assert kept_conda.addresses(str(prefix), aside, [NUMPY]) == ["https://example.org/numpy.conda"]
    assert kept_conda.addresses(str(prefix), aside, [NUMPY, "gone=1=0"]) == []

"""What is kept of a repair, file by file: whose a file is, what goes with a package, and what comes back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from conda_tf_doctor.repair import journal, kept, kept_conda
from tests.repair.test_kept import tree
from tools.prefixes import add_dist, add_record, make_prefix

SITE = "lib/python3.10/site-packages"
INFO = ("INSTALLER", "METADATA", "RECORD", "WHEEL")


def info(name: str, version: str = "1.0", *more: str) -> set[str]:
    return {f"{name}-{version}.dist-info/{each}" for each in (*INFO, *more)}


def below_site(paths: Iterable[str]) -> set[str]:
    return {path.removeprefix(f"{SITE}/") for path in paths}


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """Packages that share folders with each other and with conda's, that are not recorded, or not pip's."""
    folder = make_prefix(tmp_path / "env", "linux-64")
    own = {
        "own/__init__.py": "",
        "own/data/table.txt": "1",
        "shared/own.py": "",
        "../../../bin/own": "#!",
        "single.py": "",
    }
    add_dist(folder, "own", "1.0", files=own)
    add_dist(folder, "other", "1.0", files={"shared/other.py": "", "of_other/__init__.py": ""})
    add_record(folder, "linux-64", "mixed", "1.0", distribution="mixed")
    (folder / SITE / "own-1.0.dist-info" / "REQUESTED").touch()
    for path in ("own/__pycache__/__init__.cpython-310.pyc", "own/__pycache__/gone.cpython-310.pyc", "own/mine.txt",
                 "__pycache__/single.cpython-310.pyc", "shared/nobodys.txt", "six.py"):  # fmt: skip
        (folder / SITE / path).parent.mkdir(exist_ok=True)
        (folder / SITE / path).write_text(path)
    return folder


OF_OWN = {
    *info("own", "1.0", "REQUESTED"), "own/__init__.py", "own/data/table.txt", "shared/own.py", "single.py", "bin/own",
    "own/__pycache__/__init__.cpython-310.pyc", "__pycache__/single.cpython-310.pyc",
}  # fmt: skip


def test_whose_a_file_is(prefix: Path) -> None:
    owned = kept.owned_now(str(prefix))
    assert owned.keys() == {"own", "other", "six"}
    assert below_site(owned["own"].files) == OF_OWN
    assert below_site(owned["own"].own) == {path for path in OF_OWN if not path.endswith(".pyc")}
    assert below_site(owned["six"].files) == {"six.py"}
    assert (owned["own"].version, owned["six"].version) == ("1.0", "")


def test_without_a_record_the_folder_tells(prefix: Path) -> None:
    (prefix / SITE / "other-1.0.dist-info" / "RECORD").unlink()
    assert below_site(kept.owned_now(str(prefix))["other"].files) == info("other") - {"other-1.0.dist-info/RECORD"}
    assert kept.is_recorded(str(prefix), "own") and kept.is_recorded(str(prefix), "nothing")
    assert not kept.is_recorded(str(prefix), "other")


def test_what_goes_with_a_package(prefix: Path) -> None:
    before = below_site(tree(prefix))
    assert kept.remove(str(prefix), "own", {})
    gone = before - below_site(tree(prefix))
    # Its own folders go whole, what it shares stays.
    assert gone == {*(path for path in OF_OWN if not path.endswith(".pyc")), "own/mine.txt"}
    site = prefix / SITE
    assert not (site / "own").exists() and (site / "shared" / "nobodys.txt").exists()
    assert not (site / "__pycache__" / "single.cpython-310.pyc").exists()
    assert not kept.remove(str(prefix), "own", {})
    # Conda's is conda's to take away, and of what nothing tells nothing goes.
    assert not kept.remove(str(prefix), "mixed", {}) and (site / "mixed-1.0.dist-info").exists()
    assert kept.remove(str(prefix), "gone", {"gone": kept.Owned("1.0", ())})
    assert (
        kept.remove(str(prefix), "six", {"six": kept.Owned("", (f"{SITE}/six.py",))}) and not (site / "six.py").exists()
    )
    bare = str(make_prefix(prefix / "bare", "linux-64", ""))
    assert not kept.remove(bare, "own", {}) and kept.damages(bare, "own") == [] and kept.is_recorded(bare, "own")


def test_what_python_compiled_of_others_stays(prefix: Path) -> None:
    """Modules without a folder share one for what Python compiled, which pip records."""
    mine = prefix / SITE / "__pycache__" / "mine.cpython-310.pyc"
    mine.write_text("of a module of the user's")
    assert kept.remove(str(prefix), "own", kept.owned_now(str(prefix)))
    assert [path.name for path in mine.parent.iterdir()] == [mine.name]


@pytest.mark.parametrize("linked", [True, False], ids=["links", "copies"])
def test_what_is_kept_comes_back(prefix: Path, tmp_path: Path, linked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not linked:

        def refuse(source: str, target: str) -> None:
            raise OSError(1, "no links")

        monkeypatch.setattr(os, "link", refuse)
    aside, root = str(tmp_path / "aside"), str(prefix)
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside" / "of a killed run").touch()
    kept.keep(root, aside, kept.owned_now(root), ["Own"])
    listed = kept.load(aside)
    # Where there are no links, only what changes is copied: with what lies in its folders besides.
    assert listed.keys() == ({"own", "other", "six"} if linked else {"own"})
    everything = {*OF_OWN, "own/mine.txt", "own/__pycache__/gone.cpython-310.pyc"}
    assert below_site(listed["own"].files) == everything
    assert below_site(tree(tmp_path / "aside")) >= {path for path in everything if not path.endswith(".pyc")}
    assert not (tmp_path / "aside" / "of a killed run").exists()
    entries = below_site(kept.load(aside, entries=True)[""].files)
    assert entries == {path.name for path in (prefix / SITE).iterdir()}
    before = tree(prefix)
    kept.remove(root, "own", {})
    add_dist(prefix, "own", "2.0", files={"own/__init__.py": "2", "own/new.py": ""})
    assert kept.put_back(root, aside, ["own", "nothing"]) == []
    assert tree(prefix) == before and (prefix / SITE / "own" / "__pycache__" / "gone.cpython-310.pyc").exists()
    # What is not there any more cannot be put back, and is named.
    kept.remove(root, "own", {})
    (tmp_path / "aside" / SITE / "own" / "data" / "table.txt").unlink()
    assert kept.put_back(root, aside, ["own"]) == ["own"]


def test_only_what_changed_stays_kept(prefix: Path, tmp_path: Path) -> None:
    aside, root = str(tmp_path / "aside"), str(prefix)
    kept.keep(root, aside, kept.owned_now(root), [])
    (prefix / SITE / "of_other" / "__init__.py").unlink()
    (prefix / SITE / "of_other" / "__init__.py").write_text("changed")
    (prefix / SITE / "own" / "__pycache__" / "__init__.cpython-310.pyc").write_text("compiled since")
    kept.drop_unchanged(root, aside)
    assert list(kept.load(aside)) == ["other"] and "" in kept.load(aside, entries=True)
    assert below_site(tree(tmp_path / "aside")) == {
        *info("other"),
        "of_other/__init__.py",
        "shared/other.py",
        "files.json",
    }
    assert not (tmp_path / "aside" / SITE / "own").exists()
    kept.drop_unchanged(root, str(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()
    # A package that is gone, or has another file, is another one.
    kept.keep(root, aside, kept.owned_now(root), [])
    kept.remove(root, "own", {})
    with (prefix / SITE / "other-1.0.dist-info" / "RECORD").open("a") as record:
        record.write("six.py,,\n")
    kept.drop_unchanged(root, aside)
    assert list(kept.load(aside)) == ["other", "own"]


def test_what_a_killed_pip_left_goes_and_nothing_else(prefix: Path, tmp_path: Path) -> None:
    aside, root, site = str(tmp_path / "aside"), str(prefix), prefix / SITE
    kept.keep(root, aside, kept.owned_now(root), [])
    add_dist(prefix, "later", "1.0", files={"later/__init__.py": ""})
    (site / "half").mkdir()
    (site / "half.py").touch()
    (site / "later" / "left").touch()
    if os.name == "posix":  # not everybody may make links on Windows
        os.symlink("own", site / "link")
    kept.remove_new(root, aside)
    assert {"later", "later-1.0.dist-info", "own", "six.py", "__pycache__"} <= {path.name for path in site.iterdir()}
    assert not (site / "half").exists() and not (site / "half.py").exists() and not (site / "link").is_symlink()
    assert (site / "own" / "__init__.py").exists()
    (site / "half.py").touch()
    kept.remove_new(root, str(tmp_path / "nothing"))
    assert (site / "half.py").exists(), "nothing tells what was there before"


def test_damage_is_told_by_sizes_and_hashes(prefix: Path) -> None:
    assert kept.damages(str(prefix), "own") == []
    site = prefix / SITE
    (site / "own" / "data" / "table.txt").write_text("2")
    (site / "shared" / "own.py").unlink()
    (site / "other-1.0.dist-info" / "METADATA").write_text("")
    (prefix / "bin" / "own").write_text("written anew for another folder")
    with (site / "own-1.0.dist-info" / "RECORD").open("a") as record:
        record.write(
            "own/not_there.pyc,sha256=abc,3\nown/unknown.txt,,\nown/long.txt,,5\n\n,,\nown/odd.txt,md5=abc,x\n"
        )
    damages = kept.damages(str(prefix), "own")
    found = {(Path(each.recorded.path).relative_to(site).as_posix(), each.kind) for each in damages}
    assert found == {("own/data/table.txt", "changed"), ("shared/own.py", "gone"), ("own/long.txt", "gone")}


def test_a_list_that_is_damaged_keeps_nothing(tmp_path: Path) -> None:
    for text in ("", "[]", '{"own": 1}', '{"own": ["1.0", ["a"]], "": ["", []]}'):
        (tmp_path / "files.json").write_text(text)
        assert kept.load(str(tmp_path)) == ({"own": kept.Owned("1.0", ("a",))} if '"a"' in text else {})


def record(prefix: Path, name: str, **fields: object) -> None:
    path = prefix / "conda-meta" / f"{name.replace('=', '-')}.json"
    path.write_text(json.dumps({"name": name.split("=")[0], **fields}), encoding="utf-8")


def test_of_conda_s_what_changes_is_kept(prefix: Path, tmp_path: Path) -> None:
    (prefix / "share").mkdir()
    for name in ("one.txt", "two.txt"):
        (prefix / "share" / name).write_text(name)
    record(prefix, "one=1=0", files=["share/one.txt", "share/lost.txt", "../outside", 3])
    record(prefix, "two=1=0", files=["share/two.txt"], url="https://example.org/two.conda")
    (prefix / "conda-meta" / "odd.json").write_text("[1]")
    aside, root = tmp_path / "aside", str(prefix)
    kept_conda.keep(root, str(aside), ["one=1=0"])
    records = {f"conda-meta/{path.name}" for path in (prefix / "conda-meta").glob("*.json")}
    assert set(tree(aside)) == {*records, "conda-meta/history", "share/one.txt", "files.json"}
    assert json.loads((aside / "files.json").read_text())["absent"]["one=1=0"] == ["share/lost.txt"]
    kept_conda.begin_back(root, str(aside))
    # What was written into the log meanwhile is conda's; all else that is as it was is let go.
    record(prefix, "two=1=0", files=["share/two.txt"], url="https://example.org/another.conda")
    kept_conda.ended(root, str(aside))
    assert set(tree(aside)) == {"files.json", "history-after"}
    kept_conda.ended(root, str(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()
    assert kept_conda.addresses(root, str(aside), ["two=1=0"]) == ["https://example.org/another.conda"]
    assert kept_conda.lost(root, str(tmp_path / "nothing")) == []
    (prefix / "share" / "two.txt").unlink()
    assert kept_conda.lost(root, str(aside)) == ["two=1=0"]


def test_the_oldest_files_go_where_there_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_ROOM", 25)
    root = str(tmp_path)
    for day in (1, 2, 3):
        each = journal.Journal(f"2026-01-0{day}T00:00:00.000000+00:00")
        files = Path(each.folder(root)) / journal.FILES
        files.mkdir(parents=True)
        (files / "replaced").write_bytes(bytes(10))
        (files / "linked").write_bytes(bytes(100))
        os.link(files / "linked", tmp_path / f"linked{day}")
        (files / "folder").mkdir()
        (files / "folder" / "more").write_bytes(bytes(2))
        journal.file(root, each)
    done = journal.history(root)
    assert [each.started[:10] for each in done] == ["2026-01-03", "2026-01-02", "2026-01-01"]
    assert [(Path(each.folder(root)) / journal.FILES).exists() for each in done] == [True, True, False]
    assert all(each.step == journal.DONE for each in done)


def test_what_a_killed_run_left_in_the_history_goes(tmp_path: Path) -> None:
    root = str(tmp_path)
    done, going = (journal.Journal(f"2026-01-0{day}T00:00:00.000000+00:00") for day in (1, 2))
    journal.sweep(root, ())
    journal.file(root, done)
    (Path(going.folder(root)) / journal.FILES).mkdir(parents=True)
    (tmp_path / journal.HISTORY / "half").mkdir()
    journal.sweep(root, [going])
    assert {path.name for path in (tmp_path / journal.HISTORY).iterdir()} == {
        Path(each.folder(root)).name for each in (done, going)
    }
    journal.forget(root, done)
    assert not (tmp_path / journal.HISTORY).exists(), "what nothing names goes with it"

"""The edges of a repair: how conda is called and understood, what may be changed, files and journals on the disk."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.repair import atomic, journal, state
from conda_tf_doctor.repair.conda import Answer, Conda, Moves, check_writable
from tests.repair.told import Told, posix
from tools.prefixes import make_prefix


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return make_prefix(tmp_path / "env", "linux-64")


ANSWERS: dict[str, tuple[str, Answer]] = {
    "yes": ("printf '{\"success\": true}'", Answer(True, {"success": True})),
    "yes, and fails": ("printf '{\"success\": true}'; false", Answer(False, {"success": True}, "", False)),
    "a list": ("printf '[1]'", Answer(True, {"list": [1]})),
    "a list, and fails": ("printf '[1]'; false", Answer(False, {"list": [1]})),
    "no": (
        "refuses UnsatisfiableError because",
        Answer(False, {"exception_name": "UnsatisfiableError", "message": "because"}, "because"),
    ),
    "an error": (
        "printf '{\"error\": \"why\"}'; false", Answer(False, {"error": "why"}, "why", False),
    ),
    "a name, and ends well": (
        "printf '{\"exception_name\": \"Odd\"}'", Answer(False, {"exception_name": "Odd"}, "", False),
    ),
    "of micromamba": (
        "printf '{\"solver_problems\": [\"a\", 1]}'; false", Answer(False, {"solver_problems": ["a", 1]}, "a; 1"),
    ),
    "text on standard error": ("echo out; echo one >&2; echo two >&2; false", Answer(False, {}, "two", False)),
    "text": ("echo one; echo two", Answer(False, {}, "two", False)),
    "nothing": ("(exit 7)", Answer(False, {}, "conda ended with status 7", False)),
}  # fmt: skip


@posix
@pytest.mark.parametrize(("effect", "answer"), ANSWERS.values(), ids=ANSWERS)
def test_what_conda_answers_in_json(effect: str, answer: Answer, prefix: Path, tmp_path: Path) -> None:
    told = Told(tmp_path, prefix, {"conda": effect})
    assert Conda([str(told.conda)]).json("info", "--all") == answer
    assert told.lines == ["conda info --all --json"]


def test_a_conda_that_is_not_there() -> None:
    gone = Conda(["/nowhere/conda"])
    answer = gone.json("info")
    why = answer.message.removeprefix("/nowhere/conda cannot be started: ")
    # Windows says it in words of its own.
    assert answer == Answer(False, {}, f"/nowhere/conda cannot be started: {why}", False)
    assert why == os.strerror(errno.ENOENT) if os.name == "posix" else why
    assert gone.show("install") is False and gone.search("numpy") is None and gone.folders() == []
    assert gone.revision("/envs/tf") == -1
    assert gone.solve("/envs/tf", ["numpy"], ["scipy"])[1] == Moves({}, {})


FOUND: dict[str, tuple[str, list[str] | None]] = {
    "of conda": ("has numpy 1.0 2.0", ["1.0", "2.0"]),
    "under another key": ('printf \'{"a": [{"name": "numpy", "version": "1"}, {"name": "x"}, 3], "b": 1}\'', ["1"]),
    "micromamba": ('printf \'{"result": {"pkgs": [{"name": "numpy", "version": "3"}]}}\'', ["3"]),
    "micromamba, none": ('printf \'{"result": {"pkgs": null}}\'', []),
    "none": ("refuses PackagesNotFoundError x", []),
    "refused otherwise": ("refuses UnsatisfiableError x", None),
    "no network": ("refuses CondaHTTPError x", None),
}


@posix
@pytest.mark.parametrize(("effect", "found"), FOUND.values(), ids=FOUND)
def test_which_versions_the_channels_have(effect: str, found: list[str] | None, prefix: Path, tmp_path: Path) -> None:
    assert Conda([str(Told(tmp_path, prefix, {"search": effect}).conda)]).search("numpy") == found


@posix
def test_what_a_solve_would_do(prefix: Path, tmp_path: Path) -> None:
    effects = {
        "remove": 'printf \'{"actions": {"UNLINK": [{"name": "old", "version": "1"}], "LINK": null}}\'',
        "install": 'printf \'{"actions": {"LINK": [{"name": "new", "version": "2", "channel": "c"}, 3]}}\'',
    }
    told = Told(tmp_path, prefix, effects)
    answer, moves = Conda([str(told.conda)]).solve("/e", ["new 2"], ["old"])
    assert answer.ok and moves == Moves({"new": ("2", "", "c")}, {"old": ("1", "", "")})
    assert told.lines == [
        "conda remove --dry-run --yes -p /e old --json", "conda install --dry-run --yes --no-pin -p /e new 2 --json",
    ]  # fmt: skip
    refused = Told(tmp_path, prefix, {"remove": "refuses RemoveError no", "install": "printf '{\"actions\": []}'"})
    assert not Conda([str(refused.conda)]).solve("/e", ["new 2"], ["old"])[0].ok
    assert len(refused.lines) == 3, "nothing is solved for where the removal is refused"
    assert Conda([str(refused.conda)]).solve("/e", ["new 2"])[1] == Moves({}, {})


@posix
def test_an_environment_is_created_whole_or_not_at_all(tmp_path: Path, prefix: Path) -> None:
    half = tmp_path / "half"
    effects = {"remove": f"rm -r {quote(str(half))}", "create": f"mkdir -p {quote(str(half))}/conda-meta; false"}
    told = Told(tmp_path, prefix, effects)
    conda = Conda([str(told.conda)], quiet=True)
    assert not conda.create(str(half), "file.yml") and not half.exists()
    assert told.lines == [f"conda env create -p {half} -f file.yml", f"conda env remove --yes -p {half}"]
    made = Told(tmp_path, prefix, {"create": f"mkdir -p {quote(str(half))}/conda-meta"}, "micromamba")
    assert Conda([str(made.conda)], quiet=True).create(str(half), "file.yml") and half.exists()
    assert made.lines[2:] == [f"micromamba create --yes -p {half} -f file.yml"]
    failed = Told(tmp_path, prefix, {"create": "false"})
    assert not Conda([str(failed.conda)], quiet=True).create(str(tmp_path / "none"), "file.yml")
    assert failed.lines[3:] == [f"conda env create -p {tmp_path / 'none'} -f file.yml"]


@posix
def test_folders_and_revisions(tmp_path: Path, prefix: Path) -> None:
    effects = {
        "list": 'printf \'{"list": [{"rev": 3}, {"rev": 11}, {}, 99]}\'',
        "info": 'printf \'{"envs_dirs": ["/a", "/b"]}\'',
    }
    conda = Conda([str(Told(tmp_path, prefix, effects).conda)])
    assert (conda.revision("/e"), conda.folders()) == (11, ["/a", "/b"])
    told = Told(tmp_path, prefix, {**effects, "info": 'printf \'{"envs directories": ["/c"]}\''}, "micromamba")
    other = Conda([str(told.conda)])
    assert (other.revision("/e"), other.folders()) == (-1, ["/c"])


def test_what_conda_runs_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_SUBDIR", "win-64")
    assert Conda(["conda"]).environ()["CONDA_SUBDIR"] == "win-64"
    values = Conda(["conda"], "linux-64").environ()
    assert (values["CONDA_SUBDIR"], values["CONDA_PLUGINS_TF_DOCTOR_MODE"]) == ("linux-64", "disabled")


def test_what_may_be_changed(prefix: Path, tmp_path: Path) -> None:
    assert check_writable(str(prefix)) == ""
    frozen, meta = prefix / "conda-meta" / "frozen", prefix / "conda-meta"
    said = f"{prefix} is frozen ({frozen}): it must not be changed. Repair a clone, or let its owner unfreeze it."
    told = {"": "", "[]": "", '{"message": ""}': "", '{"message": 3}': "", '{"message": "No."}': " It says: No."}
    for text, more in told.items():
        frozen.write_text(text)
        assert check_writable(str(prefix)) == said + more
    frozen.unlink()
    (meta / "pixi").touch()
    assert check_writable(str(prefix)).endswith("makes it anew from its manifest; use fix --file pixi.toml.")
    assert check_writable(str(tmp_path)) == ""


@pytest.mark.skipif(os.name != "posix", reason="links and modes of POSIX")
def test_a_file_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    atomic.write(str(link), b"new")
    assert link.is_symlink() and path.read_text() == "new" and stat.S_IMODE(path.stat().st_mode) == 0o640
    atomic.write(str(link), b"ours", follow=False)
    assert not link.is_symlink() and path.read_text() == "new"
    mask = os.umask(0o027)
    try:
        atomic.write(str(tmp_path / "fresh"), b"")
        assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o640 and os.umask(0o027) == 0o027
    finally:
        os.umask(mask)
    with pytest.raises(RuntimeError), atomic.aside(str(path)):
        raise RuntimeError
    path.chmod(0o440)
    with pytest.raises(PermissionError, match="write-protected"):
        atomic.write(str(path), b"")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "fresh", "link"] and path.read_text() == "new"
    for name in (".file.a.new", ".file.a.old", ".other.a.new", "file.a.new"):
        (tmp_path / name).touch()
    atomic.sweep(str(tmp_path), "file")
    assert not (tmp_path / ".file.a.new").exists() and len(list(tmp_path.iterdir())) == 6
    assert atomic.read(str(tmp_path / "nothing")) is None
    atomic.remove(str(tmp_path / "nothing"))


@pytest.mark.skipif(os.name != "posix", reason="Windows has no pipes in a folder")
def test_a_pipe_is_written_to_where_somebody_reads(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="nobody reads this pipe"):
        atomic.write(str(pipe), b"text")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    atomic.write(str(pipe), b"text")
    assert os.read(reader, 10) == b"text" and stat.S_ISFIFO(pipe.stat().st_mode)
    os.close(reader)
    with open(os.devnull, "rb") as _:
        atomic.write(os.devnull, b"text")


def test_variables_are_set_beside_those_that_are(prefix: Path) -> None:
    path = prefix / "conda-meta" / "state"
    state.set_variables(str(prefix), ())
    assert not path.exists()
    state.set_variables(str(prefix), [("A", "$CONDA_PREFIX/lib")])
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 1}))
    state.set_variables(str(prefix), [("B", "b")])
    assert json.loads(path.read_text()) == {"version": 1, "env_vars": {"A": f"{prefix}/lib", "B": "b"}}


WHOLE: dict[str, Any] = {"started": "2026-01-01T00:00:00+00:00", "step": "pip"}
ODD = {
    "step": 1, "started": None, "revision": "1", "conda_before": "a", "pip_before": [1], "errors_before": [["a"]],
    "unmet_before": "a", "pinned": 1, "pinned_before": [], "changes": 3,
}  # fmt: skip
GOOD = {
    "errors_before": [["TFD603", "numpy"]], "unmet_before": None, "pinned": None, "pinned_before": "a", "revision": 3,
    "changes": [{"a": 1}], "unknown": 5,
}  # fmt: skip


@pytest.mark.parametrize("field", ODD)
def test_a_damaged_journal_is_none(field: str, prefix: Path) -> None:
    path = Path(journal.path_of(str(prefix)))
    path.write_text(json.dumps({**WHOLE, field: ODD[field]}))
    with pytest.raises(UsageError, match="is damaged"):
        journal.load(str(prefix))


def test_journals_as_they_are_read(prefix: Path) -> None:
    path = Path(journal.path_of(str(prefix)))
    assert journal.load(str(prefix)) is None
    for text in ("", "[]", "{}", "3"):
        path.write_text(text)
        with pytest.raises(UsageError, match="is damaged"):
            journal.load(str(prefix))
    path.write_text(json.dumps({**WHOLE, "step": "later"}))
    with pytest.raises(UsageError, match="is of another version"):
        journal.load(str(prefix))
    path.write_text(json.dumps({**WHOLE, **GOOD}))
    found = journal.load(str(prefix))
    assert found is not None and found.errors_before == (("TFD603", "numpy"),) and found.changes == ({"a": 1},)
    assert (found.unmet_before, found.pinned, found.pinned_before, found.revision) == (None, None, "a", 3)
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        journal.load(str(prefix))

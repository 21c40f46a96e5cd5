"""What would stop a repair is known before anything is touched: one line, and every file as it was."""

from __future__ import annotations

import os
import shutil
import socket
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.site import interpreter
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.repair import by_pip, preflight
from conda_tf_doctor.repair.journal import Journal
from conda_tf_doctor.repair.plan import Edit, Move, Plan
from tools.prefixes import add_dist

from .conftest import site_of
from .test_kept import tree
from .test_venv import broken, broken_venv, call, no_conda, venv

__all__ = ["broken", "broken_venv", "no_conda", "venv"]

Hinder = Callable[[Path, pytest.MonkeyPatch], None]


def closed_port() -> int:
    """Return a port of this machine at which nobody answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def no_network(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Wherever else this machine's pip may look is left out.
    for name in [name for name in os.environ if name.upper().startswith("PIP_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed_port()}/simple")


def refusing_index(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that answers, and has nothing: a mirror behind a login, an empty folder."""
    empty = prefix.parent / "nothing"
    empty.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", empty.as_uri())


def no_pip(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As uv makes its environments, and where the program runs without a pip as well."""
    for path in site_of(prefix).glob("pip*"):
        shutil.rmtree(path)
    monkeypatch.setattr(by_pip.sys, "executable", str(prefix / interpreter(str(prefix))))
    by_pip.pip_command.cache_clear()


def read_only(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What root may not do either is only shown by trying: a file system that is read-only."""
    opened = open

    def refusing(path, mode="r", *args, **kwargs):
        if mode == "x" and str(path).startswith(str(site_of(prefix))):
            raise OSError(30, "Read-only file system")
        return opened(path, mode, *args, **kwargs)

    monkeypatch.setattr(preflight, "open", refusing, raising=False)


def little_disk(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: usage(1 << 40, 1 << 40, 3 << 20))


def no_python(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its interpreter is for another machine, or damaged."""
    program = prefix / interpreter(str(prefix))
    program.unlink()
    program.write_bytes(b"\x7fELF of another machine")
    program.chmod(0o755)


CASES: dict[str, tuple[Hinder, str]] = {
    "no-network": (no_network, "pip could not reach its index; without it nothing can be installed."),
    "refusing-index": (refusing_index, "pip's index has no version at all of "),
    "no-pip": (no_pip, "has no pip, and none works on it from outside: the environment's own `python -m ensurepip`"),
    "read-only": (read_only, "cannot be written to: it is read-only."),
    "little-disk": (little_disk, "has 3 MB left, and this needs about "),
    "no-python": (no_python, "the environment's own Python does not start on this machine."),
}


@pytest.mark.parametrize(("hinder", "said"), CASES.values(), ids=CASES)
def test_one_line_and_nothing_is_touched(
    broken: Path, hinder: Hinder, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        hinder(broken, patched)
        before = tree(broken)
        status, document = call(capsys, "fix", "--apply", "--yes", "-p", broken)
    assert (status, document["applied"]) == (1, False)
    assert document["message"].startswith("Nothing was changed: ") and said in document["message"]
    assert "\n" not in document["message"]
    assert tree(broken) == before
    by_pip.pip_command.cache_clear()


@pytest.mark.parametrize("hinder", [no_network, refusing_index], ids=["no-network", "refusing-index"])
def test_for_want_of_an_index_no_plan_aims_at_a_lower_bound(
    broken: Path, hinder: Hinder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = call(capsys, "fix", "--dry-run", "-p", broken)[1]["changes"]
    hinder(broken, monkeypatch)
    document = call(capsys, "fix", "--dry-run", "-p", broken)[1]
    assert [(c["package"], c["pin"]) for c in document["changes"]] == [(c["package"], c["pin"]) for c in planned]
    assert document["unverified"].startswith("pip")


@pytest.mark.parametrize(
    ("edits", "moves"),
    [
        ([Edit("pip", "numpy", "numpy", ("<2",), "1.26.4")], ()),
        ([Edit("pip", "scipy", "scipy", ("<2",), "1.11.4", follows=("numpy",))], ()),
        ([Edit("pip", "scipy", "scipy", ("<2",), "1.11.4")], (Move("pip", "numpy", "2.1.3", "1.26.4"),)),
    ],
    ids=["itself", "what goes along", "what pip moves besides"],
)
def test_on_windows_a_library_that_is_in_use_is_named(
    edits: list[Edit], moves: tuple[Move, ...], venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_dist(venv, "numpy", "2.1.3", files={"numpy/core.pyd": "held", "numpy/__init__.py": ""})
    nothing = diagnose(read_prefix(str(venv)), load_matrix())
    plan = Plan(nothing, nothing, {edit.key: edit for edit in edits}, (), moves=moves)
    asked = tuple(edit.pin for edit in edits)
    record = Journal("2026-01-01", pip_install=asked, pip_along=tuple(by_pip.moved_along(plan)))
    assert preflight.obstacle(str(venv), record, plan) == ""
    monkeypatch.setattr(preflight.sys, "platform", "win32")
    opened = open

    def held(path, *args, **kwargs):
        if str(path).endswith(".pyd"):
            raise PermissionError(13, "The process cannot access the file")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(preflight, "open", held, raising=False)
    said = preflight.obstacle(str(venv), record, plan)
    library = site_of(venv) / "numpy" / "core.pyd"
    assert said == f"{library} is in use: end the Python (a notebook, an editor) that runs in this environment."

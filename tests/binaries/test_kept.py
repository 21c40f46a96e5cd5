"""What earlier runs read saves work, and never decides: whatever changed since, the verdict is that of a first run."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from conda_tf_doctor.binaries import remembered
from conda_tf_doctor.context import binaries
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix

from .conftest import MAIN, OTHER, SITE

DLL = "msvcp140.dll"
GOOD_TIMES = os.name == "posix"  # where a time of state changes whenever anything does


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, in which what was written just now counts as settled."""
    monkeypatch.setattr(remembered, "cache_folder", lambda: str(tmp_path / "cache"))
    monkeypatch.setattr(remembered, "SETTLED", -(10**12))
    return tmp_path / "cache"


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Receives a word for each closure that is resolved anew."""
    words: list[str] = []
    resolve = binaries.resolve
    monkeypatch.setattr(binaries, "resolve", lambda *args: words.append(args[1]) or resolve(*args))
    return words


def verdict(prefix: Path, remember: bool = True) -> list[str]:
    facts = read_prefix(str(prefix))
    facts.remember = remember
    return [f"{finding.code} {finding.message}" for finding in diagnose(facts, load_matrix()).findings]


def _gone(env: Path) -> None:
    (env / DLL).unlink()


def _in_place(env: Path, name: str = MAIN) -> None:
    path = env / name
    facts = path.stat()
    with path.open("r+b") as stream:
        stream.seek(0x3C)
        stream.write(b"\xff" * 16)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _replaced(env: Path) -> None:
    path = env / OTHER
    facts = path.stat()
    other = env / "elsewhere"
    other.write_bytes(b"\0" * facts.st_size)
    os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    os.replace(other, path)


def _longer(env: Path) -> None:
    with (env / OTHER).open("ab") as stream:
        stream.write(b"\0")


def _shadowed(env: Path) -> None:
    (env / SITE / "tensorflow" / "python" / "vcruntime140.dll").write_bytes(b"no image")


def _other_record(env: Path) -> None:
    record = env / SITE / "tensorflow-2.10.0.dist-info" / "RECORD"
    record.write_text(record.read_text() + "tensorflow/python/_pywrap_gone.pyd,,7\ntensorflow/gone.py,,7\n")


def _linked_away(env: Path) -> None:
    # The names in the folder stay as they are; what one of them leads to does not.
    (env / DLL).rename(env.parent / DLL)
    (env / DLL).symlink_to(env.parent / DLL)
    verdict(env)
    (env.parent / DLL).unlink()


CHANGES: dict[str, Callable[[Path], None]] = {
    "a file is gone": _gone,
    "a file was replaced by one of its size and time": _replaced,
    "a file is longer": _longer,
    "a worse copy lies in front": _shadowed,
    "a record lists more": _other_record,
}
if GOOD_TIMES:
    CHANGES |= {"a file was written to, and given its old time": _in_place, "a link leads nowhere": _linked_away}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen_whatever_is_remembered(
    env: Path, change: Callable[[Path], None], resolved: list[str]
) -> None:
    healthy = verdict(env)
    assert len(resolved) == 2  # TensorFlow's own, and what stands beside it
    assert verdict(env) == healthy == verdict(env, remember=False)
    assert len(resolved) == 4  # of these three runs the last alone resolved anything
    change(env)
    changed = verdict(env)
    assert changed == verdict(env, remember=False) != healthy
    assert verdict(env) == changed


def test_a_clock_that_was_put_back_is_not_believed(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "SETTLED", 2_000_000_000)
    now = [(env / MAIN).stat().st_mtime_ns - 10**12]
    monkeypatch.setattr(remembered.time, "time_ns", lambda: now[0])
    healthy = verdict(env)
    kept = remembered.Remembered(str(env))
    assert not kept._known  # what lies in the future may be written again at the very time that was noted
    now[0] += 2 * 10**12
    assert verdict(env) == healthy
    assert set(remembered.Remembered(str(env))._known) >= {"closures", "binaries", "sources"}


def test_other_variables_and_other_code_are_other_questions(
    env: Path, cache: Path, resolved: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = verdict(env)
    monkeypatch.setattr(binaries, "_variables", lambda env: {"PATH": "C:\\elsewhere"})
    verdict(env)
    assert len(resolved) == 4
    monkeypatch.undo()
    monkeypatch.setattr(remembered, "cache_folder", lambda: str(cache))
    monkeypatch.setattr(remembered, "SETTLED", -(10**12))
    monkeypatch.setattr(remembered, "__version__", "0.0.9")
    assert remembered.Remembered(str(env))._known == {}
    assert verdict(env) == healthy


@pytest.mark.parametrize("value", [[], [[], [], [7]], [[[1, 2]], [], []], "x", [[[[], None]], [0, 9, 1], []]])
def test_what_this_program_has_not_written_is_resolved_anew(
    env: Path, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = verdict(env)
    monkeypatch.setattr(remembered.Remembered, "of_several", lambda *_: value)
    assert verdict(env) == healthy


def test_a_closure_can_be_pickled(env: Path) -> None:
    closure = binaries.resolve(str(env), "win-64", [str(env / MAIN), str(env / OTHER)], "3.10.4")
    again = pickle.loads(pickle.dumps(closure))
    for one in (closure, again):
        assert [module.name for module in one.reach(one.roots[1])][:2] == [Path(OTHER).name, Path(MAIN).name]
    told = [
        [(m.name, m.kind, m.version, m.image and (m.image.imports, sorted(m.image.exports.names))) for m in one.modules]
        for one in (closure, again)
    ]
    assert told[0] == told[1]

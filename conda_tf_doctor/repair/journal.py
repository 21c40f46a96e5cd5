"""What a repair is about to do, on the disk before it does it: the next run finishes or undoes an interrupted one."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable
from typing import Any, NamedTuple

from .. import reading
from ..environment.facts import JOURNAL
from ..errors import UsageError
from . import atomic

NAME = JOURNAL
STEPS = ("keep", "uninstall", "conda", "pip", "check", "pins")
UNDOING, DONE = "undo", "done"
# What was carried out, each repair in a folder of its own, with the files that it replaced.
HISTORY = "tf-doctor-history"
LASTING = 10
FILES = "files"
# Kept files that nothing else holds any more; the oldest go first.
_ROOM = 4 << 30


def folder_of(prefix: str) -> str:
    """Return where a repair keeps its journal and its lock: conda-meta, or a venv's own folder."""
    meta = os.path.join(prefix, "conda-meta")
    return meta if os.path.exists(meta) else prefix


def path_of(prefix: str) -> str:
    """Return the path of a prefix's journal."""
    return os.path.join(folder_of(prefix), NAME)


class Journal(NamedTuple):
    """The record of one repair.

    Attributes:
        started: When, ISO 8601 in UTC.
        step: Which of ``STEPS`` is under way, or ``undo``.
        revision: Conda's revision before; -1 where unknown.
        conda_before: Every conda package before, as ``name=version=build``.
        pip_before: Every pip distribution before, as ``name==version``.
        conda_install: MatchSpecs for conda.
        conda_remove: Conda packages that go.
        conda_reinstall: Conda packages whose files are put back, as ``name=version=build``.
        pip_install: Requirements for pip.
        pip_again: What pip owned for the Python before, as ``name==version``, to be had for the new one.
        pip_uninstall: Distributions that go.
        pip_back: Requirements whose files are put back.
        pip_along: Distributions that pip replaces without being told to.
        errors_before: Codes and packages of the errors before.
        unmet_before: Demands of packages that were not met before, as texts; ``None`` where that was not looked at.
        pinned: The pinned file as it will be; ``None`` where it stays.
        pinned_before: The pinned file as it was; ``None`` where there was none.
        conda_after: Every conda package after it, as ``name=version=build``.
        pip_after: Every pip distribution after it, as ``name==version``.
        changes: What it changed, as the JSON of ``fix`` has it.
    """

    started: str
    step: str = STEPS[0]
    revision: int = -1
    conda_before: tuple[str, ...] = ()
    pip_before: tuple[str, ...] = ()
    conda_install: tuple[str, ...] = ()
    conda_remove: tuple[str, ...] = ()
    conda_reinstall: tuple[str, ...] = ()
    pip_install: tuple[str, ...] = ()
    pip_again: tuple[str, ...] = ()
    pip_uninstall: tuple[str, ...] = ()
    pip_back: tuple[str, ...] = ()
    pip_along: tuple[str, ...] = ()
    errors_before: tuple[tuple[str, str], ...] = ()
    unmet_before: tuple[str, ...] | None = None
    pinned: str | None = None
    pinned_before: str | None = None
    conda_after: tuple[str, ...] = ()
    pip_after: tuple[str, ...] = ()
    changes: tuple[Any, ...] = ()

    def folder(self, prefix: str) -> str:
        """Return where its own files are kept."""
        return os.path.join(folder_of(prefix), HISTORY, re.sub(r"[^0-9A-Za-z]", "", self.started.split("+")[0]))

    def save(self, prefix: str) -> Journal:
        """Write it; return it."""
        document = {"schema_version": 1, **self._asdict()}
        atomic.write(path_of(prefix), json.dumps(document, indent=1).encode("utf-8", "surrogateescape"), follow=False)
        return self

    def at(self, step: str, prefix: str) -> Journal:
        """Write that a step begins; return the journal that says so."""
        return self._replace(step=step).save(prefix)


def load(prefix: str) -> Journal | None:
    """Return the journal of an interrupted repair, or ``None``.

    Raises:
        UsageError: There is one, but it cannot be read.
    """
    return _read(path_of(prefix))


def _read(path: str) -> Journal | None:
    try:
        data = atomic.read(path)
    except OSError as error:
        raise UsageError(f"The journal {path} cannot be read: {error.strerror}.") from None
    if data is None:
        return None
    try:
        document: dict[str, Any] = reading.load_json(data.decode("utf-8", "surrogateescape"))
        fields = {k: _frozen(v) for k, v in document.items() if k in Journal._fields}
        if not all(_is_typed(name, value) for name, value in fields.items()):
            raise TypeError
        journal = Journal(**fields)
    except (ValueError, TypeError, AttributeError):
        raise UsageError(f"The journal {path} is damaged; check the environment, then remove that file.") from None
    if journal.step not in (*STEPS, UNDOING, DONE):
        raise UsageError(f"The journal {path} is of another version; check the environment, then remove that file.")
    return journal


def _is_typed(name: str, value: Any) -> bool:
    """Tell whether a field has the type that it is written with."""
    if name in ("pinned", "pinned_before"):
        return value is None or isinstance(value, str)
    if name == "unmet_before" and value is None:
        return True
    kind = tuple if name == "unmet_before" else type(Journal._field_defaults.get(name, ""))
    if kind is not tuple or name == "changes":
        return type(value) is kind
    pairs = name == "errors_before"
    return isinstance(value, tuple) and all(
        isinstance(each, tuple) and len(each) == 2 if pairs else isinstance(each, str) for each in value
    )


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def close(prefix: str) -> None:
    """The repair is over, one way or the other."""
    atomic.remove(path_of(prefix))


def file(prefix: str, journal: Journal) -> None:
    """Put a repair that was carried out into the history, and let go of what is too old."""
    folder = journal.folder(prefix)
    os.makedirs(folder, exist_ok=True)
    document = {"schema_version": 1, **journal._replace(step=DONE)._asdict()}
    atomic.write(
        os.path.join(folder, NAME), json.dumps(document, indent=1).encode("utf-8", "surrogateescape"), follow=False
    )
    done = history(prefix)
    for old in done[LASTING:]:
        forget(prefix, old)
    room = _ROOM
    for each in done[:LASTING]:
        room -= _size(os.path.join(each.folder(prefix), FILES))
        if room < 0:
            shutil.rmtree(os.path.join(each.folder(prefix), FILES), ignore_errors=True)


def history(prefix: str) -> list[Journal]:
    """Return the repairs that were carried out and can be taken back, the newest first."""
    folder = os.path.join(folder_of(prefix), HISTORY)
    names = sorted(os.listdir(folder), reverse=True) if os.path.isdir(folder) else []
    found = []
    for name in names:
        try:
            journal = _read(os.path.join(folder, name, NAME))
        except UsageError:
            continue  # one that is damaged must not hide the others
        if journal is not None:
            found.append(journal)
    return found


def forget(prefix: str, journal: Journal) -> None:
    """Remove a repair and what was kept for it from the history."""
    # Its journal first: killed in between, it is not in the history any more.
    atomic.remove(os.path.join(journal.folder(prefix), NAME))
    shutil.rmtree(journal.folder(prefix), ignore_errors=True)
    sweep(prefix, ())


def sweep(prefix: str, going_on: Iterable[Journal]) -> None:
    """Remove what a killed run left in the history: folders of no repair."""
    folder = os.path.join(folder_of(prefix), HISTORY)
    spared = {journal.folder(prefix) for journal in (*history(prefix), *going_on)}
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if os.path.join(folder, name) not in spared:
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
    if os.path.isdir(folder) and not os.listdir(folder):
        os.rmdir(folder)


def _size(folder: str) -> int:
    """Return the bytes that only this folder holds: a file that has other links costs nothing here."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            facts = os.stat(os.path.join(root, name))
            total += facts.st_size if facts.st_nlink < 2 else 0
    return total

"""What a repair is about to do, on the disk before it does it: the next run finishes or undoes an interrupted one."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from ..errors import UsageError
from . import atomic

# Not *.json: conda takes every such file in conda-meta for a package.
NAME = "tf-doctor-journal"
STEPS = ("uninstall", "conda", "pip", "check", "pins")
UNDOING = "undo"


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
        errors_before: Codes and packages of the errors before.
        pinned: The pinned file as it will be; ``None`` where it stays.
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
    errors_before: tuple[tuple[str, str], ...] = ()
    pinned: str | None = None

    def save(self, prefix: str) -> Journal:
        """Write it; return it."""
        document = {"schema_version": 1, **self._asdict()}
        atomic.write(path_of(prefix), json.dumps(document, indent=1).encode("utf-8", "surrogateescape"))
        return self

    def at(self, step: str, prefix: str) -> Journal:
        """Write that a step begins; return the journal that says so."""
        return self._replace(step=step).save(prefix)


def load(prefix: str) -> Journal | None:
    """Return the journal of an interrupted repair, or ``None``.

    Raises:
        UsageError: There is one, but it cannot be read.
    """
    path = path_of(prefix)
    try:
        data = atomic.read(path)
    except OSError as error:
        raise UsageError(f"The journal {path} cannot be read: {error.strerror}.") from None
    if data is None:
        return None
    try:
        document: dict[str, Any] = json.loads(data.decode("utf-8", "surrogateescape"))
        fields = {k: _frozen(v) for k, v in document.items() if k in Journal._fields}
        journal = Journal(**fields)
    except (ValueError, TypeError, AttributeError):
        raise UsageError(f"The journal {path} is damaged; check the environment, then remove that file.") from None
    if journal.step not in (*STEPS, UNDOING):
        raise UsageError(f"The journal {path} is of another version; check the environment, then remove that file.")
    return journal


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def close(prefix: str) -> None:
    """The repair is over, one way or the other."""
    atomic.remove(path_of(prefix))

"""The engine for programs: a report goes in, the document of ``check --json`` comes out.

What is here can be called in threads and in processes however they are started, and pickled: arguments, results and the
functions themselves. It stays compatible within a major version.

    from concurrent.futures import ProcessPoolExecutor
    from conda_tf_doctor.api import diagnose

    with ProcessPoolExecutor() as pool:
        documents = list(pool.map(diagnose, reports))
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from .engine.diagnose import diagnose as _diagnose
from .environment.report import environment_of
from .errors import UsageError
from .findings import ERROR, INFO
from .matrix.load import load_matrix
from .matrix.matrix import Matrix
from .reading import load_json
from .settings import codes

__all__ = ["UsageError", "diagnose", "summary"]

_of_thread = threading.local()


def diagnose(
    report: Mapping[str, Any] | str | bytes, *, ignore: Iterable[str] = (), matrix: str = "", name: str = "report"
) -> dict[str, Any]:
    """Judge a collected report.

    Args:
        report: What ``conda-tf-doctor report`` collects (``schema report``): the document, or its JSON text.
        ignore: Rules that are left out, by code or name.
        matrix: Path of a YAML file that lies over the bundled matrix; empty for none.
        name: What the report is called in messages and as the ``path`` of the result's target.

    Returns:
        The document of ``check --json`` (``schema check``): ``ok``, ``findings`` with the most probable cause first.

    Raises:
        UsageError: It is no JSON or no report, or the matrix is unusable; one sentence names the field.
    """
    if isinstance(report, str | bytes):
        try:
            report = load_json(report)
        except ValueError as error:
            raise UsageError(f"The report {name} is not JSON ({error}); collect it again.") from None
    known = _matrix(matrix)
    diagnosis = _diagnose(environment_of(report, name), known, codes(list(ignore), "ignore"))
    if diagnosis.has_commands:
        from .repair.companions import accompanied

        diagnosis = accompanied(diagnosis, known)
    return diagnosis.to_json()


def _matrix(path: str) -> Matrix:
    """Return the matrix of this thread and process: it reads from one open file, whose place they would share."""
    if getattr(_of_thread, "process", None) != os.getpid():
        _of_thread.process, _of_thread.known = os.getpid(), {}
    known: dict[str, Matrix] = _of_thread.known
    if path not in known:
        known[path] = load_matrix(path)
    return known[path]


def summary(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result of :func:`diagnose` as one flat row, for a table.

    Args:
        document: The result, or a document of ``check --json``.

    Returns:
        ``platform``, ``distribution``, ``tensorflow``, ``channel``, ``state`` (``ok``, ``warning``, ``error``, ``none``
        for no TensorFlow, ``unread``), ``code``, ``name`` and ``message`` of the first cause, ``errors``, ``warnings``,
        and ``codes``: all that fired but notes, with blanks between. Texts and whole numbers; empty: none.
    """
    telling = [finding for finding in document["findings"] if finding["severity"] != INFO]
    first = telling[0] if telling else {}
    tensorflow = document["tensorflow"] or {}
    counts = document["summary"]
    if document.get("error"):
        state = "unread"
    elif not document["ok"]:
        state = ERROR
    else:
        state = str(first["severity"]) if first else "ok" if tensorflow else "none"
    return {
        "platform": document["target"]["platform"] or "",
        "distribution": tensorflow.get("name") or "",
        "tensorflow": tensorflow.get("version") or "",
        "channel": tensorflow.get("channel") or "",
        "state": state,
        "code": first.get("code", ""),
        "name": first.get("name", ""),
        "message": first.get("message", document.get("error") or ""),
        "errors": counts["errors"],
        "warnings": counts["warnings"],
        "codes": " ".join(dict.fromkeys(finding["code"] for finding in telling)),
    }

"""What ``check`` says of a file as ``fix`` does: what it leaves open that breaks today, and whether there is a plan."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..findings import ERROR, Fix
from ..repair.candidates import Catalogue, catalogue_of
from ..repair.demands import Demands
from ..repair.files.edit import load
from ..repair.files.leftopen import left_open, not_for_pip
from ..repair.files.narrow import plan_for

if TYPE_CHECKING:
    from ..engine.diagnosis import Diagnosis
    from ..matrix.matrix import Matrix


def with_open_ends(diagnosis: Diagnosis, matrix: Matrix, ignore: frozenset[str]) -> Diagnosis:
    """Return a file's diagnosis with a warning for each package that is left open and would break.

    Args:
        diagnosis: Of a file.
        matrix: The compatibility matrix.
        ignore: Codes that are not shown.
    """
    env = diagnosis.env
    told = {finding.package for finding in diagnosis.findings}
    found = [f for f in left_open(env, matrix, Catalogue(matrix, env.platform)) if f.package not in told]
    found += not_for_pip(env)
    kept = []
    for finding in found:
        bound = next(iter((*finding.fix.pip, *finding.fix.pins)), "")
        note = f"Write `{bound}` into the file." if bound else finding.fix.note
        if finding.code not in ignore:
            kept.append(finding._replace(fix=Fix(note=note)))
    errors = sum(finding.severity == ERROR for finding in diagnosis.findings)
    fired = {finding.code for finding in found}
    return diagnosis._replace(
        findings=(*diagnosis.findings[:errors], *kept, *diagnosis.findings[errors:]),
        checked=tuple(code for code in diagnosis.checked if code not in fired),
        ignored=diagnosis.ignored + len(found) - len(kept),
    )


def planned(diagnosis: Diagnosis, matrix: Matrix, ignore: frozenset[str]) -> Diagnosis:
    """Return a file's diagnosis that knows whether ``fix --file`` finds other versions for it.

    A TensorFlow 1 is no repair's to make a TensorFlow 2, and a platform may have nothing else.

    Args:
        diagnosis: Of a file.
        matrix: The compatibility matrix.
        ignore: Codes that are not shown.
    """
    env = diagnosis.env
    if not diagnosis.count(ERROR) or env.listed or env.by_hand[0] or not os.path.isfile(env.path):
        return diagnosis
    try:
        managers = load(env.path, env.platform, env.python.version).managers
        plan = plan_for(env, matrix, ignore, Demands(), catalogue_of(env, matrix), managers)
    except UsageError:
        return diagnosis  # which `fix` has an answer to
    return diagnosis._replace(has_plan=bool(plan.edits) and plan.conflict is None)

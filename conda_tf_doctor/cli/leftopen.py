"""What a file leaves open and an installer of today fills with what does not work, told by ``check`` as by ``fix``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..findings import ERROR, Fix
from ..repair.candidates import Catalogue
from ..repair.files.leftopen import left_open, not_for_pip

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

"""What an error text establishes, beside what the rules found in the facts.

A text that says what failed may alone establish a cause; facts may refute one; where both speak of the same cause,
it is certain. What a text only makes possible becomes an ``info``, so that nothing is lost and no alarm is raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .. import versions
from ..advice import advise
from ..advice.gpu import dotted
from ..codes import ROWS, code_of_package
from ..environment.tensorflow import OWNERS
from ..explain.catalogue import need
from ..explain.rank import Cause, rank
from ..explain.told import python_of
from ..explain.unexplained import failure
from ..findings import CERTAIN, ERROR, INFO, LIKELY, POSSIBLE, TEXT, WARNING, Finding, Fix
from ..names import normalise

if TYPE_CHECKING:
    from ..context.context import Context
    from ..explain.rank import Verdict


_SEND = (
    "Where it fails, run `conda tf-doctor report -o report.json`, and send that file with the whole text to "
    "whoever helps you, or to the issues of conda-tf-doctor."
)


# What a text names of a package whose name is another.
_MODULES = {"tfdml-plugin": "tensorflow-directml-plugin", "absl": "absl-py", "google": "protobuf", "grpc": "grpcio"}
# What tells more of the cure than the facts do: which numpy it has to be, or which part of CUDA.
_TELLS_MORE = re.compile(r"module compiled against A[PB]I|Error: libnvrtc\.so")


def _shortened(line: str, limit: int = 300) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _new(context: Context, cause: Cause, severity: str) -> Finding:
    needs = need(cause.code)
    return Finding(
        cause.code,
        severity,
        cause.why,
        found=_shortened(cause.line),
        expected=cause.captured.get("needs", ""),
        evidence=("error_text",),
        source=f"explain/{cause.signature}",
        fix=advise(cause.code, context, cause.captured),
        confidence=cause.likelihood,
        needs=(needs,) if needs and cause.likelihood != CERTAIN else (),
        origin=TEXT,
    )


def _joined(context: Context, finding: Finding, cause: Cause, first: bool) -> Finding:
    """Return a rule's finding with what the text says of the same cause."""
    severity = finding.severity
    fragile = severity == WARNING and cause.likelihood != POSSIBLE
    telling = cause.strength > 1 and (cause.likelihood == CERTAIN or first)
    if telling and severity == INFO and cause.likelihood == POSSIBLE:
        # What an installer says of it is no failure: nothing is known to break, and nothing was seen to.
        severity = WARNING
    elif fragile or telling:
        # What is fragile, or was never known to break, has broken: the user saw it.
        severity = ERROR
    line = f"error_text: {_shortened(cause.line)}"
    fix = finding.fix
    lacks = fix == Fix() and (telling or severity == ERROR)
    if lacks or (severity == ERROR and _TELLS_MORE.search(cause.line)):
        # What is only outside of a declared range has no repair until somebody speaks of it.
        fix = advise(cause.code, context, cause.captured)
    return finding._replace(
        severity=severity,
        message=(severity == ERROR and finding.if_seen) or finding.message,
        fix=fix,
        evidence=(*finding.evidence, line),
        confidence=CERTAIN if cause.likelihood == CERTAIN or finding.confidence == CERTAIN else finding.confidence,
    )


def _is_of_another(context: Context, finding: Finding, cause: Cause) -> bool:
    """Tell whether a text blames another installed package than a finding whose code any of many packages may have."""
    if ROWS[finding.code].package or finding.code != code_of_package(finding.package):
        return False
    said = " ".join(cause.captured.get(each, "") for each in ("name", "package", "library"))
    parts = {_MODULES.get(part, part) for part in map(normalise, re.split(r"[\\/.\s]+", said))}
    blamed = {package.name for package in context.env.packages} & parts - set(OWNERS)
    return bool(blamed) and finding.package not in blamed


def from_error_text(context: Context, found: Iterable[Finding]) -> tuple[list[Finding], Verdict]:
    """Return the rules' findings joined with what the error text establishes, and what it says beside the facts.

    Args:
        context: The environment with its error text.
        found: What the rules found in the facts.
    """
    given = list(found)
    # What a rule leaves open is no finding yet: the text may decide it.
    found = [finding for finding in given if not finding.is_open]
    verdict = rank(context.env.error_text, context, found)
    causes = {cause.code: cause for cause in verdict.causes}
    of_others = [each for each in found if each.code in causes and _is_of_another(context, each, causes[each.code])]
    joined = [
        _joined(context, finding, causes[finding.code], finding.code == verdict.causes[0].code)
        if finding.code in causes and finding not in of_others
        else finding
        for finding in found
    ]
    same = [finding for finding in joined if finding not in of_others]
    present = {finding.code for finding in same}
    explained = any(finding.severity == ERROR and finding.code in causes for finding in same)
    for place, cause in enumerate(verdict.causes):
        if cause.code in present:
            continue
        telling = cause.likelihood == CERTAIN or (
            cause.likelihood == LIKELY and (place == 0 or cause.strength >= 2) and not explained
        )
        # An exception that was seen has a cause; where none is more than possible, the first is the one to look at.
        broken = place == 0 and cause.strength >= 2 and not any(f.severity == ERROR for f in joined)
        joined.append(_new(context, cause, ERROR if telling or broken else INFO))
        explained = explained or telling or broken
    joined += _of_another_python(context, verdict, joined)
    elsewhere = [*_of_other_packages(context, joined), *_of_other_cudnn(context, causes, joined)]
    # What did not fail with these packages is not repaired by changing them: that comes first.
    verdict = verdict._replace(causes=(*map(_as_cause, elsewhere), *verdict.causes))
    return [*joined, *elsewhere, *(finding for finding in given if finding.is_open)], verdict


def _of_another_python(context: Context, verdict: Verdict, found: list[Finding]) -> Iterable[Finding]:
    """Yield that the failure was another Python's, where the files that the text names are not this environment's."""
    here, there = context.env.python.minor, python_of(context.env.error_text)
    if not (verdict.causes and here and there) or here == there or any(finding.code == "TFD701" for finding in found):
        return
    yield Finding(
        "TFD701",
        WARNING,
        f"The error text names files of Python {there}, and this environment has Python {here}: what failed there ran "
        "in another Python than this one.",
        found=there,
        expected=here,
        evidence=("error_text",),
        source=context.env.python.source,
        fix=advise("TFD701", context, {}),
        confidence=LIKELY,
    )


def _of_other_packages(context: Context, found: list[Finding]) -> Iterable[Finding]:
    """Yield that what failed had other packages than are recorded here, where the text says their versions."""
    if not context.env.contradicted or any(ROWS[finding.code].elsewhere for finding in found):
        return
    pairs = context.env.contradicted.items()
    told = ", ".join(f"{name} {version}" for name, (_, version) in pairs)
    recorded = ", ".join(f"{name} {version}" for name, (version, _) in pairs)
    yield Finding(
        "TFD701",
        ERROR,
        f"The error text speaks of {told}, and {recorded} is what is recorded here: what failed ran with other "
        "packages than these, those of another environment, of the user site or of PYTHONPATH.",
        found=told,
        expected=recorded,
        evidence=("error_text",),
        source="error_text",
        fix=advise("TFD701", context, {}),
        confidence=LIKELY,
    )


def _of_other_cudnn(context: Context, causes: Mapping[str, Cause], found: list[Finding]) -> Iterable[Finding]:
    """Yield that another cuDNN was loaded than those that are known to be there, one of which would do."""
    loaded = dotted(causes["TFD303"].captured.get("has", "")) if "TFD303" in causes else ""
    there = [library.version for library in context.cudnn if library.version] + list(context.env.system.cudnn_installed)
    accepted = context.build.cudnn if context.build else ""
    right = [version for version in there if versions.contains(accepted, version)]
    known = any(f"{loaded}.".startswith(f"{v}.") or f"{v}.".startswith(f"{loaded}.") for v in there)
    if not loaded or not right or known or any(finding.code == "TFD504" for finding in found):
        return
    yield Finding(
        "TFD504",
        ERROR,
        f"cuDNN {loaded} was loaded, and cuDNN {', '.join(right)} is what is recorded: another copy comes before it.",
        found=loaded,
        expected=", ".join(right),
        evidence=("error_text",),
        source="error_text",
        fix=advise("TFD504", context, {"library": "cuDNN", "has": loaded}),
        confidence=LIKELY,
    )


def _as_cause(finding: Finding) -> Cause:
    return Cause(finding.code, LIKELY, finding.message, "", {}, finding.source, 3, 20_000)


def unexplained(context: Context, found: Iterable[Finding], verdict: Verdict | None) -> Iterable[Finding]:
    """Return the failure that a text shows where no finding explains it, with what to send and where.

    Args:
        context: The environment with its error text.
        found: All findings.
        verdict: What the text says beside the facts; ``None`` where nothing was judged.
    """
    named = {cause.code for cause in verdict.causes if cause.likelihood != POSSIBLE} if verdict else set()
    if any(f.severity == ERROR or (f.severity == WARNING and f.code in named) for f in found):
        return ()
    failed = failure(context.env.error_text, context)
    if failed is None:
        return ()
    said = failed.meaning or "The text shows a failure that nothing found here explains."
    return (
        Finding(
            "TFD903",
            WARNING,
            said,
            found=_shortened(failed.line),
            evidence=("error_text",),
            source="explain",
            fix=Fix() if failed.meaning else Fix(note=_SEND),
            confidence=CERTAIN if failed.meaning else POSSIBLE,
            needs=() if failed.meaning else ("the whole text, from the first line of the first traceback to the last",),
        ),
    )

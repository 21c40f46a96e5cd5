"""What is known to work, and what is known to break, between TensorFlow and the Python packages beside it.

The knowledge is data (``matrix/data/works*.yaml``); this module looks up what of it applies to an environment. Wheels
declare less than what breaks, and forbid more than what fails: a declared range alone makes no error here.
"""

from __future__ import annotations

from ... import versions
from ..._typing import TYPE_CHECKING, Any, NamedTuple
from ...context.promises import depended_on, find, holds_here, is_missing, promised, records, requirements
from ...environment.facts import CONDA, Package
from ...environment.tensorflow import owners
from ...findings import CERTAIN, ERROR, INFO, LIKELY, RANKS, WARNING
from ...matrix.model import KNOWLEDGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...context.context import Context


# Stands for the minor of TensorFlow in a range: `!={minor}.*` is every other release.
_MINOR = "{minor}"
# And the release of the package itself, in what it asks of others.
_VERSION = "{version}"
_MILDER = {ERROR: WARNING, WARNING: INFO, INFO: INFO}


class Breakage(NamedTuple):
    """One known problem that this environment has.

    Attributes:
        name: Normalised name of the package to blame.
        package: That package; ``None`` where it is missing.
        severity: ``error`` stops ``import tensorflow``, ``warning`` a part of it.
        how: What happens, as the end of a sentence.
        beside: The other packages that it takes, where it takes any.
        works: The range that works, joined with what TensorFlow declares.
        source: Name of the entry.
        evidence: How it was established.
        confidence: How sure it is.
        tensorflow: Whether it is between the package and TensorFlow, rather than among other packages.
        remedy: What to do where no version of any package is the answer; empty otherwise.
        fix: Other packages to change or install, by range, where the one to blame is not the one to change.
    """

    name: str
    package: Package | None
    severity: str
    how: str
    beside: tuple[Package, ...]
    works: str
    source: str
    evidence: tuple[str, ...]
    confidence: str
    tensorflow: bool
    remedy: str
    fix: dict[str, str]


def is_known(context: Context, name: str) -> bool:
    """Tell whether the symbols of an add-on's wheels were read beside this TensorFlow on this platform."""
    version = context.tensorflow.version if context.tensorflow else ""
    return any(
        holds_here(context, entry) and versions.contains(entry["tensorflow"], version)
        for entry in context.matrix.entries("works_symbols", name)
    )


def breakages(context: Context, table: str) -> list[Breakage]:
    """Return the known problems of this environment, at most one for each package.

    Where several distributions own the ``tensorflow`` package in different versions, only what holds for all of them
    counts: the files of which one are on the disk cannot be told from the list.

    Args:
        context: The environment beside the matrix.
        table: Name of the table of knowledge.
    """
    tensorflow = context.tensorflow
    if tensorflow is None or not tensorflow.version:
        return []
    candidates = [p.version for p in owners(context.env) if p.version and p.manager == tensorflow.manager]
    found: list[dict[str, Breakage]] = []
    # Told of the TensorFlow that is named, of which it is first asked.
    for version in dict.fromkeys((tensorflow.version, *candidates)):
        by_name: dict[str, Breakage] = {}
        for name, absence_tells in context.matrix.names(table):
            package = find(context, name)
            if package is None and not absence_tells:
                continue
            for breakage in _of_package(context, name, package, context.matrix.entries(table, name), version):
                kept = by_name.get(name)
                if kept is None or RANKS[breakage.severity] < RANKS[kept.severity]:
                    by_name[name] = breakage
        found.append(by_name)
    first, *others = found
    common = [first[name] for name in first if all(name in other for other in others)]
    return [
        breakage._replace(severity=max((other[breakage.name].severity for other in found), key=RANKS.__getitem__))
        for breakage in common
    ]


def _of_package(
    context: Context, name: str, package: Package | None, entries: list[dict[str, Any]], tensorflow: str
) -> Iterator[Breakage]:
    python = context.env.python.version
    for entry in entries:
        if not versions.contains(entry.get("tensorflow", ""), tensorflow):
            continue
        if not _holds(entry.get("python", ""), python) or not holds_here(context, entry):
            continue
        if package is None:
            missing = entry.get("missing")
            if (
                missing
                and _needed(context, name, missing)
                and is_missing(context, name)
                and _beside(context, missing.get("with", {})) is not None
            ):
                yield _breakage(context, name, None, entry, missing, (), missing["severity"], tensorflow)
            continue
        for row in entry.get("breaks", ()):
            broken = row["versions"].replace(_MINOR, versions.minor(tensorflow))
            if broken and not package.version:
                continue
            if not versions.contains(broken, package.version):
                continue
            beside = _besides(context, package, row, tensorflow)
            if beside is None:
                continue
            severity = _severity(context, package, row, beside)
            if severity:
                yield _breakage(context, name, package, entry, row, beside, severity, tensorflow)
            break


def _besides(context: Context, package: Package, row: dict[str, Any], tensorflow: str) -> tuple[Package, ...] | None:
    """Return the other packages that a row takes, or ``None`` where it does not hold; versions do not count."""
    if not versions.contains(row.get("tensorflow", ""), tensorflow):
        return None
    if not _holds(row.get("python", ""), context.env.python.version) or not holds_here(context, row):
        return None
    wanted = {other: _spelled(spec, package) for other, spec in row.get("with", {}).items()}
    return _beside(context, wanted) if _listed(context, row) else None


def _spelled(spec: str, package: Package) -> str:
    return spec.replace(_VERSION, ".".join(map(str, versions.release(package.version)[:3]))) if "{" in spec else spec


def _needed(context: Context, name: str, missing: dict[str, Any]) -> bool:
    """Tell whether a list of packages would hold this one.

    What TensorFlow declares, a whole list holds. What it imports without declaring it comes with other packages, and
    is to be expected only where those that come the same way are listed, too.
    """
    declared = name in requirements(context) or depended_on(context, name)
    return declared or (bool(missing.get("comes_with")) and _listed(context, missing))


def _listed(context: Context, row: dict[str, Any]) -> bool:
    return all(find(context, other) is not None for other in row.get("comes_with", ()))


def _holds(spec: str, version: str) -> bool:
    return not spec or (bool(version) and versions.contains(spec, version))


def _beside(context: Context, wanted: dict[str, str]) -> tuple[Package, ...] | None:
    """Return the other packages that a problem takes, or ``None`` where one is absent, unknown or of another version.

    A wanted version of ``none`` asks that the package is missing.
    """
    others = []
    for name, spec in wanted.items():
        package = find(context, name)
        if spec == "none":
            if package is not None or not is_missing(context, name):
                return None
            continue
        if package is None or not package.version or not versions.contains(spec, package.version):
            return None
        others.append(package)
    return tuple(others)


def _breakage(
    context: Context,
    name: str,
    package: Package | None,
    entry: dict[str, Any],
    row: dict[str, Any],
    beside: tuple[Package, ...],
    severity: str,
    tensorflow: str,
) -> Breakage:
    from ...specifiers import joined

    works = [row.get("works", entry.get("works", "")).replace(_MINOR, versions.minor(tensorflow))]
    if works[0] and package is not None:
        works = [*_works_besides(context, name, package, row, tensorflow), *works]
    return Breakage(
        name,
        package,
        severity,
        row["how"],
        beside,
        joined(requirements(context).get(name, ""), joined(*works)),
        f"works: {entry['id']}",
        tuple(entry.get("evidence", ())),
        # Where a record promises what the table forbids, somebody has tried it.
        row.get("confidence", CERTAIN if severity == row["severity"] else LIKELY),
        not row.get("with") and not row.get("python"),
        row.get("remedy", ""),
        {
            other: _spelled(spec.replace(_MINOR, versions.minor(tensorflow)), package) if package else spec
            for other, spec in row.get("fix", {}).items()
        },
    )


def _works_besides(context: Context, name: str, package: Package, row: dict[str, Any], tensorflow: str) -> list[str]:
    """Return the ranges that everything else known of a package leaves here, so that one change is enough."""
    found = []
    for table in KNOWLEDGE:
        for entry in context.matrix.entries(table, name):
            if not versions.contains(entry.get("tensorflow", ""), tensorflow) or not holds_here(context, entry):
                continue
            if not _holds(entry.get("python", ""), context.env.python.version):
                continue
            for other in entry.get("breaks", ()):
                works = other.get("works", entry.get("works", "")).replace(_MINOR, versions.minor(tensorflow))
                if other is not row and works and _besides(context, package, other, tensorflow) is not None:
                    found.append(works)
    return found


def companions(context: Context, changes: dict[str, str]) -> dict[str, str]:
    """Return what else has to change with these packages, so that the change breaks nothing that is installed.

    Args:
        context: The environment beside the matrix.
        changes: The range that each package is brought into.

    Returns:
        Ranges of other installed packages that do not work with the whole of such a range.
    """
    from ...specifiers import joined, within

    tensorflow = context.tensorflow
    found: dict[str, str] = {}
    for table in KNOWLEDGE if tensorflow else ():
        for name, _ in context.matrix.names(table):
            package = None if name in changes else find(context, name)
            if package is None or not package.version or tensorflow is None:
                continue
            for entry in context.matrix.entries(table, name):
                if not versions.contains(entry.get("tensorflow", ""), tensorflow.version) or not holds_here(
                    context, entry
                ):
                    continue
                for row in entry.get("breaks", ()):
                    wanted = row.get("with", {})
                    moved = {other: spec for other, spec in wanted.items() if other in changes}
                    rest = {**row, "with": {other: spec for other, spec in wanted.items() if other not in moved}}
                    works = row.get("works", entry.get("works", ""))
                    if (
                        moved
                        and (works or row.get("fix"))
                        and versions.contains(row["versions"], package.version)
                        and all(within(changes[other], spec) for other, spec in moved.items())
                        and _besides(context, package, rest, tensorflow.version) is not None
                    ):
                        kept = {name: works, **row.get("fix", {})} if works else row["fix"]
                        for other, spec in kept.items():
                            if other not in changes:
                                found[other] = joined(found.get(other, ""), spec)
    return found


def _severity(context: Context, package: Package, row: dict[str, Any], beside: tuple[Package, ...]) -> str:
    """Return how bad it is here: what a conda record promises is not broken because a wheel differs."""
    severity: str = row["severity"]
    binary = row.get("cause") == "binary"
    if beside:
        # Compiled against the other package: conda's own build says in its record what it was compiled against.
        if binary and package.manager == CONDA:
            kept = [promised((package,), other) for other in beside]
            return "" if all(promise is not False for promise in kept) else severity
        return severity
    tensorflow = context.tensorflow
    if tensorflow is None or tensorflow.manager != CONDA:
        return severity
    promise = promised(records(context), package)
    if promise is None:
        promise = _promised_by_row(context, package)
    if promise is False:
        return severity
    if promise is None:
        # A wheel that a private channel repackaged is still the wheel, compiled against what it was compiled against.
        return "" if binary and package.manager == CONDA and context.channel != "pypi" else severity
    return "" if binary else _MILDER[severity]


def _promised_by_row(context: Context, package: Package) -> bool | None:
    """Tell what the matrix knows of the record: of which build it is a list may leave open, a file always does."""
    rows = [context.build] if context.build else [row for row in context.builds if row.platform == context.env.platform]
    field = package.name.replace("-", "_")
    specs = {getattr(row, field, "") for row in rows if row.channel != "pypi"}
    answers = {versions.contains(spec, package.version) if isinstance(spec, str) and spec else None for spec in specs}
    return answers.pop() if len(answers) == 1 else None

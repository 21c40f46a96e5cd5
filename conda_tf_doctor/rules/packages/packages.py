"""TFD603-607, 609, 611: the Python packages beside TensorFlow.

What breaks is looked up in the knowledge tables (see :mod:`~conda_tf_doctor.rules.known`); here it is put into words.
"""

from __future__ import annotations

from ... import versions
from ..._light import re
from ..._typing import TYPE_CHECKING
from ...codes import CODE_OF_PACKAGE, code_of_package
from ...context.promises import complete, find, is_dependency, may_come_from_outside, promised, records, requirements
from ...environment.facts import CONDA, PIP
from ...environment.stack import TENSORFLOW
from ...environment.tensorflow import OWNERS, owners
from ...findings import ERROR, INFO, LIKELY, RANKS, WARNING, Finding, Fix
from ...matrix.model import KNOWLEDGE
from ...names import normalise
from .gencode import refused_code
from .known import Breakage, breakages, companions, is_known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...context.context import Context
    from ...environment.facts import Package

_DEPENDENCY = "TFD611"
_PLUGIN = "TFD607"
# Compiled for one TensorFlow each, with releases that this project has no table of: what they declare counts.
COMPILED = (
    "tensorflow-decision-forests",
    "tensorflow-directml-plugin",
    "intel-extension-for-tensorflow",
    "tensorflow-compression",
    "tfx-bsl",
)
_WHEELS = ("tensorflow-text", "tensorflow-io", "tensorflow-addons")

_REQUIREMENT = r"([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*([^;]*)"


def packages(context: Context) -> Iterator[Finding]:
    """Report the packages of TensorFlow's stack that do not work with it, or with each other."""
    if context.tensorflow is None:
        return
    yield from _metal_on_old_macos(context)
    yield from _empty_wheel_alone(context)
    told: set[str] = set()
    found = [
        (breakage, _DEPENDENCY if table == "works" else _PLUGIN)
        for table in KNOWLEDGE
        for breakage in breakages(context, table)
    ]
    # What has to change for TensorFlow's own sake takes along what others have against it.
    changing = {breakage.name for breakage, _ in found if breakage.tensorflow and breakage.works and breakage.package}
    wanted = _wanted(context, [breakage for breakage, _ in found])
    refused = _refused(context)
    for breakage, code in found:
        told.add(breakage.name)
        told.update(package.name for package in breakage.beside if package.name not in refused)
        finding = _finding(context, breakage, CODE_OF_PACKAGE.get(breakage.name, code), wanted)
        refusal = refused.get(breakage.name)
        if refusal and RANKS[refusal.severity] < RANKS[finding.severity]:
            message = f"{finding.message} {refusal.message}"
            finding = finding._replace(severity=refusal.severity, message=message, declared=refusal.expected)
        cause = next((package for package in breakage.beside if package.name in changing - {breakage.name}), None)
        yield _consequence(finding, cause) if cause else finding
    # A table that knows the pair says it in other words.
    of_protobuf = {b.name for b, _ in found if "protobuf" in (b.name, *(other.name for other in b.beside))}
    yield from refused_code(context, of_protobuf)
    yield from _conda_libraries(context)
    yield from _wheels_beside_conda(context, told)
    yield from _declared_by_plugins(context)
    yield from (finding for name, finding in refused.items() if name not in told)
    yield from _declared_only(context, told | set(refused))


def _refused(context: Context) -> dict[str, Finding]:
    if not (context.env.is_request or context.env.asked_of_pip):
        return {}
    from .asked import refused

    return {finding.package: finding for finding in refused(context)}


def _wanted(context: Context, found: list[Breakage]) -> dict[str, str]:
    """Return the range of each package that satisfies every finding about it, so that no repair undoes another."""
    if not found:
        return {}
    from ...specifiers import joined

    wanted: dict[str, str] = {}
    for breakage in found:
        if not breakage.remedy and breakage.severity != INFO:
            for name, spec in _changes(context, breakage).items():
                wanted[name] = joined(wanted.get(name, ""), spec)
    return wanted


def _changes(context: Context, breakage: Breakage) -> dict[str, str]:
    """Return what repairs a problem: packages by range, and those that would not work with these."""
    changes = {
        name: spec
        for name, spec in (breakage.fix or {breakage.name: breakage.works}).items()
        # What is there already in any version that does needs no change.
        if spec or name == breakage.name or find(context, name) is None
    }
    return changes | companions(context, changes)


def _consequence(finding: Finding, cause: Package) -> Finding:
    """Return a finding that vanishes with another one's repair as what it is: a repair of its own would contradict."""
    return finding._replace(
        severity=INFO,
        message=f"{finding.message} This follows from {cause.name} {cause.version}, and goes with it.",
        expected=f"{cause.name} in its range",
        accepts="",
        fix=Fix(),
    )


def _metal_on_old_macos(context: Context) -> Iterator[Finding]:
    from ...installers import pip_uninstall

    metal = context.env.package("tensorflow-metal")
    floor = context.matrix.entries("works_plugins", "tensorflow-metal-macos") if metal else []
    installed = context.macos
    if metal is None or not floor or not installed or versions.contains(floor[0]["works"], installed):
        return
    yield Finding(
        "TFD609",
        ERROR,
        f"tensorflow-metal does not load on macOS {installed}, and `import tensorflow` fails with it: "
        f"{floor[0]['how']}.",
        found=f"macOS {installed}",
        expected=f"macOS {floor[0]['works']}",
        evidence=(metal.source or metal.name, *floor[0]["evidence"]),
        source=f"works: {floor[0]['id']}",
        known=True,
        fix=Fix(
            note="Update macOS, or uninstall tensorflow-metal and use the CPU.",
            commands=(pip_uninstall([metal.name]),),
        ),
        package=metal.name,
    )


def _empty_wheel_alone(context: Context) -> Iterator[Finding]:
    """Report a TensorFlow whose wheel is empty here, without the distribution that holds the binaries."""
    from ...installers import pip_install

    env, tensorflow = context.env, context.tensorflow
    owned = owners(env)
    if tensorflow is None or not owned or not all(map(context.is_empty_wheel, owned)):
        return
    on_disk = (env.kind == "prefix" or env.collected) and not may_come_from_outside(env, TENSORFLOW)
    if not on_disk and not complete(context):
        return
    row = context.build
    wanted = row.stub_for if row and row.stub_for else f"tensorflow=={tensorflow.version}"
    yield Finding(
        _DEPENDENCY,
        ERROR,
        f"The wheel of {tensorflow.label} for {env.platform} is empty: TensorFlow itself is in "
        f"{wanted.partition('==')[0]}, which is not installed, and `import tensorflow` fails.",
        found=f"{tensorflow.label} alone",
        expected=wanted,
        evidence=tensorflow.package.where,
        source=row.id if row else "",
        fix=Fix(pip=(wanted,), commands=(pip_install([wanted]),)),
        package=wanted.partition("==")[0],
    )


def _finding(context: Context, breakage: Breakage, code: str, wanted: dict[str, str]) -> Finding:
    tensorflow = context.tensorflow
    assert tensorflow is not None
    stack = f"TensorFlow {tensorflow.version}"
    package, name = breakage.package, breakage.name
    python = f"Python {context.env.python.minor}" if context.env.python.minor else "this Python"
    if package is None:
        message = f"{name} is not installed, and {stack} needs it: {breakage.how}."
        found = "missing"
        evidence: tuple[str, ...] = ()
    else:
        others = [f"{other.name} {other.version}" for other in breakage.beside]
        subject = f"{name} {package.version}"
        verb = "does not work" if breakage.severity == ERROR else "does not fully work"
        partner = (
            " and ".join(others) if others else stack if breakage.tensorflow else f"{python}, and {stack} needs it"
        )
        if others:
            partner += f" beside {stack}"
        message = f"{subject} {verb} with {partner}: {breakage.how}."
        found = package.version
        evidence = tuple(each.source or f"{each.name} {each.version}" for each in (package, *breakage.beside))
    return Finding(
        code,
        breakage.severity,
        message,
        found=found,
        expected=_expected(breakage, stack),
        accepts=breakage.fix.get(name, breakage.works),
        absent=package is None,
        known=True,
        beside=tuple(other.name for other in breakage.beside),
        evidence=(*evidence, *breakage.evidence),
        source=breakage.source,
        fix=_fix(context, breakage, wanted),
        package=name,
        confidence=breakage.confidence,
    )


def _expected(breakage: Breakage, stack: str) -> str:
    others = ", ".join(f"{name} {spec}".strip() for name, spec in breakage.fix.items())
    return (
        others or breakage.works or (f"a TensorFlow it is made for, not {stack}" if breakage.remedy else "any version")
    )


def _fix(context: Context, breakage: Breakage, wanted: dict[str, str]) -> Fix:
    from ...installers import pip_uninstall

    if breakage.remedy:
        # What TensorFlow loads unasked harms by being there, and its own Keras does what another is for; other add-ons
        # are for the user to give up.
        unasked = breakage.name in ("tensorflow-metal", "keras")
        remove = (pip_uninstall([breakage.name]),) if unasked else ()
        if breakage.fix:
            from ...advice.make import pair

            return pair(context, breakage.fix, breakage.remedy)
        return Fix(note=breakage.remedy, commands=remove)
    changes = {name: wanted.get(name, spec) for name, spec in _changes(context, breakage).items()}
    from ...advice.add_ons import remedied

    return remedied(context, breakage.name, changes)


def _conda_libraries(context: Context) -> Iterator[Finding]:
    """Report shared libraries of another version than the one that conda's build is linked to.

    The solver never leaves them so; a package installed without its dependencies, or by force, does. The row of the
    build says which to look at, its record has the last word.
    """
    tensorflow, row = context.tensorflow, context.build
    if tensorflow is None or row is None or tensorflow.manager != CONDA or row.channel == "pypi":
        return
    for name, spec in row.requires.items():
        library = context.env.conda(name) if name.startswith("lib") else None
        if library is None or not library.version or versions.contains(spec, library.version):
            continue
        if promised(records(context), library) is False:
            yield Finding(
                _DEPENDENCY,
                ERROR,
                f"{name} {library.version} is not the one that this build of TensorFlow {tensorflow.version} is linked "
                f"to ({spec}): its library is not found, or lacks symbols.",
                found=library.version,
                expected=spec,
                evidence=(library.source or name,),
                source=row.id,
                fix=Fix(pins=(f"{name} {spec.replace('==', '')}",)),
                package=name,
            )


def _wheels_beside_conda(context: Context, told: set[str]) -> Iterator[Finding]:
    """Report plugins whose wheels are compiled for the TensorFlow wheel, beside conda's own build on Linux."""
    tensorflow = context.tensorflow
    if tensorflow is None or tensorflow.manager != CONDA or context.env.os != "linux":
        return
    for name in _WHEELS:
        package = context.env.package(name)
        if package is None or package.manager != PIP or name in told:
            continue
        yield Finding(
            _PLUGIN,
            WARNING,
            f"{name} from pip is compiled for pip's TensorFlow; beside conda's build its operations fail to load "
            '("undefined symbol").',
            found=f"{tensorflow.name} from {tensorflow.channel or 'conda'}",
            expected="TensorFlow and its plugin from one source",
            evidence=(package.source or name, "tensorflow/text#385"),
            source="rules: wheels beside conda's build",
            fix=Fix(note=f"Install {name} with conda, or TensorFlow with pip."),
            package=name,
            confidence=LIKELY,
        )


def _declared_by_plugins(context: Context) -> Iterator[Finding]:
    """Report compiled plugins whose own metadata asks for another TensorFlow."""
    tensorflow = context.tensorflow
    if tensorflow is None or not tensorflow.version:
        return
    for name in COMPILED:
        package = context.env.package(name)
        if package is None or package.manager != PIP or is_known(context, name):
            continue
        for requirement in package.depends:
            matched = re.match(_REQUIREMENT, requirement)
            if not matched or "extra ==" in requirement or normalise(matched.group(1)) not in OWNERS:
                continue
            spec = re.sub(r"==(\d+\.\d+)\.\d+$", r"==\1.*", matched.group(2).strip("() "))
            # A patch release changes no symbols, and one that is declared alone was merely the newest.
            if spec and not versions.contains(spec, tensorflow.version):
                yield Finding(
                    _PLUGIN,
                    WARNING,
                    f"{name} {package.version} is compiled for TensorFlow {spec} and fails to load, or is not used, "
                    f"beside {tensorflow.version}.",
                    found=tensorflow.version,
                    expected=spec,
                    evidence=(package.source or name, requirement),
                    source=f"metadata of {name} {package.version}",
                    fix=Fix(pip=(f"{tensorflow.name}{spec}",)),
                    package=name,
                    confidence=LIKELY,
                )
                break


def _declared_only(context: Context, told: set[str]) -> Iterator[Finding]:
    """Report, as information, what is outside the declared ranges without anything known against it."""
    tensorflow = context.tensorflow
    row = context.build
    if tensorflow is None or row is None or row.channel != "pypi" or tensorflow.manager == CONDA:
        return
    whole = context.env.whole or complete(context)
    for name, spec in requirements(context).items():
        if name in told or not is_dependency(name):
            continue
        package = find(context, name)
        code = code_of_package(name)
        if package is None:
            if whole:
                yield Finding(
                    code,
                    INFO,
                    f"{name} is not installed, and TensorFlow {tensorflow.version} declares that it needs it.",
                    found="missing",
                    absent=True,
                    expected=spec or "any version",
                    accepts=spec,
                    source=row.id,
                    fix=Fix(pip=(f"{name}{spec}",)),
                    package=name,
                )
        elif package.version and not versions.contains(spec, package.version):
            declared = f"{name} {package.version} is outside what TensorFlow {tensorflow.version} declares ({spec})"
            yield Finding(
                code,
                INFO,
                f"{declared}, but nothing is known to break.",
                found=package.version,
                expected=spec,
                accepts=spec,
                if_seen=f"{declared}, and by the error text it does break.",
                evidence=package.where,
                source=row.id,
                package=name,
            )

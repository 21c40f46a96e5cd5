"""TFD603 to 611 of files: what no installer takes together, and what a file asks for in a range without a version."""

from __future__ import annotations

from collections.abc import Iterator

from ... import versions
from ...advice.make import change, working
from ...advice.wheels import minors_of
from ...codes import code_of_package
from ...context.context import Context
from ...context.promises import is_dependency, is_whole, of_libprotobuf
from ...environment.facts import CONDA
from ...findings import ERROR, WARNING, Finding, Fix
from ...names import PIP_TO_CONDA
from ...specifiers import to_conda, within
from ..machine.python import span


def refused(context: Context) -> Iterator[Finding]:
    """Report what an installer refuses beside the TensorFlow that a file asks for: it installs nothing then.

    What is installed may work outside of a declared range, and often does; what is to be installed is held to it. A
    freeze is a file, too: of what works there it is no error that it cannot be had so again.

    Args:
        context: A file's, without ranges; of an environment without TensorFlow nobody asks.
    """
    tensorflow, env = context.tensorflow, context.env
    assert tensorflow is not None
    by_pip = tensorflow.manager != CONDA
    # Of conda's builds one has to go with all of the file. On Windows what a wheel asks for is asked for by another.
    wheel = context.binary_build
    builds = context.to_be_had if not by_pip else [wheel] if wheel else []
    # Newest Python first: its range is what is written where nothing else tells.
    declared = [each for row in builds for each in reversed(row.required_of_any(env.python.minor))]
    behind, _, version = (context.build.stub_for if by_pip and context.build else "").partition("==")
    if behind:
        declared = [{**each, behind: f"=={version}"} for each in declared]
    severity = WARNING if is_whole(context) else ERROR
    for name in declared[0] if declared else ():
        asked = env.is_request or {name, tensorflow.name} <= env.asked_of_pip
        if not asked or not (is_dependency(name) or name == behind):
            continue
        specs = list(dict.fromkeys(_asked_by(each, name) for each in declared))
        named = env.all_named(name if by_pip else PIP_TO_CONDA.get(name, name))
        package = next((each for each in named if (each.manager == CONDA) is not by_pip), None)
        if package is None or not package.version:
            continue
        if any(versions.contains(spec, package.version) for spec in specs):
            continue
        works = working(context, name)
        wanted = " or ".join(specs if by_pip else map(to_conda, specs))
        who, what = (package.manager or "an installer", "which asks" if by_pip else "every build of which asks")
        if not by_pip and name == "protobuf" and any("libprotobuf" in each for each in declared):
            what = "every build of which asks, by its libprotobuf,"
        yield Finding(
            code_of_package(name),
            severity,
            f"{who.capitalize()} refuses {name} {package.picked_from or package.version} beside {tensorflow.label}, "
            f"{what} for {wanted}.",
            found=package.version,
            expected=wanted,
            accepts=specs[0] if len(specs) == 1 else "",
            evidence=package.where,
            source=builds[0].id if builds else "",
            fix=change(context, {name: works if works and within(works, specs[0]) else specs[0]}),
            package=name,
        )


def _asked_by(declared: dict[str, str], name: str) -> str:
    """Return the range of a package that a build asks for; of protobuf, what goes with conda's library of it."""
    return (of_libprotobuf(declared.get("libprotobuf", "")) if name == "protobuf" else "") or declared.get(name, "")


def asked_for_nothing(context: Context) -> Iterator[Finding]:
    """Report a package of which a file asks for what no version is, in one line or in several that contradict."""
    for package in context.env.packages:
        if not package.is_asked_in_vain:
            continue
        places = package.metadata.get("sources") or (package.source,)
        asks = f"{len(places)} places of the file together ask for" if len(places) > 1 else "the file asks for"
        works = _of_python(context) if package.name == "python" else working(context, package.name)
        note = f"Write one range of {package.name} that has a version in it."
        who = package.manager or "an installer"
        yield Finding(
            "TFD611",
            ERROR,
            f"No version of {package.name} is {package.spec}, which {asks}: {who} installs nothing of it.",
            found=f"{package.name} {package.spec}",
            expected=works or "a range that has a version in it",
            evidence=tuple(filter(None, places)),
            source="the order of versions: PEP 440, and conda's VersionSpec",
            package=package.name,
            fix=change(context, {package.name: works}, note) if works and package.manager else Fix(note=note),
        )


def _of_python(context: Context) -> str:
    """Return the Pythons that this TensorFlow has a build for; empty where that is not known."""
    tensorflow = context.tensorflow
    if tensorflow is None or not tensorflow.version:
        return ""
    return span(minors_of(context, tensorflow.name, tensorflow.version))

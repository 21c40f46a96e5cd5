"""TFD611 of files: what a file asks for in a range that no version lies in."""

from __future__ import annotations

from collections.abc import Iterator

from ...advice.machine import minors_of
from ...advice.make import change, working
from ...context.context import Context
from ...findings import ERROR, Finding, Fix
from ..machine.python import span


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

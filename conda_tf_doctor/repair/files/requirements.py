"""The entries of a requirements.txt, each with its place in the text."""

from __future__ import annotations

import re

from ...environment.facts import PIP
from ...environment.files.platforms import marker_environment
from ...names import normalise
from .entry import Entry, line_spans

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.\-]*)(?P<extras>\s*\[[^\]]*\])?(?P<spec>\s*\(?\s*(?:[<>=!~]=?=?\s*[^\s,;#)]+\s*,?\s*)*\)?)"
    r"(?P<rest>.*)\Z",
    re.S,
)
_COMMENT = re.compile(r"(?:^|\s)#.*\Z", re.S)


def entry_of_requirement(raw: str, begin: int, line: int, platform: str, python: str) -> Entry | None:
    """Return the entry for one requirement; ``None`` for options, paths and addresses.

    Args:
        raw: The requirement as written.
        begin: Its place in the text.
        line: 1-based.
        platform: What its marker is evaluated for; may be empty.
        python: Version of Python for its marker; may be empty.
    """
    code = _COMMENT.sub("", raw)
    lead = len(code) - len(code.lstrip())
    code = code.strip()
    if not code or code[0] in "-./" or re.match(r"\w+\+|\w+:|[\w.-]+[/\\]", code):
        return None
    matched = _REQUIREMENT.match(code)
    if matched is None:
        return None
    rest = matched.group("rest").strip()
    if rest.startswith("@"):
        return Entry(
            PIP, normalise(matched.group("name")), line, 0, 0, 0, 0, "", fixed="it names one address; change it by hand"
        )
    spec = matched.group("spec")
    start = begin + lead + matched.start("spec")
    end = start + len(spec.rstrip())
    fixed = ""
    if "--hash" in rest:
        fixed = "its hashes are pinned; make the file again with the new version"
    elif "(" in spec:
        start, end = start + spec.index("(") + 1, start + (spec.index(")") if ")" in spec else len(spec))
    elif rest and rest[0] not in ";-":
        fixed = "its form is not understood; change it by hand"
    marker = rest[1:].split(" --")[0].strip() if rest.startswith(";") else ""
    applies = not marker or _holds(marker, platform, python)
    return Entry(PIP, normalise(matched.group("name")), line, start, end, 0, 0, "", applies=applies, fixed=fixed)


def _holds(marker: str, platform: str, python: str) -> bool:
    from packaging.markers import InvalidMarker, Marker

    if not platform:
        return True
    try:
        parsed = Marker(marker)
    except InvalidMarker:
        return True
    return any(
        parsed.evaluate(dict(marker_environment(platform, each)))
        for each in ([python] if python else [f"3.{minor}" for minor in range(5, 16)])
    )


def entries_of_requirements(
    text: str, path: str, platform: str, python: str
) -> tuple[list[Entry], dict[str, tuple[str, int]]]:
    """Find the requirements of a file; those that continue over several lines cannot be edited."""
    entries: list[Entry] = []
    skip = 1 if text.startswith("\ufeff") else 0
    held = None
    for number, (begin, end) in enumerate(line_spans(text), 1):
        begin += skip if number == 1 else 0
        raw = text[begin:end].rstrip("\r\n")
        continued = raw.rstrip().endswith("\\")
        if held is None:
            body = raw.rstrip().removesuffix("\\")
            found = entry_of_requirement(body, begin, number, platform, python)
            held = found._replace(first=begin, last=end, group=PIP) if found else None
        else:
            held = held._replace(last=end)
            if "--hash" in raw:
                held = held._replace(fixed="its hashes are pinned; make the file again with the new version")
        if not continued:
            if held is not None:
                entries.append(held)
            held = None
    if held is not None:
        entries.append(held)
    return entries, {PIP: ("{name}{version}", len(text))}

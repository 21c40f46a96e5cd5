"""Findings in the forms that other programs read: SARIF 2.1.0, GitHub's annotations, JUnit's XML."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree

from .. import __version__
from ..codes import ITSELF, RULES, codes_where
from ..explain.pages import plain, read_page
from ..findings import ERROR, INFO, WARNING, Finding
from ..safely import safe
from ..shell import command_line
from .located import Place, place_of_finding, relative
from .screen import into_file

if TYPE_CHECKING:
    from ..engine.diagnosis import Diagnosis

_LEVELS = {ERROR: "error", WARNING: "warning", INFO: "note"}
# Path and sentence of what could not be read.
Refused = tuple[str, str]
SITE = "https://conda-tf-doctor.github.io/conda-tf-doctor"
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def advice(diagnosis: Diagnosis, finding: Finding) -> list[str]:
    """Return what repairs a finding, a line each: the commands as they are pasted, then what no command can do."""
    env = diagnosis.env
    if env.kind == "file" and not env.listed:
        path = "the file" if env.path == "-" else relative(env.path)
        lines = into_file(env, [finding], path)  # nothing is installed yet
    else:
        lines = [safe(command_line(command, env.platform)) for command in finding.fix.commands]
    return [*lines, *([safe(finding.fix.note)] if finding.fix.note else [])]


def _sentence(diagnosis: Diagnosis, finding: Finding) -> str:
    parts = [finding.message]
    if finding.expected:
        parts.append(f"Found {finding.found or 'nothing'}; expected {finding.expected}.")
    return safe(" ".join(parts))


def _rule(code: str) -> dict[str, Any]:
    page = read_page(code)
    sections = dict(page.sections)
    what, *rest = (plain(text, 0) for text in sections.values())
    markdown = "\n\n".join(f"## {heading}\n\n{text}" for heading, text in page.sections)
    return {
        "id": code,
        "name": RULES[code],
        "shortDescription": {"text": RULES[code].replace("-", " ")},
        "fullDescription": {"text": what},
        "helpUri": f"{SITE}/rules/{code}.html",
        "help": {"text": "\n\n".join((what, *rest)), "markdown": markdown},
    }


def _of_repository(path: str) -> str:
    """Return a path as GitHub wants it, from the top of the repository, in whichever folder of it the step works."""
    top = os.environ.get("GITHUB_WORKSPACE", "")
    if not top or path == "-" or not os.path.abspath(path).startswith(os.path.join(top, "")):
        return path
    return os.path.relpath(path, top).replace(os.sep, "/")


def _uri(path: str) -> str:
    path = _of_repository(path)
    return Path(path).as_uri() if os.path.isabs(path) else quote(path)


def _location(place: Place) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(place.path)}}
    if place.line:
        physical["region"] = {"startLine": place.line, "startColumn": place.column}
    return {"physicalLocation": physical}


def sarif(diagnoses: Iterable[Diagnosis], refused: Sequence[Refused] = ()) -> dict[str, Any]:
    """Return a SARIF 2.1.0 log of one run; rules bring their whole page as help.

    Args:
        diagnoses: What was examined.
        refused: What could not be, each with one sentence.
    """
    codes: dict[str, int] = {}
    results = []
    for diagnosis in diagnoses:
        for finding in diagnosis.findings:
            index = codes.setdefault(finding.code, len(codes))
            text = "\n".join((_sentence(diagnosis, finding), *advice(diagnosis, finding)))
            results.append(
                {
                    "ruleId": finding.code,
                    "ruleIndex": index,
                    "level": _LEVELS[finding.severity],
                    "message": {"text": text},
                    "locations": [_location(place_of_finding(diagnosis, finding))],
                    "properties": {"confidence": finding.confidence, "package": finding.package},
                }
            )
    driver = {
        "name": "conda-tf-doctor",
        "semanticVersion": __version__,
        "informationUri": SITE,
        "rules": [_rule(code) for code in codes],
    }
    told = [
        {"level": "error", "message": {"text": safe(error)}, "locations": [_location(Place(relative(path)))]}
        for path, error in refused
    ]
    invocation = {"executionSuccessful": not refused, "toolExecutionNotifications": told}
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _escaped(text: str, also: str = "") -> str:
    """Return a text as GitHub's workflow commands want it; ``also`` names what else is escaped in a property."""
    for character in "%\r\n" + also:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _file(path: str) -> str:
    return f"file={_escaped(_of_repository(path), ':,')}"


def github(diagnoses: Iterable[Diagnosis], refused: Sequence[Refused] = ()) -> list[str]:
    """Return GitHub's workflow commands, which it shows as annotations at the line.

    Args:
        diagnoses: What was examined.
        refused: What could not be, each with one sentence.
    """
    words = {ERROR: "error", WARNING: "warning", INFO: "notice"}
    lines = [f"::error {_file(relative(path))}::{_escaped(safe(error))}" for path, error in refused]
    for diagnosis in diagnoses:
        for finding in diagnosis.findings:
            place = place_of_finding(diagnosis, finding)
            fields = [_file(place.path)]
            if place.line:
                fields += [f"line={place.line}", f"col={place.column}"]
            fields.append(f"title={_escaped(f'{finding.code} {finding.name}', ':,')}")
            text = "\n".join((_sentence(diagnosis, finding), *advice(diagnosis, finding)))
            lines.append(f"::{words[finding.severity]} {','.join(fields)}::{_escaped(text)}")
    return lines


def _legal(text: str) -> str:
    """Return a text without the characters that XML 1.0 has no form for."""
    return "".join(
        c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c < "\ufffe") else "�" for c in text
    )


def _suite(
    root: ElementTree.Element, name: str, cases: Sequence[str], failures: int, errors: int
) -> list[ElementTree.Element]:
    """Add a suite with all that the schemas of Ant and of Jenkins ask for; return its cases, and where words go."""
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": str(errors), "time": "0"}
    told = {"id": str(len(root)), "package": "conda-tf-doctor", "hostname": "localhost"}
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    suite = ElementTree.SubElement(root, "testsuite", {"name": name, **counts, **told, "timestamp": now})
    ElementTree.SubElement(suite, "properties")
    found = [ElementTree.SubElement(suite, "testcase", classname=name, name=case, time="0") for case in cases]
    found.append(ElementTree.SubElement(suite, "system-out"))
    ElementTree.SubElement(suite, "system-err")
    return found


def junit(diagnoses: Sequence[Diagnosis], refused: Sequence[Refused] = ()) -> str:
    """Return JUnit's XML: a suite for each target, a case for each rule that was checked, failed where it is an error.

    A case is failed or not: what is a warning stands in its suite's ``system-out``.

    Args:
        diagnoses: What was examined.
        refused: What could not be, each with one sentence.
    """
    root = ElementTree.Element("testsuites")
    for diagnosis in diagnoses:
        warned = [f for f in diagnosis.findings if f.severity == WARNING]
        errors = [f for f in diagnosis.findings if f.severity == ERROR]
        # What was not checked, or is not explained, is not fine.
        open_ends = [f for f in warned if f.code in codes_where(family=ITSELF)]
        bad = [*errors, *open_ends]
        fine = sorted({*diagnosis.checked, *(f.code for f in warned)} - {f.code for f in bad})
        name = _legal(relative(diagnosis.env.path) if diagnosis.env.kind == "file" else diagnosis.env.path)
        cases = [f"{code} {RULES[code]}" for code in (*(f.code for f in bad), *fine)] or ["no TensorFlow"]
        *nodes, out = _suite(root, name, cases, len(errors), len(open_ends))
        for finding, node in zip(bad, nodes, strict=False):
            word, message = "failure" if finding in errors else "error", _legal(safe(finding.message))
            child = ElementTree.SubElement(node, word, message=message, type=finding.code)
            child.text = _whole(diagnosis, finding)
        out.text = "\n\n".join(f"WARNING {f.code} {f.name}\n{_whole(diagnosis, f)}" for f in warned)
    for path, error in refused:
        node, _ = _suite(root, _legal(path), ["read"], 0, 1)
        ElementTree.SubElement(node, "error", message=_legal(safe(error)), type="unreadable")
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False)


def _whole(diagnosis: Diagnosis, finding: Finding) -> str:
    return _legal("\n".join((_sentence(diagnosis, finding), *advice(diagnosis, finding))))


def rendered(form: str, diagnoses: Sequence[Diagnosis], refused: Sequence[Refused] = ()) -> str:
    """Return the findings in one of these forms.

    Args:
        form: ``sarif``, ``github`` or ``junit``.
        diagnoses: What was examined, in order.
        refused: What could not be, each with one sentence.
    """
    if form == "sarif":
        # Pure ASCII: no console encoding can break it.
        return json.dumps(sarif(diagnoses, refused), indent=2) + "\n"
    if form == "junit":
        return f'<?xml version="1.0" encoding="utf-8"?>\n{junit(diagnoses, refused)}\n'
    return "".join(f"{line}\n" for line in github(diagnoses, refused))

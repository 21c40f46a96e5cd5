"""Environments written by hand, with what has to be found in them: those of the rules' pages, and more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from conda_tf_doctor.codes import ITSELF, RULES, codes_where
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.explain.pages import read_page
from conda_tf_doctor.findings import ERROR
from conda_tf_doctor.matrix.load import load_matrix
from tests.binaries.conftest import whole, write_record
from tests.wholes import said
from tools.tiny_pe import make_dll

FOLDER = Path(__file__).parents[1] / "data" / "rules"
WRITTEN = {
    f"{file.stem}: {case['id']}": case for file in sorted(FOLDER.glob("*.yaml")) for case in YAML(typ="safe").load(file)
}
OF_PAGES = {
    f"{code} {place}": YAML(typ="safe").load(text)
    for code in sorted(RULES.keys() - codes_where(family=ITSELF))
    for place, text in enumerate(read_page(code).environments)
}
JUDGES = {"expect", "absent", "absent_errors", "first", "none", "healthy", "id", "kind", "windows", "afterwards"}


def package(text: Any) -> dict[str, Any]:
    """``numpy 1.23.5 pip`` or ``tensorflow 2.11.0 conda-forge cpu_py310h0_0`` as a report has it."""
    if isinstance(text, dict):
        return text
    words = str(text).split()
    owners = {"pip": {"manager": "pip", "channel": "pypi"}}
    found: dict[str, Any] = {"name": words[0]}
    rest = words[1:]
    if rest and rest[0][0].isdigit():
        found["version"] = rest.pop(0)
    if rest:
        owner = rest.pop(0)
        found.update(owners.get(owner, {"manager": "conda", "channel": owner}))
    if rest:
        found["build"] = rest[0]
    return found


def environment(case: dict[str, Any]) -> Environment:
    """Return the facts of a case that needs no folder."""
    report = {name: value for name, value in case.items() if name not in JUDGES}
    for field in ("packages", "requested", "user_site", "path_packages"):
        if field in report:
            report[field] = [package(item) for item in report[field]]
    env = environment_of(report, "case.json")
    env.kind = case.get("kind", "report")
    return env


def installed(case: dict[str, Any], folder: Path) -> Environment:
    """Return the facts of a case: a report, or a small whole Windows environment on disk with some files changed.

    ``windows`` names DLLs that are written anew before pip records them, ``afterwards`` those changed later.
    """
    if "windows" not in case:
        return environment(case)
    prefix = whole(folder)
    for path, image in case["windows"].items():
        make_dll(prefix / path, image.get("exports", ()), image.get("imports"), version=image.get("version", ""))
    write_record(prefix)
    for path, change in case.get("afterwards", {}).items():
        data = bytearray((prefix / path).read_bytes())
        assert change == "patched"
        data[0x400 + 6] ^= 0xFF
        (prefix / path).write_bytes(data)
    return read_prefix(str(prefix))


def judge(case: dict[str, Any], env: Environment) -> None:
    """Hold what is found in the environment of a case to what the case expects."""
    findings = said(f for f in diagnose(env, load_matrix()).findings if not f.is_open)
    got = {(finding.code, finding.severity) for finding in findings}
    codes = {code for code, _ in got}
    assert not codes & {"TFD901", "TFD902"}, findings
    for code, severity in case.get("expect", {}).items():
        assert (code, severity) in got, findings
    assert not codes & set(case.get("absent", ())), findings
    assert not {code for code, severity in got if severity == ERROR} & set(case.get("absent_errors", ())), findings
    if "first" in case:
        assert findings[0].code == case["first"]
    if case.get("none"):
        assert findings == []
    if case.get("healthy"):
        assert not {code for code, severity in got if severity == ERROR}, findings

"""What one finding says of a package, it says everywhere alike: commands, pins and requirements share a version.

And that version exists: where the tables know a package, pip can have it for the platform and the Python of the advice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import ERROR, Finding, Fix
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.names import CONDA_TO_PIP, normalise, parse_requirement
from conda_tf_doctor.versions import conda_contains, contains, is_prerelease, parse_matchspec

TESTS = Path(__file__).parents[1]
PYTHONS = [f"{minor}.{patch}" for minor in ("2.7", *(f"3.{n}" for n in range(3, 16))) for patch in range(20)]
TAKES_VALUE = ("-c", "-n", "-p", "--platform")


class Want(NamedTuple):
    """What a finding wants of a package: by whom, its name and a range."""

    conda: bool
    name: str
    spec: str

    def admits(self, version: str) -> bool:
        return not self.spec or (conda_contains if self.conda else contains)(self.spec, version)


def _load(*parts: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = YAML(typ="safe").load(TESTS.joinpath(*parts))
    return cases


def _package(name: str, version: str, channel: str = "pypi") -> dict[str, str]:
    manager = "pip" if channel == "pypi" else "conda" if channel else ""
    return {"name": name, "version": version, "manager": manager, "channel": channel}


def _reports() -> Iterator[tuple[str, dict[str, Any]]]:
    for place, case in enumerate([*_load("explain", "data", "forms.yaml"), *_load("data", "reports", "kinds.yaml")]):
        words = case.get("packages") or []
        packed = [re.split("={1,2}", word) for word in (words.split() if isinstance(words, str) else words)]
        listed = [_package(pair[0], pair[-1] if len(pair) > 1 else "") for pair in packed]
        yield str(place), {**case, "packages": listed, "requested": [], "error": case["text"]}
    for case in _load("data", "reports", "threads.yaml"):
        named = {
            key: [_package(p["name"], str(p.get("version", "")), p.get("channel", "")) for p in case.get(key, ())]
            for key in ("packages", "requested")
        }
        yield case["id"], {**case, **named}


def _environment(name: str, case: dict[str, Any]) -> Environment:
    python = next((p["version"] for p in case["packages"] if p["name"] == "python"), "")
    report = {
        "platform": case.get("platform", "linux-64"),
        "packages": [p for p in case["packages"] if p["name"] != "python"],
        "requested": case["requested"],
        "system": case.get("system", {}),
        "error_text": case["error"],
        **({"python": {"version": python}} if python else {}),
    }
    return environment_of(report, name)


def _want(text: str, conda: bool) -> Want:
    if conda:
        spec = parse_matchspec(text)
        return Want(True, CONDA_TO_PIP.get(spec.name, spec.name), spec.version)
    name, specifiers = parse_requirement(text)
    return Want(False, normalise(name.partition("[")[0]), specifiers)


def _wants(fix: Fix) -> Iterator[Want]:
    for command in fix.commands:
        start = next((place for place, word in enumerate(command, 1) if word in ("install", "create")), 0)
        pairs = zip(command[start - 1 :], command[start:], strict=False) if start else ()
        words = [word for before, word in pairs if word[0] != "-" and before not in TAKES_VALUE]
        yield from (_want(word, "pip" not in command[:start]) for word in words)
    yield from (_want(pin, True) for pin in fix.pins)
    yield from (_want(requirement, False) for requirement in fix.pip)


REPORTS = list(_reports())


def _disagreements(finding: Finding, env: Environment) -> Iterator[str]:
    wheels, python, platform = load_matrix().wheels, env.python.minor, env.platform
    by_name: dict[str, list[Want]] = {}
    for want in _wants(finding.fix):
        by_name.setdefault(want.name, []).append(want)
        if want.conda and want.name == "python" and re.fullmatch(r"==?\d\.\d+", want.spec):
            python = want.spec.lstrip("=")
    for command in finding.fix.commands:
        platform = command[command.index("--platform") + 1] if "--platform" in command else platform
    for name, wants in by_name.items():
        known = PYTHONS if name == "python" else [release.version for release in wheels.releases(name)]
        if not all(want.conda for want in wants) and name != "python":
            known = wheels.installable(name, platform, python)
        if known and not any(all(want.admits(version) for want in wants) for version in known):
            yield f"{finding.code}: {wants} (Python {python}, {platform})"


@pytest.mark.parametrize(("name", "case"), REPORTS, ids=[name for name, _ in REPORTS])
def test_what_is_named_twice_has_a_version_that_exists(name: str, case: dict[str, Any]) -> None:
    env = _environment(name, case)
    # What is asked for and exists nowhere, or was a candidate for a release, is named as the report has it.
    odd = [p.version for p in env.packages if is_prerelease(p.version)]
    errors = [finding for finding in diagnose(env, load_matrix()).findings if finding.severity == ERROR and not odd]
    assert [said for finding in errors for said in _disagreements(finding, env)] == []

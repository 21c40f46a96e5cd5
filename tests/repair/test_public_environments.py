"""What people really ask for, each for its own platform and another one: no false alarm, and nothing made worse.

`tests/data/repair/public.yaml` holds the facts. A repair of such a file leaves it installable as far as is known, keeps
TensorFlow's major, and is planned at once.
"""

from __future__ import annotations

import statistics
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

from conda_tf_doctor import versions
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import PIP
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.environment.tensorflow import OWNERS, find_tensorflow
from conda_tf_doctor.findings import ERROR
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.text import Style
from conda_tf_doctor.repair.demands import NO_DEMANDS
from conda_tf_doctor.repair.files.session import FileSession
from conda_tf_doctor.repair.session import Wishes

DATA = Path(__file__).parent.parent / "data" / "repair" / "public.yaml"
CASES: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(DATA.read_text(encoding="utf-8"))
OTHER = {"linux-64": "win-64", "win-64": "linux-64", "osx-64": "linux-64", "osx-arm64": "linux-64"}
BLOCKS = 6


def text_of(case: dict[str, Any]) -> str:
    lines = [f"channels: [{', '.join(case.get('channels', ['conda-forge']))}]", "dependencies:"]
    lines += [f"  - {spec}" for spec in case.get("conda", ())]
    if case.get("pip"):
        lines += ["  - pip:", *(f"    - {requirement}" for requirement in case["pip"])]
    return "\n".join(lines) + "\n"


def errors(path: Path, platform: str) -> list[str]:
    findings = diagnose(read_file(str(path), platform), load_matrix()).findings
    return sorted({f.code for f in findings if f.severity == ERROR})


def fixed(path: Path, platform: str) -> tuple[dict[str, Any], float]:
    wishes = Wishes("console", NO_DEMANDS, frozenset(), yes=True, json=True, quiet=True, offline=True)
    session = FileSession(str(path), platform, "", load_matrix(), wishes, Style(StringIO(), False))
    begin = time.process_time()  # what others do on the machine does not count
    document = session.run().document
    return document, time.process_time() - begin


def requirements(text: str) -> list[str]:
    return [line.strip()[2:].strip("'\"") for line in text.split("\n") if line.startswith("    - ")]


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 60
    assert {case["own"] for case in CASES} == {"linux-64", "win-64", "osx-64", "osx-arm64"}


@pytest.mark.parametrize("block", range(BLOCKS))
def test_public_environments(block: int, tmp_path: Path) -> None:
    wheels, seconds = load_matrix().wheels, []
    for number, case in list(enumerate(CASES))[block::BLOCKS]:
        for platform in (case["own"], OTHER[case["own"]]):
            path = tmp_path / "environment.yml"
            path.write_text(text_of(case), encoding="utf-8")
            before = read_file(str(path), platform)
            found = errors(path, platform)
            if platform == case["own"]:
                assert found == case.get("errors", []), (number, case)
            document, each = fixed(path, platform)
            seconds.append(each)
            where = (number, platform, document["changes"])
            announced = {finding["code"] for finding in document["announced"]}
            assert document["conflict"] is None and set(errors(path, platform)) <= announced, where
            text = path.read_text(encoding="utf-8")
            assert len([Requirement(line) for line in requirements(text)]) >= bool(case.get("pip")), where
            after = read_file(str(path), platform)
            old, new = find_tensorflow(before), find_tensorflow(after)
            assert old is not None and new is not None, where
            if old.version and new.version:
                assert versions.release(old.version)[0] == versions.release(new.version)[0], where
            changed = {change["package"].lower().replace("_", "-") for change in document["changes"]}
            for package in after.packages:
                if package.manager == PIP and package.version and not package.spec and package.name in changed:
                    known = wheels.has(package.name, package.version, platform, after.python.version)
                    built = package.version in wheels.installable(package.name, platform, after.python.version)
                    assert known is not False or built or package.name in OWNERS, (where, package)
    assert statistics.median(seconds) < 0.5 and max(seconds) < 2, seconds

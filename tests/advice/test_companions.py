"""A TensorFlow that pip installs anew comes with what pip would take wrongly beside it, named in the same command."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.advice.block import together
from conda_tf_doctor.cli.main import console
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.engine.diagnosis import Diagnosis
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import ERROR, INFO, WARNING, Finding
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.matrix.matrix import Matrix
from conda_tf_doctor.repair.companions import accompanied, left_by
from tests.advice.test_threads import CASES as THREADS
from tests.advice.test_threads import judged
from tests.rules.cases import OF_PAGES, WRITTEN, environment
from tests.wholes import shown

# All that TensorFlow declares, so that what is not in a list with it is missing.
WHOLE = {
    "tensorflow": "2.16.1", "keras": "3.0.5", "numpy": "1.26.4",
    "h5py": "3.11.0", "protobuf": "4.25.3", "absl-py": "2.1.0", "astunparse": "1.6.3",
    "flatbuffers": "24.3.25", "gast": "0.5.4", "google-pasta": "0.2.0", "libclang": "18.1.1",
    "ml-dtypes": "0.3.2", "opt-einsum": "3.3.0", "packaging": "24.0", "requests": "2.31.0",
    "setuptools": "69.5.1", "six": "1.16.0", "termcolor": "2.4.0", "typing-extensions": "4.11.0",
    "wrapt": "1.16.0", "grpcio": "1.62.2", "tensorboard": "2.16.2",
    "tensorflow-io-gcs-filesystem": "0.36.0", "rich": "13.7.1", "namex": "0.0.8", "optree": "0.11.0",
    "dm-tree": "0.1.8", "cloudpickle": "3.0.0",
}  # fmt: skip


def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], **facts: Any) -> list[list[str]]:
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"platform": "linux-64", "packages": [], **facts}))
    assert console(["check", "--report", str(path), "--json"]) == 1
    first = next(f for f in json.loads(capsys.readouterr().out)["findings"] if f["severity"] == "error")
    found: list[list[str]] = first["fix"]["commands"]
    return found


@pytest.mark.parametrize(
    ("platform", "python", "version", "made", "installed"),
    [
        ("win-64", "3.13.1", "2.10.0", "python=3.10", ["tensorflow==2.10.0", "numpy>=1.20,<2"]),
        ("osx-64", "3.9.1", "2.3.0", "python=3.8", ["tensorflow==2.3.0", "protobuf>=3.9.2,<3.21"]),
        # What it declares keeps pip from anything newer, or the newest of all is what it was made for.
        ("linux-64", "3.13.1", "2.13.0", "python=3.11", ["tensorflow==2.13.0"]),
        ("linux-64", "3.14.0", "2.21.0", "python=3.13", ["tensorflow==2.21.0"]),
    ],
)
def test_in_a_new_environment(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    platform: str,
    python: str,
    version: str,
    made: str,
    installed: list[str],
) -> None:
    asked = [{"name": "tensorflow", "version": version, "manager": "pip"}]
    assert commands(tmp_path, capsys, platform=platform, python={"version": python}, requested=asked) == [
        ["conda", "create", "-n", "tensorflow", made],
        ["conda", "activate", "tensorflow"],
        ["python", "-m", "pip", "install", *installed],
    ]


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        ("3.11.9", [["python", "-m", "pip", "install", "tensorflow==2.15.*", "tensorflow-addons==0.23.*"]]),
        (
            "3.12.4",
            [
                ["conda", "create", "-n", "tensorflow", "python=3.11"],
                ["conda", "activate", "tensorflow"],
                ["python", "-m", "pip", "install", "tensorflow==2.15.*", "tensorflow-addons==0.23.*"],
            ],
        ),
    ],
)
def test_an_add_on_that_has_ended_goes_with_an_older_tensorflow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], python: str, expected: list[list[str]]
) -> None:
    listed = [("tensorflow", "2.17.1"), ("tensorflow-addons", "0.23.0")]
    packages = [{"name": name, "version": version, "manager": "pip"} for name, version in listed]
    text = 'File "/v/site-packages/tensorflow_addons/utils/types.py", line 29\nModuleNotFoundError: No module named '
    facts = {"packages": packages, "python": {"version": python}, "error_text": f"{text}'keras.src.engine'"}
    assert commands(tmp_path, capsys, **facts) == expected


def test_what_a_change_in_place_asks_for_in_its_turn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # tensorflow-probability 0.24, the first for TensorFlow 2.16, imports tf-keras.
    listed = {**WHOLE, "tensorflow-probability": "0.23.0"}
    packages = [{"name": name, "version": version, "manager": "pip"} for name, version in listed.items()]
    text = "File tensorflow_probability/python/layers/distribution_layer.py\nAttributeError: module "
    facts = {
        "python": {"version": "3.11.7"},
        "packages": packages,
        "error_text": f"{text}'keras._tf_keras.keras' has no attribute '__internal__'",
    }
    assert commands(tmp_path, capsys, **facts) == [
        ["python", "-m", "pip", "install", "tensorflow-probability>=0.24,<0.25", "tf-keras>=2.16,<2.17"]
    ]


def test_a_bound_that_another_package_sets_narrows_what_was_advised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = {"tensorflow": "2.13.1", "numpy": "1.24.3", "jax": "0.9.1", "jaxlib": "0.9.1", "protobuf": "4.25.3"}
    packages = [{"name": name, "version": version, "manager": "pip"} for name, version in listed.items()]
    assert commands(tmp_path, capsys, python={"version": "3.11.7"}, packages=packages) == [
        ["python", "-m", "pip", "install", "jax<0.5", "jaxlib<0.5"]
    ]


@cache
def tried() -> list[tuple[str, Diagnosis, Diagnosis]]:
    """Return what is found in every written environment and text, before and after its advice was tried."""
    matrix = load_matrix()
    cases = {name: case for name, case in {**OF_PAGES, **WRITTEN}.items() if "platform" in case}
    found = {name: diagnose(environment(case), matrix) for name, case in cases.items()}
    found |= {f"text {number}": judged(case) for number, case in enumerate(THREADS)}
    return [(name, diagnosis, accompanied(diagnosis, matrix)) for name, diagnosis in found.items()]


def test_one_block_of_pip_heals_every_error() -> None:
    matrix, healed, left = load_matrix(), 0, []
    for _, diagnosis, whole in tried():
        errors = [f for f in whole.findings if f.severity == ERROR and f.fix.commands]
        block = together(finding.fix for finding in errors)
        after = left_by(block[0], diagnosis.env, matrix) if len(block) == 1 else None
        if after is not None:
            healed += 1
            left += [(block, f) for f in diagnose(after, matrix).findings if f.severity == ERROR]
    assert healed > 40
    assert left == []


def test_what_is_typed_once_it_was_tried() -> None:
    lines = []
    for name, diagnosis, whole in tried():
        for before, after in zip(diagnosis.findings, whole.findings, strict=True):
            if before != after:
                commands = "; ".join(map(" ".join, after.fix.commands)) or "-"
                lines += [f"{name}: {after.code} {after.package}: {commands}", f"  {after.fix.pip} {after.fix.note}"]
    shown("\n".join(lines))


def warned(
    matrix: Matrix, packages: dict[str, str], platform: str, python: str
) -> tuple[dict[str, Any], list[Finding]]:
    listed = [{"name": name, "version": version, "manager": "pip"} for name, version in packages.items()]
    report = {"schema_version": 1, "platform": platform, "python": {"version": python}, "packages": listed}
    found = accompanied(diagnose(environment_of(report, "r"), matrix), matrix).findings
    return report, [finding for finding in found if finding.severity != INFO]


@pytest.mark.parametrize(
    ("packages", "python", "advice"),
    [
        # What the newer add-on asks for in its turn.
        (
            {**WHOLE, "tensorflow-hub": "0.15.0"}, "3.11.7",
            [(("tensorflow-hub>=0.16.1", "tf-keras>=2.16,<2.17"), "")],
        ),
        # Two add-ons: where one has ended with an older TensorFlow, the other is advised for that one.
        (
            {"tensorflow": "2.19.1", "tensorflow-addons": "0.23.0", "tensorflow-decision-forests": "1.8.0"}, "3.11.7",
            [
                (("tensorflow==2.15.*", "tensorflow-addons==0.23.*"), "Or uninstall tensorflow-addons."),
                ((), "It can stay as it is with tensorflow==2.15.*, which tensorflow-addons needs."),
            ],
        ),
        # The other has releases for that one.
        (
            {"tensorflow": "2.19.1", "tensorflow-addons": "0.23.0", "tensorflow-text": "2.20.1"}, "3.11.7",
            [
                (("tensorflow==2.15.*", "tensorflow-addons==0.23.*"), "Or uninstall tensorflow-addons."),
                (("tensorflow-text>=2.13,<2.16",), ""),
            ],
        ),
        # No release for this TensorFlow has a wheel for this Python.
        (
            {"tensorflow": "2.17.1", "tensorflow-text": "2.20.1"}, "3.12.4",
            [
                (
                    ("tensorflow==2.18.*", "tensorflow-text==2.18.*"),
                    "tensorflow-text has wheels for this Python and TensorFlow 2.18.",
                )
            ],
        ),
    ],
)  # fmt: skip
def test_what_a_warning_advises_is_tried_too(
    packages: dict[str, str], python: str, advice: list[tuple[tuple[str, ...], str]]
) -> None:
    _, found = warned(load_matrix(), packages, "linux-64", python)
    assert {finding.severity for finding in found} == {WARNING}
    assert [(finding.fix.pip, finding.fix.note) for finding in found] == advice


def test_what_a_command_leaves() -> None:
    matrix = load_matrix()
    packages = [
        ("numpy", "2.1.3", "pip"),
        ("protobuf", "3.20.3", "pip"),
        ("h5py", "3.11.0", "conda"),
        ("six", "1.16.0", "pip"),
    ]
    asked = [("tensorflow", "2.15.0", "pip"), ("tensorflow-hub", "0.12.0", "pip")]
    listed, requested = (
        [dict(zip(("name", "version", "manager"), each, strict=True)) for each in some] for some in (packages, asked)
    )
    report = {"platform": "linux-64", "python": {"version": "3.11.7"}, "packages": listed, "requested": requested}
    env = environment_of({**report, "error_text": "ImportError"}, "r")
    install = ("python", "-m", "pip", "install")
    after = left_by((*install, "tensorflow==2.15.0", "h5py<3.11"), env, matrix)
    assert after is not None and after.error_text == "" and env.error_text
    there = {package.name: (package.version, package.manager) for package in after.packages}
    # numpy is in what TensorFlow declares no more; protobuf is, and stays; conda's stays conda's as well.
    assert there["tensorflow"] == ("2.15.0", "pip") and there["numpy"][0].startswith("1.26")
    assert (there["protobuf"], there["six"]) == (("3.20.3", "pip"), ("1.16.0", "pip"))
    assert ("h5py", "3.11.0", "conda") in [(p.name, p.version, p.manager) for p in after.packages]
    assert [package.name for package in after.requested] == ["tensorflow-hub"]
    assert left_by(("conda", "install", "tensorflow"), env, matrix) is None
    assert left_by((*install, "tensorflow==2.99"), env, matrix) is None


ADD_ONS = (
    "tensorflow-text", "tensorflow-hub", "tensorflow-addons", "tensorflow-io", "tensorflow-probability", "tf-keras",
    "ydf", "tensorflow-datasets", "mediapipe", "tensorflow-decision-forests", "keras", "h5py", "pandas", "jax",
    "tensorboard", "numpy",
)  # fmt: skip


def test_the_block_for_any_add_ons_leaves_none_of_what_it_is_for() -> None:
    matrix, chance, healed, left = load_matrix(), random.Random(16), 0, []
    for _ in range(250):
        platform, python = chance.choice(("linux-64", "win-64", "osx-arm64")), chance.choice(("3.9", "3.10", "3.12"))
        packages = {"tensorflow": chance.choice(matrix.wheels.installable("tensorflow", platform, python))}
        for name in chance.sample(ADD_ONS, chance.choice((1, 2, 3))):
            if there := matrix.wheels.installable(name, platform, python):
                packages[name] = chance.choice(there)
        report, found = warned(matrix, packages, platform, f"{python}.1")
        typed = [f for f in found if f.severity == found[0].severity and f.fix.commands]
        block = together(finding.fix for finding in typed)
        after = left_by(block[0], environment_of(report, "r"), matrix) if len(block) == 1 else None
        if after is not None:
            healed += 1
            told = {(finding.code, finding.package) for finding in typed}
            still = [f for f in diagnose(after, matrix).findings if f.severity != INFO]
            left += [(packages, block, f) for f in still if (f.code, f.package) in told or f.severity == ERROR]
    assert healed > 60
    assert left == []

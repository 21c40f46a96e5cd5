"""Every cause has advice on every platform, its commands are ones that a shell takes, and what they name exists."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conda_tf_doctor.advice import advise
from conda_tf_doctor.codes import RULES
from conda_tf_doctor.context.context import Context
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.environment.tensorflow import OWNERS
from conda_tf_doctor.explain.catalogue import signatures
from conda_tf_doctor.explain.match import match
from conda_tf_doctor.findings import Fix
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.matrix.matrix import Matrix
from conda_tf_doctor.names import parse_requirement
from conda_tf_doctor.repair.candidates import releases
from conda_tf_doctor.repair.companions import accompanied
from conda_tf_doctor.shell import command_line
from conda_tf_doctor.versions import conda_contains, contains
from tests import shells
from tests.advice.test_threads import CASES as THREADS
from tests.advice.test_threads import judged
from tests.rules.cases import OF_PAGES, WRITTEN, environment
from tools.prefixes import add_dist, add_record, make_prefix

MATRIX = load_matrix()
CODES = sorted({cause.code for signature in signatures() for cause in signature.causes})
MESSAGES: list[dict[str, Any]] = YAML(typ="safe").load(Path(__file__).parents[1] / "explain" / "data" / "messages.yaml")
# What conda has that no table of versions lists: helpers that every channel carries.
CONDA_NAMES = {
    "ipykernel", "mkl", "nomkl", "tensorflow-eigen", "cudatoolkit-dev", "libzlib-wapi", "vc14_runtime", "libstdcxx-ng",
    "libprotobuf", "hdf5", "flatbuffers", "libabseil", "abseil-cpp", "libopenblas", "libblas", "libcblas", "openssl",
    "tensorflow-gpu", "cuda-nvcc", "libtensorflow_cc", "libtensorflow_framework", "libgfortran5", "icu",
    "intel-openmp", "libgcc-ng", "snappy",
}  # fmt: skip
ENVIRONMENTS = [
    pytest.param({"platform": "linux-64", "packages": []}, id="nothing is known"),
    pytest.param(
        {"platform": "win-64", "packages": [{"name": "tensorflow", "version": "2.10.1", "manager": "pip"}]},
        id="windows",
    ),
    pytest.param(
        {
            "platform": "linux-64",
            "python": {"version": "3.11.9"},
            "packages": [{"name": "tensorflow", "version": "2.17.1", "manager": "pip"}],
        },
        id="pip",
    ),
    pytest.param(
        {
            "platform": "linux-64",
            "python": {"version": "3.10.1"},
            "packages": [
                {"name": "tensorflow", "version": "2.9.1", "manager": "conda", "channel": "conda-forge"},
                {"name": "keras", "version": "2.9.0", "manager": "conda", "channel": "conda-forge"},
            ],
        },
        id="conda-forge",
    ),
    pytest.param({"platform": "osx-arm64", "packages": [{"name": "tensorflow", "manager": "pip"}]}, id="a Mac"),
    pytest.param(
        {"platform": "win-64", "packages": [{"name": "tensorflow-gpu", "version": "1.12.0", "manager": "pip"}]},
        id="old",
    ),
]


@pytest.mark.parametrize("report", ENVIRONMENTS)
@pytest.mark.parametrize("code", CODES)
def test_every_cause_has_advice(code: str, report: dict[str, Any]) -> None:
    fix = advise(code, Context(environment_of(report, "test"), MATRIX), {})
    assert len(fix.note) > 20 or fix.commands, RULES[code]


def fixes() -> Iterator[tuple[str, str, Fix]]:
    """Yield platform, Python and fix of every cause of every known message, in environments that know little."""
    for case in MESSAGES:
        report = {"packages": [], "platform": "linux-64", **case.get("facts", {}), "error_text": case["text"]}
        context = Context(environment_of(report, "test"), MATRIX)
        for signal in match(case["text"], context):
            yield report["platform"], context.env.python.minor, advise(signal.code, context, signal.captured)


FIXES = list(fixes())


def test_commands_are_taken_by_a_shell_word_by_word() -> None:
    for platform, _, fix in FIXES:
        for command in fix.commands:
            assert shells.words(command_line(command, platform), platform) == list(command)
            assert not any("\n" in word for word in command)


@cache
def printed() -> frozenset[tuple[str, str, tuple[str, ...]]]:
    """Return platform, Python and command of everything that is advised for the environments of these tests."""
    commands = set()
    environments = [environment(case) for case in (*WRITTEN.values(), *OF_PAGES.values()) if "platform" in case]
    found = [(env, diagnose(env, MATRIX)) for env in environments]
    found += [(diagnosis.env, diagnosis) for diagnosis in map(judged, THREADS)]
    for env, diagnosis in found:
        for finding in accompanied(diagnosis, MATRIX).findings:
            platform, python = env.platform, env.python.minor
            for command in finding.fix.commands:
                # A new environment, or another Python in this one.
                if command[0] == "conda" and (put := [w[7:] for w in command if re.match(r"python=\d", w)]):
                    python = put[0].rstrip(".*")
                if command[:2] == ("conda", "create"):
                    platform = command[5] if command[4:5] == ("--platform",) else platform
                commands.add((platform, python, command))
    return frozenset(commands)


def test_what_is_printed_arrives_word_by_word_in_its_shell() -> None:
    assert len(printed()) > 200
    for platform, _, command in printed():
        line = command_line(command, platform)
        assert shells.words(line, platform) == list(command)
        assert "\n" not in line


def test_what_is_printed_names_what_the_tables_have() -> None:
    absent = set()
    for platform, python, command in printed():
        if command[:4] == ("python", "-m", "pip", "install") and not platform.endswith("-32"):
            absent |= {(w, platform, python) for w in named(command) if not exists_for_pip(MATRIX, w, platform, python)}
        elif command[:2] in (("conda", "install"), ("conda", "create")):
            absent |= {(word, platform, "") for word in named(command) if not exists_for_conda(word)}
            absent |= {(word, platform, python) for word in lacked(command, platform, python)}
    assert absent == set()


def test_the_solvers_own_list_of_pythons_comes_before_the_tables() -> None:
    report = {
        "platform": "linux-64",
        "python": {"version": "3.12.1"},
        "packages": [],
        "requested": [{"name": "tensorflow-gpu", "manager": "conda"}],
        "error_text": "LibMambaUnsatisfiableError: Encountered problems while solving:\n"
        "  - package tensorflow-2.14.1-py311_0 requires python 3.11.*, but none of the providers can be installed\n",
    }
    found = diagnose(environment_of(report, "test"), MATRIX).findings[0]
    assert found.fix.commands == (
        ("conda", "create", "-n", "tensorflow", "python=3.11", "tensorflow-gpu"),
        ("conda", "activate", "tensorflow"),
    )


def lacked(command: tuple[str, ...], platform: str, python: str) -> Iterator[str]:
    """Yield each TensorFlow that a command names and no channel that it asks has for the platform and the Python."""
    channels = [after for word, after in itertools.pairwise(command) if word == "-c"] or ["conda-forge", "defaults"]
    for word in named(command):
        name, version, build = re.fullmatch(r"([\w-]+?)((?:[<>!]=?|=)[^=]*)?(?:=(.*))?", word).groups(default="")  # type: ignore[union-attr]
        # What defaults' packages of these names bring is a build of tensorflow.
        build = {"tensorflow-eigen": "eigen", "tensorflow-gpu": "*[ug]*", "tensorflow-cpu": "*"}.get(name, build)
        if name not in OWNERS and name != "tensorflow-eigen":
            continue
        rows = [row for channel in channels for row in MATRIX.builds("tensorflow", "", channel, platform)]
        if not any(
            conda_contains(version, row.tensorflow)
            and (not python or not row.python or python in row.python)
            and fnmatch(row.variant_name, build or "*")
            for row in rows
        ):
            yield word


def test_what_is_installed_again_brings_no_other_numpy_along() -> None:
    commands = {command for _, _, fix in FIXES for command in fix.commands} | {command for _, _, command in printed()}
    for command in commands:
        if command[0] == "python" and "--force-reinstall" in command and "--no-deps" not in command:
            # These two require nothing.
            assert {parse_requirement(word)[0] for word in named(command)} <= {"numpy", "protobuf"}, command


def exists_for_pip(matrix: Matrix, requirement: str, platform: str, python: str = "") -> bool:
    """Tell whether the index has a release in a requirement's range that can be had; unknown packages count."""
    matched = re.match(r"([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?(.*)", requirement)
    assert matched
    name, spec = matched[1].lower().replace("_", "-"), matched[2]
    return not matrix.wheels.releases(name) or bool(matrix.wheels.newest(name, spec, platform, python))


def exists_for_conda(spec: str) -> bool:
    matched = re.match(r"([\w.-]+?)(?:(=|[<>!]).*)?\Z", spec)
    assert matched
    name = matched[1]
    if name in ("python", "tensorflow") or name in CONDA_NAMES:
        return True
    entry = releases().get(name.replace("_", "-"), {})
    known = [*entry.get("conda", ()), *entry.get("defaults", ())] or load_matrix().wheels.installable(name)
    wanted = spec[len(name) :]
    wanted = f"=={wanted[1:]}.*" if wanted.startswith("=") and not wanted.startswith("==") else wanted
    return any(contains(wanted, version) for version in known)


def named(command: tuple[str, ...]) -> Iterator[str]:
    """Yield what a command asks an installer for."""
    takes_value = ("-c", "-n", "-p", "--platform")
    start = 4 if command[:4] == ("python", "-m", "pip", "install") else 2
    for before, word in itertools.pairwise((*command[start - 1 : start], *command[start:])):
        if not word.startswith("-") and before not in takes_value:
            yield word


def test_what_is_advised_exists() -> None:
    absent = set()
    for platform, _, fix in FIXES:
        for command in fix.commands:
            if command[:4] == ("python", "-m", "pip", "install") and not platform.endswith("-32"):
                absent |= {(word, platform) for word in named(command) if not exists_for_pip(MATRIX, word, platform)}
            elif command[:2] in (("conda", "install"), ("conda", "create")):
                absent |= {word for word in named(command) if not exists_for_conda(word)}
    assert absent == set()


@pytest.mark.parametrize(
    ("recorded", "asked"),
    # Conda's own, as it was, where it goes with the library; else the one that does.
    [("4.21.12", "protobuf=4.21.12"), ("3.20.3", "protobuf=4.21")],
)
def test_conda_is_asked_for_the_protobuf_of_its_library(recorded: str, asked: str, tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.8")
    add_record(prefix, "linux-64", "tensorflow", "2.10.0", "cpu_py310hd1aba9c_0", depends=["tensorflow-base 2.10.0"])
    depends = ["python 3.10.*", "libprotobuf >=3.21.9,<3.22.0a0", "protobuf >=3.9.2"]
    add_record(prefix, "linux-64", "tensorflow-base", "2.10.0", "cpu_py310hbe31ca2_0", depends=depends)
    add_record(prefix, "linux-64", "protobuf", recorded, "py310_0")
    add_dist(prefix, "protobuf", "5.29.0")
    findings = diagnose(read_prefix(str(prefix)), load_matrix()).findings
    (mixed,) = (finding for finding in findings if finding.code == "TFD601")
    assert mixed.fix.commands[-1] == ("conda", "install", asked)

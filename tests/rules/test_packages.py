"""The packages beside TensorFlow: what is said about an environment is held to what really happened in it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from conda_tf_doctor.context.context import Context
from conda_tf_doctor.environment.facts import Environment, Package, Python
from conda_tf_doctor.findings import ERROR, INFO, SEVERITIES, WARNING, Finding
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.matrix.matrix import Matrix
from conda_tf_doctor.matrix.model import KNOWLEDGE as TABLES
from conda_tf_doctor.rules.packages.packages import packages
from conda_tf_doctor.specifiers import joined
from tests.wholes import said

RUNS = json.loads((Path(__file__).parents[1] / "data/packages/runs.json").read_text())["environments"]
VERDICTS = {"broken": ERROR, "partly": WARNING, "ok": INFO}


@cache
def matrix() -> Matrix:
    return load_matrix()


def environment(
    *items: Package, python: str = "", platform: str = "linux-64", kind: str = "report", **wheels: str
) -> Environment:
    """Return an environment of conda records (`items`) and wheels (`numpy="1.26.4"`, underscores for dashes)."""
    env = Environment(kind, "here", platform)
    env.python = Python(python, 64, "x86_64")
    env.add(items)
    env.add([Package(name.replace("_", "-"), version, "pip", channel="pypi") for name, version in wheels.items()])
    return env


def conda(name: str, version: str, *depends: str, channel: str = "conda-forge") -> Package:
    return Package(name, version, "conda", "h0_0", channel, metadata={"depends": list(depends)})


def told(env: Environment) -> list[Finding]:
    """Return what is found, without what is only information."""
    return [finding for finding in packages(Context(env, matrix())) if finding.severity != INFO]


def whole(env: Environment) -> list[Finding]:
    """Return the same, and have it held to what was written down."""
    return said(told(env))


def base(key: str, **changes: str | None) -> Environment:
    """Return one of the environments that the runs start from, with changes (`None` removes)."""
    wheels = {name.replace("-", "_"): version for name, version in RUNS[key]["packages"].items()}
    wheels.update({name: version for name, version in changes.items() if version is not None})
    kept = {name: version for name, version in wheels.items() if name not in changes or changes[name] is not None}
    return environment(python=key.partition("|")[2], **kept)


@pytest.mark.parametrize("key", RUNS)
def test_verdicts_are_those_of_the_runs(key: str) -> None:
    wrong = []
    for verdict, statements, changes in RUNS[key]["runs"]:
        findings = told(base(key, **{name.replace("-", "_"): version for name, version in changes.items()}))
        worst = min((finding.severity for finding in findings), key=SEVERITIES.index, default=INFO)
        if worst != VERDICTS[verdict]:
            wrong.append((changes, statements, verdict, [finding.message for finding in findings]))
        elif verdict != "ok" and changes:
            text = " ".join(finding.message for finding in findings)
            if not any(name in text for name in changes):
                wrong.append((changes, statements, "blames none of them", [text]))
    assert not wrong


@pytest.mark.parametrize("key", RUNS)
def test_healthy_environments_are_left_alone(key: str) -> None:
    assert not told(base(key))


def _entries() -> list[tuple[str, dict[str, Any]]]:
    return [(name, entry) for table in TABLES for name, entries in matrix().table(table).items() for entry in entries]


def _alternatives(spec: str) -> list[SpecifierSet]:
    return [SpecifierSet(part.strip().replace("{minor}", "2.10")) for part in spec.split("||")]


ENTRY_FIELDS = {
    *("id", "tensorflow", "python", "works", "how", "breaks", "missing", "evidence", "platform", "distribution"),
}
ROW_FIELDS = {
    *("versions", "tensorflow", "python", "with", "comes_with", "works"),
    *("severity", "cause", "how", "remedy", "fix", "confidence", "platform", "distribution"),
}


def test_every_entry_is_well_formed() -> None:
    ids = [entry["id"] for _, entry in _entries()]
    assert len(ids) == len(set(ids))
    for name, entry in _entries():
        assert entry["evidence"], f"{entry['id']} says not how it is known"
        if name == "tensorflow-over-each-other":
            assert set(entry) == {"id", "older", "newer", "platform", "how", "evidence"}
            continue
        assert set(entry) <= ENTRY_FIELDS, name
        assert set(entry.get("missing", ())) <= {"severity", "how", "comes_with", "with"}, entry["id"]
        for field in ("tensorflow", "python", "works"):
            _alternatives(entry.get(field, ""))
        for row in entry.get("breaks", ()):
            assert row["severity"] in SEVERITIES, entry["id"]
            assert set(row) <= ROW_FIELDS, entry["id"]
            _alternatives(row["versions"])


KNOWN_VERSIONS = (
    *("0.1.0", "0.2.2", "0.3.2", "0.4.1", "0.5.4", "1.12", "1.14.1", "1.19.5", "1.23.5", "1.24.4", "1.26.4", "2.0.2"),
    *("2.2.6", "2.6.0", "2.9.0", "2.10.0", "2.12.1", "2.15.0", "3.0.5", "3.1.0", "3.11.0", "3.20.3", "4.5.0"),
    *("4.25.9", "5.28.3", "6.31.1", "6.33.6", "7.36.2", "24.3.25"),
)


def test_what_works_is_not_what_breaks() -> None:
    for name, entry in _entries():
        for row in entry.get("breaks", ()):
            works = row.get("works", entry.get("works", ""))
            if row.get("with") or row.get("python") or row.get("tensorflow") or not works:
                continue
            both = [
                version
                for version in KNOWN_VERSIONS
                if any(version in spec for spec in _alternatives(works))
                and any(version in spec for spec in _alternatives(row["versions"]))
            ]
            assert not both, (name, entry["id"])


@pytest.mark.parametrize(
    ("python", "wheels", "code", "words"),
    [
        ("3.10.13", {"tensorflow": "2.10.0", "numpy": "2.0.2"}, "TFD603", ("numpy 2.0.2", "TensorFlow 2.10.0")),
        ("3.11.7", {"tensorflow-macos": "2.14.0", "numpy": "2.1.0"}, "TFD603", ("numpy 2.1.0",)),
        ("3.9.18", {"tensorflow-gpu": "2.9.0", "protobuf": "4.21.12"}, "TFD604", ("protobuf 4.21.12",)),
        ("3.8.18", {"tensorflow-directml": "1.15.8", "protobuf": "4.21.0"}, "TFD604", ("protobuf 4.21.0",)),
        ("3.12.1", {"tensorflow": "2.18.0", "numpy": "2.0.2", "h5py": "3.10.0"}, "TFD606", ("h5py", "numpy 2.0.2")),
        ("3.12.1", {"tensorflow": "2.16.1", "typing-extensions": "4.5.0"}, "TFD611", ("Python 3.12",)),
        ("3.11.7", {"tensorflow": "2.15.0", "wrapt": "1.12.1"}, "TFD611", ("Python 3.11",)),
    ],
    ids=lambda value: "-".join(f"{k}{v}" for k, v in value.items()) if isinstance(value, dict) else None,
)
def test_few_packages_are_enough_for_an_error(
    python: str, wheels: dict[str, str], code: str, words: tuple[str, ...]
) -> None:
    (finding,) = whole(environment(python=python, **wheels))
    assert (finding.code, finding.severity) == (code, ERROR)
    assert all(word in finding.message for word in words)
    assert finding.fix.pip and not finding.fix.pins
    assert finding.evidence and finding.source.startswith("works: ")


def test_a_short_list_lacks_nothing() -> None:
    env = environment(python="3.11.7", tensorflow="2.15.1", numpy="1.26.4", keras="2.15.0")
    assert not list(packages(Context(env, matrix())))


@pytest.mark.parametrize(
    ("key", "name", "severity"),
    [
        ("2.15.1|3.11.7", "ml_dtypes", ERROR),
        ("2.4.4|3.8.18", "flatbuffers", ERROR),
        ("2.12.1|3.11.7", "keras", WARNING),
        ("2.16.2|3.12.1", "tensorboard", WARNING),
    ],
)
def test_what_a_whole_list_lacks_is_missing(key: str, name: str, severity: str) -> None:
    (finding,) = whole(base(key, **{name: None}))
    assert (finding.severity, finding.found, finding.package) == (severity, "missing", name.replace("_", "-"))


def test_what_comes_with_other_packages_is_missing_only_beside_them() -> None:
    (finding,) = whole(base("2.10.1|3.10.13", requests=None))
    assert (finding.severity, finding.found, finding.package) == (ERROR, "missing", "requests")
    # A list of what TensorFlow itself declares says nothing of what comes with tensorboard.
    assert not whole(base("2.10.1|3.10.13", requests=None, werkzeug=None, markdown=None))
    assert not whole(base("2.9.3|3.10.13", requests=None))
    (finding,) = whole(base("2.10.1|3.10.13", requests="2.22.0"))
    assert (finding.severity, finding.fix.pip) == (ERROR, ("requests>=2.26",))
    assert not whole(base("2.10.1|3.10.13", requests="2.22.0", urllib3=None, idna=None, certifi=None))


def test_a_user_site_package_is_not_missing() -> None:
    env = base("2.15.1|3.11.7", ml_dtypes=None)
    env.user_site = [Package("ml-dtypes", "0.3.2", "pip")]
    assert not whole(env)


def test_an_environment_that_could_not_be_read_whole_lacks_nothing() -> None:
    from conda_tf_doctor.environment.facts import Note

    env = base("2.15.1|3.11.7", ml_dtypes=None)
    env.notes = [Note("site-packages/ml_dtypes-0.3.2.dist-info", "has no METADATA", hides=True)]
    assert not whole(env)


def test_declared_ranges_alone_are_information() -> None:
    env = base("2.10.1|3.10.13", protobuf="3.20.3")
    findings = said(packages(Context(env, matrix())))
    assert [(f.code, f.severity, f.package) for f in findings] == [("TFD604", INFO, "protobuf")]


JAX = {"jax": "0.10.2", "jaxlib": "0.10.2", "scipy": "1.17.1"}


@pytest.mark.parametrize(
    ("wheels", "fixes"),
    [
        # Who is installed and needs numpy 2, or a newer numpy 1, stands in the command that takes it away.
        (
            {"tensorflow": "2.15.1", "numpy": "2.4.6", "pandas": "3.1.1", **JAX},
            [("numpy>=1.23.5,<2.0.0", "jax<0.9", "jaxlib<0.9", "pandas<3.1")],
        ),
        (
            {"tensorflow": "2.12.1", "numpy": "2.4.6", "pandas": "3.0.6", **JAX},
            [("numpy>=1.23.5,<=1.24.3", "jax<0.5", "jaxlib<0.5", "pandas<3", "scipy<1.16")],
        ),
        (
            {"tensorflow": "2.16.2", "numpy": "2.4.6", "pyarrow": "26.0.1", "zarr": "3.4.2"},
            [("numpy>=1.23.5,<2.0.0", "pyarrow<26", "zarr<3.3")],
        ),
        # Where numpy 1 is there already, only who imports them minds: datasets may never do.
        ({"tensorflow": "2.17.1", "numpy": "1.26.4", "pyarrow": "26.0.0"}, []),
        ({"tensorflow": "2.17.1", "numpy": "1.26.4", "pyarrow": "25.0.1", "zarr": "3.2.1"}, []),
        # Two repairs of one package agree; what TensorFlow's ml-dtypes leaves of jax is the tighter bound.
        (
            {"tensorflow": "2.14.1", "numpy": "1.26.4", "ml-dtypes": "0.6.0", **JAX},
            [("ml-dtypes==0.2.0", "jax<0.6", "jaxlib<0.6"), ("jax<0.6", "jaxlib<0.6")],
        ),
        ({"tensorflow": "2.15.1", "numpy": "1.26.4", "jax": "0.9.2"}, [("jax<0.9", "jaxlib<0.9")]),
        ({"tensorflow": "2.15.1", "numpy": "1.26.4", "jax": "0.9.0"}, []),
        ({"tensorflow": "2.21.0", "numpy": "1.26.4", "jax": "0.12.0.1", "pandas": "3.1.1"}, [("numpy>=2",)] * 2),
        ({"tensorflow": "2.15.1", "numpy": "1.26.4", "jax": "0.5.3", "jaxlib": "0.6.2"}, [("jaxlib==0.5.3",)]),
        ({"tensorflow": "2.15.1", "numpy": "1.26.4", "jax": "0.5.3", "jaxlib": "0.5.3.1"}, []),
        # The range of the newest that fits, not of the next older one.
        ({"tensorflow": "2.6.5", "tensorflow-probability": "0.25.0"}, [("tensorflow-probability<0.15",)]),
        ({"tensorflow": "2.15.1", "tensorflow-probability": "0.25.0"}, [("tensorflow-probability>=0.22,<0.24",)]),
        # Code generated by a newer protobuf than the runtime.
        ({"tensorflow": "2.15.1", "tensorboard": "2.21.0", "protobuf": "5.29.5"}, [("tensorboard>=2.15,<2.16",)]),
        ({"tensorflow": "2.17.1", "tensorboard": "2.21.0", "protobuf": "4.25.9"}, [("tensorboard>=2.17,<2.18",)]),
        ({"tensorflow": "2.19.1", "ydf": "0.16.0", "protobuf": "5.29.6"}, [("ydf<0.16",)]),
        ({"tensorflow": "2.17.1", "ydf": "0.16.0", "protobuf": "4.25.9"}, [("ydf<0.10",)]),
        ({"tensorflow": "2.17.1", "onnx": "1.20.0", "ml-dtypes": "0.4.1"}, [("onnx<1.19",)]),
    ],
    ids=lambda value: "-".join(f"{k}{v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_one_command_is_enough(wheels: dict[str, str], fixes: list[tuple[str, ...]]) -> None:
    found = whole(environment(python="3.11.7", **wheels))
    assert [finding.fix.pip for finding in found] == fixes
    # What is advised leaves nothing else to repair, where the first of each range is taken.
    for finding in found:
        assert finding.fix.commands == (("python", "-m", "pip", "install", *finding.fix.pip),)


@pytest.mark.parametrize(
    ("platform", "wheels", "found"),
    [
        ("linux-64", {"tensorflow": "2.19.1", "tensorflow-text": "2.19.0"}, False),
        ("linux-64", {"tensorflow-cpu": "2.19.1", "tensorflow-text": "2.19.0"}, True),
        ("osx-arm64", {"tensorflow": "2.19.1", "tensorflow-text": "2.19.0"}, False),
        ("osx-arm64", {"tensorflow": "2.19.1", "tensorflow-text": "2.18.1"}, True),
        ("linux-64", {"tensorflow-cpu": "2.17.1", "tensorflow-io": "0.37.1"}, False),
        ("linux-64", {"tensorflow-cpu": "2.18.1", "tensorflow-io": "0.37.1"}, True),
    ],
)
def test_a_row_may_be_for_one_platform_and_distribution(platform: str, wheels: dict[str, str], found: bool) -> None:
    assert [f.code for f in whole(environment(platform=platform, python="3.11.7", **wheels))] == ["TFD607"] * found


def test_a_module_that_left_python_comes_with_setuptools() -> None:
    wheels = {"tensorflow_probability": "0.25.0", "tf_keras": "2.18.0", "setuptools": None, "tensorflow_hub": "0.16.1"}
    env = base("2.18.1|3.12.1", **wheels)
    found = {f.package: f.fix.pip for f in whole(env)}
    assert found == {
        "setuptools": ("setuptools>=66.1,<82",),
        "tensorflow-probability": ("setuptools>=66.1,<82",),
        "tensorflow-hub": ("setuptools>=66.1,<82",),
    }


def test_keras_3_without_its_own_requirements_gets_all_of_them_at_once() -> None:
    (finding,) = whole(base("2.15.1|3.11.7", keras="3.15.1", optree=None, rich=None, namex=None))
    assert (finding.code, finding.fix.pip) == ("TFD605", ("optree", "namex", "rich"))


@pytest.mark.parametrize(("others", "severity"), [({}, WARNING), ({"torch": "2.9.0"}, INFO)])
def test_transformers_5_has_nothing_for_tensorflow(others: dict[str, str], severity: str) -> None:
    env = base("2.18.1|3.12.1", transformers="5.24.0", **others)
    (finding,) = (f for f in said(packages(Context(env, matrix()))) if f.package == "transformers")
    assert (finding.severity, finding.fix.pip) == (severity, ("transformers<5",))


TENSORFLOW_FOR_NUMPY_2 = conda("tensorflow-base", "2.17.0", "numpy >=1.19,<3", "python_abi 3.12.* *_cp312")
TENSORFLOW_FOR_NUMPY_1 = conda("tensorflow-base", "2.17.0", "numpy >=1.26.4,<2.0a0", "protobuf >=4.25.3,<4.25.4.0a0")


@pytest.mark.parametrize(
    ("items", "wheels", "codes"),
    [
        ([TENSORFLOW_FOR_NUMPY_2, conda("numpy", "2.1.3")], {}, []),
        ([TENSORFLOW_FOR_NUMPY_2], {"numpy": "2.1.3"}, []),
        ([TENSORFLOW_FOR_NUMPY_1], {"numpy": "2.1.3"}, ["TFD603"]),
        ([TENSORFLOW_FOR_NUMPY_1, conda("numpy", "1.26.4")], {}, []),
        ([conda("tensorflow-base", "2.11.0", "protobuf >=4.21.12,<5"), conda("protobuf", "4.21.12")], {}, []),
        ([conda("tensorflow-base", "2.11.0", "numpy >=1.22,<2.0a0"), conda("protobuf", "4.21.12")], {}, []),
        ([conda("tensorflow-base", "2.11.0", "protobuf >=3.20,<3.21")], {"protobuf": "5.28.3"}, ["TFD604"]),
        # conda-forge rebuilt h5py 3.10 for numpy 2; the wheel of that version is for numpy 1.
        ([conda("h5py", "3.10.0", "numpy >=1.19,<3")], {"tensorflow": "2.18.0", "numpy": "2.0.2"}, []),
        ([conda("h5py", "3.10.0", "numpy >=1.26,<2.0a0")], {"tensorflow": "2.18.0", "numpy": "2.0.2"}, ["TFD606"]),
    ],
)
def test_what_a_record_promises_is_no_error(items: list[Package], wheels: dict[str, str], codes: list[str]) -> None:
    assert [finding.code for finding in whole(environment(*items, python="3.12.1", **wheels))] == codes


@pytest.mark.parametrize(("version", "found"), [("3.21.12", False), ("4.25.3", True)])
def test_a_library_forced_beside_conda_s_build_is_an_error(version: str, found: bool) -> None:
    base = conda("tensorflow-base", "2.11.0", "libprotobuf >=3.21.12,<3.22.0a0", "python_abi 3.10.* *_cp310")
    base.build = "cpu_py310hc9b7e7f_0"
    env = environment(base, conda("libprotobuf", version), python="3.10.13")
    assert [(f.code, f.severity) for f in whole(env)] == ([("TFD611", ERROR)] if found else [])


def test_a_wheel_s_operations_beside_conda_s_build_are_doubted() -> None:
    beside_conda = environment(conda("tensorflow", "2.11.0"), python="3.10.13", tensorflow_text="2.11.0")
    assert [(f.code, f.severity) for f in whole(beside_conda)] == [("TFD607", WARNING)]
    assert not whole(
        environment(
            conda("tensorflow", "2.11.0"), conda("tensorflow-text", "2.11.0"), conda("tensorflow-hub", "0.12.0")
        )
    )


@pytest.mark.parametrize(("tensorflow", "found"), [("2.10.0", False), ("2.11.0", True)])
def test_what_a_compiled_plugin_declares_counts(tensorflow: str, found: bool) -> None:
    requires = {"depends": ["tensorflow-cpu (==2.10.0)", "numpy", "pytest ; extra == 'dev'"]}
    plugin = Package("tensorflow-directml-plugin", "0.4.0", "pip", channel="pypi", metadata=requires)
    env = environment(plugin, platform="win-64", python="3.10.13", **{"tensorflow-cpu": tensorflow})
    assert [(f.code, f.severity) for f in whole(env)] == ([("TFD607", WARNING)] if found else [])


def test_fixes_are_for_the_owner() -> None:
    owned_by_conda = environment(conda("numpy", "2.0.2"), python="3.10.13", tensorflow="2.10.1")
    (finding,) = whole(owned_by_conda)
    assert (finding.fix.pins, finding.fix.pip) == (("numpy >=1.20,<2",), ())
    assert finding.fix.commands == (("conda", "install", "numpy>=1.20,<2"),)
    (finding,) = whole(environment(python="3.10.13", tensorflow="2.10.1", numpy="2.0.2"))
    assert (finding.fix.pins, finding.fix.pip) == ((), ("numpy>=1.20,<2",))
    assert finding.fix.commands == (("python", "-m", "pip", "install", "numpy>=1.20,<2"),)
    # A report written by hand does not tell the owner: what it is told has to help all the same.
    (finding,) = whole(environment(Package("numpy", "2.0.2"), python="3.10.13", tensorflow="2.10.1"))
    assert finding.fix.commands == (("python", "-m", "pip", "install", "numpy>=1.20,<2"),)


def test_the_package_to_change_need_not_be_the_one_to_blame() -> None:
    wheels = {"tensorflow": "2.17.0", "tensorflow-hub": "0.16.1", "tf-keras": "2.17.0", "setuptools": "82.0.1"}
    (finding,) = whole(environment(python="3.11.7", **wheels))
    assert (finding.package, finding.fix.pip, finding.expected) == (
        "tensorflow-hub",
        ("setuptools<82",),
        "setuptools <82",
    )


def test_every_breakage_has_a_way_out() -> None:
    for name, entry in _entries():
        for row in (*entry.get("breaks", ()), *([entry["missing"]] if "missing" in entry else [])):
            assert (
                row.get("remedy") or row.get("fix") or row.get("works") or entry.get("works") or "missing" in entry
            ), name


def test_conda_names_are_spelled_conda_s_way() -> None:
    env = environment(conda("typing-extensions", "4.5.0"), python="3.12.1", tensorflow="2.16.1")
    (finding,) = whole(env)
    assert finding.fix.pins == ("typing_extensions >=4.6",)


def test_two_tensorflows_are_judged_by_what_holds_for_both() -> None:
    both = {"tensorflow": "2.17.1", "tensorflow-cpu": "2.18.1"}
    assert not whole(environment(python="3.12.1", **both, numpy="2.0.2"))
    (finding,) = whole(environment(python="3.12.1", **{**both, "tensorflow-cpu": "2.16.2"}, numpy="2.0.2"))
    assert finding.code == "TFD603"


def test_what_only_a_command_misses_is_information() -> None:
    wheels = {"tensorflow": "2.20.0", "tensorboard": "2.20.0", "setuptools": "84.2.1"}
    env = environment(python="3.13.0", **wheels)
    assert not whole(env)
    (finding,) = said(packages(Context(env, matrix())))
    assert (finding.severity, finding.fix.pip) == (INFO, ("setuptools<82",))


def test_a_future_tensorflow_is_given_the_benefit_of_the_doubt() -> None:
    wheels = {"numpy": "3.0.0", "keras": "4.0.0", "protobuf": "9.0.0", "h5py": "4.0.0", "ml-dtypes": "1.0.0"}
    assert not whole(environment(python="3.14.0", tensorflow="2.30.0", **wheels))


@pytest.mark.parametrize(
    ("platform", "wheels", "found"),
    [
        ("osx-arm64", {"tensorflow": "2.18.0", "tensorflow-metal": "1.1.0"}, ("tensorflow-metal>=1.2",)),
        ("osx-arm64", {"tensorflow": "2.18.1", "tensorflow-metal": "1.2.0"}, None),
        ("osx-arm64", {"tensorflow": "2.17.0", "tensorflow-metal": "1.1.0"}, None),
        ("osx-arm64", {"tensorflow": "2.20.0", "tensorflow-metal": "1.2.0"}, ()),
        ("osx-arm64", {"tensorflow": "2.23.0", "tensorflow-metal": "1.2.0"}, ()),
        ("osx-arm64", {"tensorflow-macos": "2.11.0", "tensorflow-metal": "1.1.0"}, ("tensorflow-metal>=0.7,<0.8",)),
        ("osx-arm64", {"tensorflow": "2.15.1", "tensorflow-metal": "1.0.1"}, ("tensorflow-metal>=1.1",)),
        ("osx-arm64", {"tensorflow": "2.15.1", "tensorflow-metal": "0.7.1"}, None),
        # Only Apple's own build of 2.5 has what the plugin asks for.
        ("osx-64", {"tensorflow-macos": "2.5.0", "tensorflow-metal": "0.1.2"}, None),
        ("osx-64", {"tensorflow": "2.5.3", "tensorflow-metal": "0.1.2"}, ()),
        ("osx-64", {"tensorflow-cpu": "2.5.3", "tensorflow-metal": "0.1.2"}, ()),
    ],
)
def test_metal_goes_with_its_tensorflow(platform: str, wheels: dict[str, str], found: tuple[str, ...] | None) -> None:
    findings = whole(environment(platform=platform, python="3.9.18", **wheels))
    assert [(f.code, f.severity, f.fix.pip) for f in findings] == ([] if found is None else [("TFD609", ERROR, found)])
    assert all(f.fix.pip or "uninstall tensorflow-metal" in f.fix.note for f in findings)


@pytest.mark.parametrize(
    ("platform", "wheels", "found"),
    [
        ("osx-arm64", {"tensorflow-macos": "2.11.0", "tensorflow-addons": "0.19.0"}, True),
        ("osx-arm64", {"tensorflow-macos": "2.9.2", "tensorflow-addons": "0.17.1"}, False),
        ("linux-64", {"tensorflow": "2.11.1", "tensorflow-addons": "0.19.0"}, False),
        ("osx-arm64", {"tensorflow": "2.18.1", "tensorflow-decision-forests": "1.11.0"}, False),
        ("osx-arm64", {"tensorflow": "2.18.1", "tensorflow-decision-forests": "1.12.0"}, True),
        ("osx-64", {"tensorflow": "2.15.1", "tensorflow-decision-forests": "1.9.0"}, True),
        # Of a release between two that were read nothing is said.
        ("osx-64", {"tensorflow": "2.7.4", "tensorflow-io": "0.22.0"}, False),
        ("osx-64", {"tensorflow": "2.7.4", "tensorflow-io": "0.21.0"}, True),
    ],
)
def test_add_ons_on_macos_are_judged_by_their_symbols(platform: str, wheels: dict[str, str], found: bool) -> None:
    assert [f.code for f in whole(environment(platform=platform, python="3.9.18", **wheels))] == ["TFD607"] * found


@pytest.mark.parametrize(
    ("virtual", "os", "found"),
    [
        ({"__osx": "11.6"}, "", True),
        ({}, "macOS 11.6", True),
        ({}, "Mac OS X 10.15.7", True),
        ({"__osx": "12.3"}, "", False),
        ({"__osx": "10.16"}, "", False),
        ({}, "macOS 14.1", False),
        ({}, "", False),
    ],
)
def test_metal_needs_macos_12(virtual: dict[str, str], os: str, found: bool) -> None:
    env = environment(platform="osx-arm64", python="3.9.5", **{"tensorflow-macos": "", "tensorflow-metal": ""})
    env.virtual_packages = virtual
    env.system = env.system._replace(os=os)
    findings = whole(env)
    assert [finding.code for finding in findings] == (["TFD609"] if found else [])


@pytest.mark.parametrize(
    ("specs", "result"),
    [
        ((">=1.20", "<2"), ">=1.20,<2"),
        (("~=1.19.2", "<1.24"), ">=1.19.2,<1.20"),
        ((">=3.20.3,!=4.21.0,<5.0.0dev", ">=3.20"), ">=3.20.3,<5.0.0,!=4.21.0"),
        ((">=3.5.0", ">=3"), ">=3.5.0"),
        (("==0.2.0", "==0.2.0"), "==0.2.0"),
        ((">=3.9.2,<3.20", ">=4"), ">=4"),
        (("", ">=1.14"), ">=1.14"),
        ((">=2.10,<2.11", ""), ">=2.10,<2.11"),
        (("==2.10.*", ""), ">=2.10,<2.11"),
        ((), ""),
    ],
)
def test_ranges_join(specs: tuple[str, ...], result: str) -> None:
    assert joined(*specs) == result


@pytest.mark.parametrize(
    ("platform", "wheels", "missing"),
    [
        ("osx-arm64", {"tensorflow": "2.14.1"}, "tensorflow-macos==2.14.1"),
        ("osx-arm64", {"tensorflow-macos": "2.16.2"}, "tensorflow==2.16.2"),
        ("osx-arm64", {"tensorflow-macos": "2.15.1"}, "tensorflow==2.15.1"),
        ("win-64", {"tensorflow": "2.15.0"}, "tensorflow-intel==2.15.0"),
        ("osx-arm64", {"tensorflow": "2.14.1", "tensorflow-macos": "2.13.1"}, ""),
        ("osx-64", {"tensorflow": "2.14.1"}, ""),
        ("win-64", {"tensorflow": "2.10.1"}, ""),
    ],
)
def test_an_empty_wheel_is_no_tensorflow(platform: str, wheels: dict[str, str], missing: str) -> None:
    env = environment(platform=platform, python="3.11.7", kind="prefix", **wheels)
    found = whole(env)
    assert [(f.code, f.severity, f.fix.pip) for f in found] == ([("TFD611", ERROR, (missing,))] if missing else [])
    # A few packages that somebody lists are not the whole environment.
    env.kind = "report"
    assert not whole(env)

"""The planner, held to its promises on random environments and on the classic broken ones."""

from __future__ import annotations

from functools import cache
from io import StringIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conda_tf_doctor import versions
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import CONDA, PIP, Environment, Package, Python
from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.findings import ERROR
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.screen import render
from conda_tf_doctor.render.text import Style
from conda_tf_doctor.repair.candidates import Catalogue
from conda_tf_doctor.repair.demands import Demands, parse_demand
from conda_tf_doctor.repair.plan import Edit, Plan
from conda_tf_doctor.repair.planner import Planner
from conda_tf_doctor.repair.simulate import build_string, promises, simulate

PLATFORMS = ("linux-64", "win-64", "osx-arm64")
BY_PIP = ("numpy", "protobuf", "keras", "h5py", "ml-dtypes", "tensorboard", "flatbuffers", "wrapt", "typing-extensions",
          "tensorflow-estimator", "tf-keras", "tensorflow-text")  # fmt: skip
BY_CONDA = ("cudatoolkit", "cudnn", "cuda-version", "vc14-runtime", "libzlib-wapi", "numpy", "protobuf", "h5py")
SPELLED = {"vc14-runtime": "vc14_runtime"}


def environment(
    platform: str, python: str, by_conda: dict[str, str], by_pip: dict[str, str], cuda: str = "", kind: str = "prefix"
) -> Environment:
    env = Environment(kind, "/envs/tf", platform)
    env.python = Python(python, 64, "arm64" if platform.endswith("arm64") else "x86_64", "bin/python")
    packages = [Package("python", python, CONDA, "h0_0", "conda-forge", "conda-meta/python.json", {})]
    for name, version in by_conda.items():
        record, build = {}, "h0_0"
        rows = (
            load_matrix().builds("tensorflow", version, "conda-forge", platform)
            if name.startswith("tensorflow")
            else []
        )
        if rows:
            minor = ".".join(python.split(".")[:2])
            record, build = {"depends": promises(rows[-1])}, build_string(rows[-1], minor)
        spelled = SPELLED.get(name, name)
        packages.append(
            Package(name, version, CONDA, build, "conda-forge", f"conda-meta/{spelled}-{version}-{build}.json", record)
        )
    packages += [Package(name, version, PIP, "", "pypi", f"{name}.dist-info", {}) for name, version in by_pip.items()]
    env.add(packages)
    if cuda:
        env.virtual_packages = {"__cuda": cuda}
    return env


@cache
def _tensorflows(name: str, channel: str, platform: str) -> list[str]:
    known = load_matrix().versions(name, channel, platform)
    return [version for version in known if not versions.is_prerelease(version)]


@st.composite
def environments(draw: st.DrawFn) -> Environment:
    platform = draw(st.sampled_from(PLATFORMS))
    python = draw(st.sampled_from(["3.7.16", "3.8.20", "3.9.23", "3.10.18", "3.11.13", "3.12.11", "3.13.5"]))
    by_pip = draw(st.booleans())
    found: dict[str, dict[str, str]] = {CONDA: {}, PIP: {}}
    if by_pip:
        names = (
            ["tensorflow", "tensorflow-macos"]
            if platform == "osx-arm64"
            else ["tensorflow", "tensorflow-cpu", "tensorflow-gpu"]
        )
        for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)):
            found[PIP][name] = draw(st.sampled_from(_tensorflows(name, "pypi", platform)))
    else:
        version = draw(st.sampled_from(_tensorflows("tensorflow", "conda-forge", platform)))
        found[CONDA]["tensorflow"] = found[CONDA]["tensorflow-base"] = version
    for manager, names in ((PIP, BY_PIP), (CONDA, BY_CONDA)):
        for name in draw(st.lists(st.sampled_from(names), max_size=5, unique=True)):
            known = Catalogue(load_matrix(), platform).versions(manager, name, name)
            if known:
                found[manager][name] = draw(st.sampled_from(known))
    return environment(platform, python, found[CONDA], found[PIP], draw(st.sampled_from(["", "11.4", "12.4"])))


def _planned(env: Environment, **demands: object) -> tuple[Planner, Plan]:
    planner = Planner(env, load_matrix(), (), Demands(**demands))  # type: ignore[arg-type]
    return planner, planner.plan()


@pytest.mark.parametrize(
    ("platform", "wheels", "to", "after"),
    [
        ("win-64", {"tensorflow": "2.10.1"}, "2.13", {"tensorflow": "2.13.1", "tensorflow-intel": "2.13.1"}),
        (
            "win-64", {"tensorflow": "2.15.0", "tensorflow-intel": "2.15.0"}, "2.13",
            {"tensorflow": "2.13.1", "tensorflow-intel": "2.13.1"},
        ),
        (
            "win-64", {"tensorflow": "2.15.0", "tensorflow-intel": "2.15.0"}, "2.20",
            {"tensorflow": "2.20.0", "tensorflow-intel": ""},
        ),
        ("linux-aarch64", {"tensorflow": "2.9.2"}, "2.15", {"tensorflow": "2.15.1", "tensorflow-cpu-aws": "2.15.1"}),
        ("linux-64", {"tensorflow": "2.10.1"}, "2.13", {"tensorflow": "2.13.1"}),
    ],
)  # fmt: skip
def test_what_is_behind_the_tensorflow_that_is_asked_for_comes_with_it(
    platform: str, wheels: dict[str, str], to: str, after: dict[str, str]
) -> None:
    _, plan = _planned(environment(platform, "3.10.18", {}, wheels), to=(("tensorflow", f"{to}.*"),))
    assert plan.conflict is None
    left = {
        p.name: p.version
        for p in simulate(environment(platform, "3.10.18", {}, wheels), plan.edits, load_matrix()).packages
    }
    assert {name: left.get(name, "") for name in after} == after


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(environments())
def test_promises_on_random_environments(env: Environment) -> None:
    planner, plan = _planned(env)
    assert plan.conflict is None
    announced = {(f.code, f.package) for f in plan.announced}
    left = [f for f in plan.after.findings if f.severity == ERROR and (f.code, f.package) not in announced]
    assert left == [], "an error remains that was not announced"
    for key in plan.edits:
        fewer = {other: edit for other, edit in plan.edits.items() if other != key}
        assert planner.errors(fewer), f"the plan is not minimal: {key} could be left out"
    _, again = _planned(simulate(env, plan.edits, load_matrix()))
    assert [change[:3] for change in again.changes] == [], "a second repair changes something"


CLASSICS = {
    "cuda-too-new": (
        environment("linux-64", "3.8.20", {"cudatoolkit": "11.8.0", "cudnn": "8.1.0.77"}, {"tensorflow": "2.4.4"}),
        {"cudatoolkit": "11.0.3"},
    ),
    "cuda-12": (
        environment(
            "linux-64",
            "3.10.18",
            {"cuda-version": "12.4", "cuda-cudart": "12.4.127", "cudnn": "8.9.7.29"},
            {"tensorflow": "2.10.1"},
        ),
        {"cudatoolkit": "11.2.2"},
    ),
    "cudnn-too-new": (
        environment("linux-64", "3.10.18", {"cudatoolkit": "11.8.0", "cudnn": "9.3.0.75"}, {"tensorflow": "2.12.0"}),
        {"cudnn": "8.9.7.29"},
    ),
    "python-too-new": (
        environment("linux-64", "3.12.11", {}, {"tensorflow": "2.10.1", "numpy": "1.26.4"}),
        {"python": "3.10.18"},
    ),
    "wheels-that-the-other-python-lacks": (
        environment("linux-64", "3.13.5", {}, {"tensorflow": "2.15.0", "numpy": "2.3.4", "ml-dtypes": "0.5.3"}),
        {"python": "3.11.13", "numpy": "1.26.4"},
    ),
    "numpy-2": (
        environment(
            "win-64", "3.11.13", {}, {"tensorflow": "2.15.0", "tensorflow-intel": "2.15.0", "numpy": "2.1.3"}
        ),
        {"numpy": "1.26.4"},
    ),
    "protobuf-too-new": (
        environment("linux-64", "3.9.23", {}, {"tensorflow": "2.8.0", "protobuf": "5.28.3"}),
        {"protobuf": "3.20.3"},
    ),
    "vc-runtime-too-old": (
        environment("win-64", "3.11.13", {"vc14-runtime": "14.29.30139"}, {"tensorflow": "2.19.0"}),
        {"vc14_runtime": "14.44.35208"},
    ),
    "two-distributions": (
        environment("linux-64", "3.11.13", {}, {"tensorflow": "2.15.0", "tensorflow-cpu": "2.14.0"}),
        {"tensorflow-cpu": ""},
    ),
    "pip-over-conda": (
        environment("linux-64", "3.10.18", {"tensorflow": "2.10.0", "tensorflow-base": "2.10.0"},
                    {"tensorflow": "2.12.0"}),
        {"tensorflow": "", "tensorflow-base": ""},
    ),
    "gpu-on-native-windows": (
        environment("win-64", "3.10.18", {"cudatoolkit": "11.2.2", "cudnn": "8.1.0.77"},
                    dict.fromkeys(("tensorflow", "tensorflow-intel"), "2.12.0")),
        {"tensorflow": "2.10.1", "tensorflow-intel": ""},
    ),
}  # fmt: skip


def _stack(changes: dict[str, str]) -> dict[str, str]:
    # What the wheel requires and the case leaves out is another story.
    return {name: version for name, version in changes.items() if name not in ("flatbuffers", "ml-dtypes")}


@pytest.mark.parametrize(("env", "expected"), CLASSICS.values(), ids=CLASSICS)
def test_classic_breakage(env: Environment, expected: dict[str, str]) -> None:
    _, plan = _planned(env)
    changed = _stack({change.package: change.after for change in plan.changes})
    assert changed == {name: version for name, version in expected.items() if name not in ("flatbuffers", "ml-dtypes")}
    assert plan.ok
    assert all(change.why.strip() and change.rules for change in plan.changes)


def test_installed_tensorflow_stays_where_it_can() -> None:
    _, plan = _planned(environment("linux-64", "3.13.5", {}, {"tensorflow": "2.15.0", "numpy": "2.3.4"}))
    assert "tensorflow" not in {change.package for change in plan.changes}


def test_to_aims_at_a_version() -> None:
    env = environment("linux-64", "3.11.13", {}, {"tensorflow": "2.15.0", "keras": "2.15.0", "numpy": "1.26.4"})
    _, plan = _planned(env, to=(parse_demand("tensorflow=2.10"),))
    changed = _stack({change.package: change.after for change in plan.changes})
    assert changed == {"tensorflow": "2.10.1", "python": "3.10.18", "keras": "2.10.0"}
    assert next(c for c in plan.changes if c.package == "tensorflow").rules == ("--to",)


def test_kept_packages_do_not_change() -> None:
    env = environment("linux-64", "3.11.13", {}, {"tensorflow": "2.15.0", "numpy": "2.1.3"})
    _, plan = _planned(env, keep=frozenset({"numpy"}))
    assert "numpy" not in {change.package for change in plan.changes}
    assert plan.conflict is not None or "tensorflow" in {change.package for change in plan.changes}


def test_conflicting_demands_are_named_with_what_giving_up_each_allows() -> None:
    env = environment("linux-64", "3.11.13", {}, {"tensorflow": "2.15.0", "numpy": "1.26.4"})
    _, plan = _planned(env, to=(parse_demand("tensorflow=2.10"),), keep=frozenset({"python"}))
    assert plan.conflict is not None
    assert not plan.edits
    assert set(plan.conflict.demands) == {"--to tensorflow=2.10", "--keep python"}
    assert "3.11" in plan.conflict.why
    assert any(way.startswith("without --keep python: python 3.11.13 -> 3.10.18") for way in plan.conflict.ways)


def test_gpu_and_python_conflict_on_native_windows() -> None:
    pip = {"tensorflow": "2.12.0", "tensorflow-intel": "2.12.0"}
    env = environment("win-64", "3.11.13", {"cudatoolkit": "11.2.2", "cudnn": "8.1.0.77"}, pip)
    _, plan = _planned(env, keep=frozenset({"python"}))
    assert plan.conflict is not None
    assert set(plan.conflict.demands) == {"--keep python", "the GPU"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda env: setattr(env, "python", env.python._replace(bits=32)), "TFD101"),
        (lambda env: env.virtual_packages.update(__cuda="10.1"), "TFD306"),
        (lambda env: setattr(env, "system", env.system._replace(cpu_features={"avx": False})), "TFD104"),
    ],
    ids=["32-bit-python", "driver", "cpu"],
)
def test_what_no_package_repairs_is_announced(change, code: str) -> None:
    conda = {"cudatoolkit": "11.2.2", "cudnn": "8.1.0.77"}
    env = environment("linux-64", "3.10.18", conda, {"tensorflow": "2.10.1", "numpy": "1.23.5"}, "12.4")
    change(env)
    _, plan = _planned(env)
    assert [f.code for f in plan.announced if f.code == code] == [code]
    assert not plan.ok
    assert plan.conflict is None


def test_warnings_are_left_alone_unless_asked_for() -> None:
    conda = {"cudatoolkit": "11.8.0", "cudnn": "8.1.0.77"}
    env = environment(
        "linux-64", "3.10.18", conda, {"tensorflow": "2.10.1", "numpy": "1.23.5", "flatbuffers": "23.5.26"}
    )
    assert _planned(env)[1].changes == ()
    changed = {change.package for change in _planned(env, warnings=True)[1].changes}
    assert "cudatoolkit" in changed


def test_warnings_that_nothing_helps_are_lived_with() -> None:
    env = environment("linux-64", "3.10.18", {"cudatoolkit": "11.8.0", "cudnn": "8.8.0.121"}, {"tensorflow": "2.12.0"})
    _, plan = _planned(env, warnings=True)
    assert plan.conflict is None and plan.ok
    assert "tensorflow" not in {change.package for change in plan.changes}


@pytest.mark.parametrize(
    ("pip", "line"),
    [
        ({"tensorflow": "2.10.1", "numpy": "2.1.3"}, "fix --apply -p /envs/tf"),
        ({"tensorflow": "2.10.1", "numpy": "1.23.5", "flatbuffers": "23.5.26"}, "fix --apply --warnings -p /envs/tf"),
    ],
    ids=["error", "warning"],
)
def test_check_names_the_line_that_repairs(pip: dict[str, str], line: str) -> None:
    env = environment("linux-64", "3.10.18", {"cudatoolkit": "11.8.0", "cudnn": "8.1.0.77"}, pip)
    text = render(diagnose(env, load_matrix()), Style(StringIO(), False))
    assert f"  conda-tf-doctor {line}\n" in text
    assert _planned(env, warnings="--warnings" in line)[1].changes


def test_nothing_to_repair_without_tensorflow() -> None:
    with pytest.raises(UsageError, match="no TensorFlow"):
        _planned(environment("linux-64", "3.10.18", {}, {"numpy": "1.26.4"}))


@pytest.mark.parametrize("text", ["tensorflow", "", "=2.10", "tensorflow=*"])
def test_unusable_demand(text: str) -> None:
    with pytest.raises(UsageError, match="--to"):
        parse_demand(text)


@pytest.mark.parametrize(
    ("text", "version", "expected"),
    [("tensorflow=2.10", "2.10.1", True), ("tensorflow==2.10.0", "2.10.1", False), ("numpy<2", "1.26.4", True),
     ("tensorflow=2.1", "2.10.1", False), ("numpy>=1.20,<1.24", "1.24.4", False)],
)  # fmt: skip
def test_demands_mean_what_conda_means(text: str, version: str, expected: bool) -> None:
    _, spec = parse_demand(text)
    assert versions.conda_contains(spec, version) is expected


def test_of_nvidias_wheels_all_are_taken_back_or_none() -> None:
    env = environment("linux-64", "3.11.9", {}, {"tensorflow": "2.15.0", "nvidia-nccl-cu12": "2.16.5"})
    planner = Planner(env, load_matrix(), (), Demands())

    def wheel(name: str, *codes: str) -> Edit:
        return Edit(PIP, name, name, ("==1",), "1", codes)

    numpy, cublas, cudnn = wheel("numpy"), wheel("nvidia-cublas-cu12", "TFD301"), wheel("nvidia-cudnn-cu12", "TFD301")
    nccl = wheel("nvidia-nccl-cu12", "TFD301")  # is there already, in another version
    edits = {edit.key: edit for edit in (numpy, cublas, cudnn, nccl)}
    assert planner.without(cudnn, edits) == {numpy.key: numpy, nccl.key: nccl}
    assert planner.without(nccl, edits) == {numpy.key: numpy, cublas.key: cublas, cudnn.key: cudnn}
    assert planner.without(numpy, edits) == {cublas.key: cublas, cudnn.key: cudnn, nccl.key: nccl}
    # What the user asked for is taken back by nobody, nor with another one.
    asked = {**edits, cublas.key: cublas._replace(codes=("--to",))}
    assert planner.without(cudnn, asked) is None


def test_of_what_was_asked_for_only_what_changes_is_another() -> None:
    env = environment("linux-64", "3.11.7", {}, {"six": "1.16.0"})
    env.requested = [Package(name, version, PIP, "", "pypi", "", {}) for name, version in
                     {"tensorflow": "2.15.0", "numpy": "2.1.3", "six": "1.15.0"}.items()]  # fmt: skip
    edits = [Edit(PIP, "numpy", "numpy", ("<2",), "1.26.4"), Edit(PIP, "six", "six", ("==1.17.0",), "1.17.0")]
    after = simulate(env, {edit.key: edit for edit in edits}, load_matrix())
    assert [f"{p.name}=={p.version}" for p in after.requested] == ["tensorflow==2.15.0", "numpy==1.26.4", "six==1.15.0"]
    # What is installed as well is changed there.
    assert {p.name: p.version for p in after.packages if p.manager == PIP} == {"six": "1.17.0"}
    without = simulate(env, {(PIP, "numpy"): Edit(PIP, "numpy", "numpy", (), "")}, load_matrix())
    assert [p.name for p in without.requested] == ["tensorflow", "six"]

"""What records and wheels say of the packages beside TensorFlow, and which of those a list of packages lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.context.promises import (
    complete,
    depended_on,
    find,
    holds_here,
    is_missing,
    may_come_from_outside,
    of_libprotobuf,
    promised,
    records,
    requirements,
)
from conda_tf_doctor.environment.facts import Environment, Note, Package
from tests.context.test_context import WHOLE, context


def without(*names: str) -> list[str]:
    return [text for text in WHOLE if text.split()[0] not in names]


def test_a_nightly_s_name_is_another_name_of_one_package() -> None:
    found = context("tf-nightly 2.16.1 pip", "keras-nightly 3.1.1 pip", "numpy 1.26.4 pip")
    told = [find(found, name) for name in ("keras", "numpy", "wrapt")]
    assert [package.name if package else "" for package in told] == ["keras-nightly", "numpy", ""]
    # The package itself comes before another one under its module's name.
    both = find(context("keras-nightly 3.1.1 pip", "keras 3.0.0 pip"), "keras")
    assert both is not None and both.version == "3.0.0"


@pytest.mark.parametrize(
    ("depends", "constrains", "version", "promise"),
    [
        (["numpy >=1.20,<2"], [], "1.26.4", True),
        (["numpy >=1.20,<2"], [], "2.0.0", False),
        ([], ["numpy <2"], "2.0.0", False),
        # All that speak of it have to agree; what names no version promises nothing.
        (["numpy >=1.20", "numpy <1.24"], [], "1.26.4", False),
        (["numpy"], [], "2.0.0", None),
        (["wrapt <1"], [], "2.0.0", None),
        (["numpy", "numpy <2"], [], "1.26.4", True),
    ],
)
def test_what_a_record_promises(depends: list[str], constrains: list[str], version: str, promise: bool | None) -> None:
    record = Package("tensorflow-base", "2.15.0", "conda", metadata={"depends": depends, "constrains": constrains})
    assert promised([record], Package("numpy", version, "conda")) is promise


def test_a_promise_about_another_name_of_a_package_counts() -> None:
    record = Package("tensorflow-base", "2.15.0", "conda", metadata={"depends": ["python-flatbuffers >=23"]})
    assert promised([record], Package("flatbuffers", "22.0", "conda")) is False
    record = Package("tensorflow-base", "2.15.0", "conda", metadata={"depends": ["ml_dtypes >=0.3"]})
    assert promised([record], Package("ml-dtypes", "0.2.0", "conda")) is False


BASE = {
    "name": "tensorflow-base", "version": "2.15.0", "build": "cpu_py310h0_0", "manager": "conda",
    "channel": "conda-forge", "depends": ["numpy >=1.22,<2", "wrapt >=1.11", "python-flatbuffers >=23.5"],
}  # fmt: skip


def test_what_conda_s_record_depends_on_is_missing_and_nothing_else() -> None:
    few: Any = [BASE, *without("tensorflow", "wrapt", "gast")]
    found = context(*few)
    assert [package.name for package in records(found)] == ["tensorflow-base"]
    assert [depended_on(found, name) for name in ("numpy", "wrapt", "flatbuffers", "gast")] == [True, True, True, False]


@pytest.mark.parametrize(
    ("packages", "asked", "missing"),
    [
        (without("wrapt"), "wrapt", True),
        (WHOLE, "wrapt", False),
        (without("keras"), "keras", True),
        # Under another name it is there.
        ([*without("keras"), "keras-nightly 3.1.1 pip"], "keras", False),
        # `pip freeze` leaves out setuptools, and wheel and pip with it; with one of these the list is no freeze.
        ([*without("pip"), "wheel 0.43.0 pip"], "setuptools", True),
        (without("pip"), "setuptools", False),
        (without("pip", "wrapt"), "wrapt", True),
    ],
)
def test_what_is_certainly_absent(packages: list[str], asked: str, missing: bool) -> None:
    assert is_missing(context(*packages), asked) is missing


@pytest.mark.parametrize("site", [["wrapt 1.16.0 pip"], ["keras-nightly 3.1.1 pip"], ["six 1.16.0 pip"]])
def test_what_the_user_site_has_is_not_missing(site: list[str]) -> None:
    found = context(*without("wrapt", "keras"), user_site=site)
    assert is_missing(found, "wrapt") is ("wrapt" not in site[0])
    assert is_missing(found, "keras") is ("keras" not in site[0])


@pytest.mark.parametrize(
    ("left_out", "whole"),
    # The wheel asks for setuptools, too, which is in none of these.
    [((), True), (("wrapt", "gast"), True), (("wrapt", "gast", "six"), False)],
)
def test_nearly_all_that_is_required_makes_a_whole_list(left_out: tuple[str, ...], whole: bool) -> None:
    assert complete(context(*without(*left_out))) is whole


def test_what_is_no_whole_list_whatever_it_holds() -> None:
    found = context(*WHOLE)
    found.env.partial = True
    assert not complete(found)
    found.env.partial = False
    found.env.notes = [Note("a", "read in part")]
    assert complete(found)
    found.env.notes = [Note("a", "read in part"), Note("b", "cannot be read", hides=True)]
    assert not complete(found)
    asked = context(*without("tensorflow"), requested=["tensorflow 2.16.1 pip"])
    assert asked.tensorflow is not None and asked.tensorflow.requested and not complete(asked)
    assert not complete(context(*without("tensorflow")))
    # Of a wheel of three requirements nobody can tell.
    assert len(requirements(context("tensorflow 0.12.1 pip"))) < 10
    assert not complete(context("tensorflow 0.12.1 pip", "numpy 1.11.0 pip", "six 1.10.0 pip", "protobuf 3.1.0 pip"))


@pytest.mark.parametrize(
    ("kind", "site", "path", "names", "may"),
    [
        ("report", [], "", (), False),
        ("report", [], "", ("wrapt",), False),
        ("report", ["wrapt 1.16.0 pip"], "", (), True),
        ("report", ["wrapt 1.16.0 pip"], "", ("wrapt",), True),
        ("report", ["wrapt 1.16.0 pip"], "", ("six",), False),
        # What lies in the folders of another machine nobody knows.
        ("report", [], "/there", ("six",), True),
        ("report", [], "/there", (), True),
        ("prefix", [], "EMPTY", (), True),
        ("prefix", [], "EMPTY", ("wrapt",), False),
        ("prefix", [], "HOLDS", ("wrapt",), True),
        ("prefix", [], "HOLDS", ("six",), False),
    ],
)
def test_what_may_come_from_outside(
    kind: str, site: list[str], path: str, names: tuple[str, ...], may: bool, tmp_path: Path
) -> None:
    for folder, module in (("EMPTY", "other"), ("HOLDS", "wrapt")):
        (tmp_path / folder / module).mkdir(parents=True)
    env = context("tensorflow 2.10.0 pip", user_site=site).env
    env.kind, env.env_vars = kind, {"PYTHONPATH": str(tmp_path / path) if path.isupper() else path}
    assert may_come_from_outside(env, names) is may


@pytest.mark.parametrize(
    ("platform", "row", "holds"),
    [
        ("linux-64", {}, True),
        ("linux-64", {"platform": ["linux"]}, True),
        ("linux-64", {"platform": ["linux-64"]}, True),
        ("linux-64", {"platform": ["linux-aarch64", "win"]}, False),
        ("win-64", {"platform": ["linux"]}, False),
        # Where the platform is not told, most of what is known was measured on Linux.
        ("", {"platform": ["linux"]}, True),
        ("", {"platform": ["win"]}, False),
        ("linux-64", {"distribution": ["tensorflow"]}, True),
        ("linux-64", {"distribution": ["tensorflow-cpu"]}, False),
        ("linux-64", {"platform": ["linux"], "distribution": ["tensorflow-cpu"]}, False),
        ("win-64", {"platform": ["linux"], "distribution": ["tensorflow"]}, False),
    ],
)
def test_where_what_is_known_holds(platform: str, row: dict[str, Any], holds: bool) -> None:
    found = context("tensorflow 2.10.0 pip")
    found.env.platform = platform
    assert holds_here(found, row) is holds


def test_what_is_known_of_a_distribution_does_not_hold_without_one() -> None:
    assert not holds_here(context("numpy 1.26.4 pip"), {"distribution": ["tensorflow"]})
    assert holds_here(context("numpy 1.26.4 pip"), {"platform": ["linux"]})


def test_what_is_required_of_a_build_that_several_rows_may_be() -> None:
    # No row is the one for this platform, and yet all of them require it.
    other = context("tensorflow 2.16.1 pip", platform="linux-32")
    assert other.build is None and "wrapt" in requirements(other)
    nightly = requirements(context("tensorflow 2.16.0rc0 pip"))
    assert "keras" in nightly and "keras-nightly" not in nightly


def test_an_environment_with_binaries_is_whole_and_without_them_by_its_list(tmp_path: Path) -> None:
    found = context("tensorflow 2.16.1 pip")
    env: Environment = found.env
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    env.kind, env.prefix, env.env_vars = "prefix", str(tmp_path), {}
    site.mkdir(parents=True)
    assert not complete(context("tensorflow 2.16.1 pip")) and not complete(found)
    (site / "tensorflow").mkdir()
    again = context("tensorflow 2.16.1 pip")
    again.env.kind, again.env.prefix = "prefix", str(tmp_path)
    assert complete(again)
    again.env.env_vars = {"PYTHONPATH": str(tmp_path)}
    assert not complete(again) and complete(again, ("wrapt",))


@pytest.mark.parametrize(
    ("asked", "goes_with"),
    [
        (">=3.15.8,<3.16", "==3.15.*"), ("==3.20.*", "==3.20.*"), ("3.20.*", "==3.20.*"),
        (">=3.21.12,<3.22.0a0", "==4.21.*"), ("==4.25.3.*", "==4.25.3"), (">=4.25.3,<4.25.4.0a0", "==4.25.3"),
        ("==6.31.1.*", "==6.31.1"), ("", ""), ("*", ""),
    ],
)  # fmt: skip
def test_which_protobuf_goes_with_a_libprotobuf(asked: str, goes_with: str) -> None:
    assert of_libprotobuf(asked) == goes_with

"""Which channel and which row a TensorFlow is of, and what a family of rules has to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.context.context import Context
from conda_tf_doctor.context.gpu import (
    came_along,
    gpu_in_question,
    gpu_may_be_wanted,
    no_native_gpu,
    system_cuda,
)
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.matrix.load import load_matrix
from tests.context.test_context import context

ASKS = "channels: [{channels}]\ndependencies: [python={python}, tensorflow={version}]\n"


@pytest.mark.parametrize(
    ("version", "python", "channels", "strict", "channel"),
    [
        # Both have it: the first that has it for this Python.
        ("2.10.0", "3.9", "conda-forge, defaults", False, "conda-forge"),
        ("2.10.0", "3.9", "defaults, conda-forge", False, "defaults"),
        # Only the second has the version; with strict priority it is never asked.
        ("2.21.0", "3.12", "conda-forge, defaults", False, "defaults"),
        ("2.21.0", "3.12", "conda-forge, defaults", True, "conda-forge"),
        ("2.16.1", "3.12", "defaults, conda-forge", False, "conda-forge"),
        # Both have the version, the second alone for this Python.
        ("2.19.1", "3.9", "conda-forge, defaults", False, "defaults"),
        ("2.4.1", "3.6", "defaults, conda-forge", False, "conda-forge"),
        # None has it for this Python: then the first that has it at all.
        ("2.10.0", "3.12", "conda-forge, defaults", False, "conda-forge"),
        ("2.21.0", "3.8", "conda-forge, defaults", False, "defaults"),
        # One of them is nobody's that is known, or there is only one.
        ("2.21.0", "3.12", "ours, conda-forge, defaults", False, "defaults"),
        ("2.21.0", "3.12", "conda-forge", False, "conda-forge"),
        ("2.99.0", "3.12", "conda-forge, defaults", False, "conda-forge"),
    ],
)
def test_the_channel_that_has_what_a_file_asks_for(
    version: str, python: str, channels: str, strict: bool, channel: str, tmp_path: Path
) -> None:
    file = tmp_path / "environment.yml"
    file.write_text(ASKS.format(version=version, python=python, channels=channels))
    found = Context(read_file(str(file), "linux-64", strict), load_matrix()).tensorflow
    assert found is not None and found.channel == channel


def test_another_environment_s_channel_is_what_its_record_says(tmp_path: Path) -> None:
    file = tmp_path / "environment.yml"
    file.write_text(ASKS.format(version="2.21.0", python="3.12", channels="conda-forge, defaults"))
    env = read_file(str(file), "linux-64")
    env.kind = "report"
    found = Context(env, load_matrix()).tensorflow
    assert found is not None and found.channel == "conda-forge"


@pytest.mark.parametrize(
    ("packages", "platform", "row"),
    [
        # Some Pythons have a build of one variant alone; what no row says of it is left open.
        (["python 3.8.18", "tensorflow 2.12.1 conda-forge cpu_py38h66f0ec1_0"], "linux-64",
         "conda-forge/tensorflow/2.12.1-0/linux-64/cpu"),
        # A build string of nobody's is of none of several variants.
        (["tensorflow 2.10.0 conda-forge strange_0"], "linux-64", ""),
        (["tensorflow 2.10.0 defaults strange_0"], "linux-64", ""),
        # A single row is the one whatever its string.
        (["tensorflow 2.4.1 conda-forge strange_0"], "linux-64", "conda-forge/tensorflow/2.4.1-0/linux-64/cpu"),
        # pip's is its own distribution's.
        (["tensorflow-gpu 2.10.0 pip"], "win-64", "pypi/tensorflow-gpu/2.10.0/win-64"),
        (["tensorflow-intel 2.11.0 pip"], "win-64", "pypi/tensorflow-intel/2.11.0/win-64"),
        (["tensorflow-macos 2.10.0 pip"], "osx-arm64", "pypi/tensorflow-macos/2.10.0/osx-arm64"),
    ],
)  # fmt: skip
def test_which_row_it_is(packages: list[str], platform: str, row: str) -> None:
    build = context(*packages, platform=platform).build
    assert (build.id if build else "") == row


@pytest.mark.parametrize(
    ("packages", "channel"),
    [
        (["tensorflow 2.10.0 conda-forge"], "conda-forge"),
        (["tensorflow 2.10.0"], "pypi"),
        (["tensorflow 2.10.0 pip"], "pypi"),
        (["tensorflow 2.10.0 mirror cuda112py39h01bd6f0_0"], "conda-forge"),
        (["tensorflow 2.10.0 mirror"], "pypi"),
        (["tensorflow mirror"], "mirror"),
        (["numpy 1.26.4 conda-forge"], ""),
    ],
)
def test_whose_rows_apply(packages: list[str], channel: str) -> None:
    assert context(*packages).channel == channel


WISH = "tensorflow-gpu 2.10.0 pip"


@pytest.mark.parametrize(
    ("what", "packages", "more", "there"),
    [
        ("", ["tensorflow 2.10.0 pip"], {}, True),
        ("gpu", ["tensorflow 2.10.0 pip"], {}, False),
        ("gpu", [WISH], {}, True),
        ("gpu model", [WISH], {}, False),
        ("gpu model", ["tensorflow 2.10.0 pip"], {"system": {"gpu": "RTX 3090"}}, True),
        ("windows", [WISH], {}, False),
        ("windows", [WISH], {"platform": "win-64"}, True),
        ("requested", [WISH], {}, False),
        ("requested", [WISH], {"requested": ["keras 3.0.0 pip"]}, True),
        ("listed", [WISH], {}, False),
        ("listed", [WISH], {"kind": "file"}, True),
        ("binaries", [WISH], {}, False),
        ("binaries", [WISH], {"binaries": [{"path": "a.so"}]}, True),
        ("other modules", [WISH], {}, False),
        ("other modules", [WISH], {"working_folder": ["numpy.py"]}, True),
        ("other modules", [WISH], {"user_site": ["numpy 1.26.4 pip"]}, True),
        ("cuda", ["tensorflow 2.10.0 pip"], {}, False),
        ("cuda", [WISH], {}, True),
        ("cuda", ["tensorflow 2.10.0 pip", "cudatoolkit 11.2.2 conda-forge", "torch 2.1.0 pip"], {}, True),
        ("cuda", ["tensorflow 2.10.0 pip", "cudnn 8.1.0.77 conda-forge", "torch 2.1.0 pip"], {}, True),
        ("cuda", ["tensorflow 2.10.0 pip"], {"system": {"cuda_installed": ["11.2"]}}, True),
        ("cuda", ["tensorflow 2.10.0 pip"], {"system": {"cudnn_installed": ["8.1"]}}, True),
    ],
)
def test_what_there_is_to_look_at(what: str, packages: list[str], more: dict[str, Any], there: bool) -> None:
    assert context(*packages, **more).has(what) is there


def test_a_list_of_what_is_installed_is_nothing_to_write_into() -> None:
    found = context(WISH, kind="file")
    found.env.listed = True
    assert not found.has("listed")


@pytest.mark.parametrize(
    ("here", "collected", "system", "virtual", "without"),
    [
        (True, False, {}, {}, True),
        (False, True, {}, {}, True),
        # Nobody looked.
        (False, False, {}, {}, False),
        (True, False, {"cuda_driver": "525.60"}, {}, False),
        (True, False, {}, {"__cuda": "12.0"}, False),
    ],
)
def test_a_machine_without_a_driver(
    here: bool, collected: bool, system: dict[str, Any], virtual: dict[str, str], without: bool
) -> None:
    found = context("tensorflow 2.10.0 pip", system={"cuda_installed": ["11.2"], **system}, virtual_packages=virtual)
    found.env.this_machine, found.env.collected = here, collected
    assert found.without_driver is without
    # A toolkit counts beside a driver.
    assert (found.has("cuda"), system_cuda(found)) == (not without, [] if without else ["11.2"])


@pytest.mark.parametrize(
    ("packages", "platform", "none"),
    [
        (["tensorflow 2.11.0 pip"], "win-64", True),
        (["tensorflow 2.11.0rc0 pip"], "win-64", True),
        (["tensorflow 2.10.1 pip"], "win-64", False),
        (["tensorflow 2.11.0 pip"], "linux-64", False),
        (["tensorflow-directml 2.11.0 pip"], "win-64", False),
        (["tensorflow"], "win-64", False),
        (["numpy 1.26.4 pip"], "win-64", False),
    ],
)
def test_no_gpu_on_native_windows(packages: list[str], platform: str, none: bool) -> None:
    assert no_native_gpu(context(*packages, platform=platform)) is none


@pytest.mark.parametrize(
    ("packages", "more", "may", "question"),
    [
        (["tensorflow 2.10.0 pip"], {}, False, True),
        ([WISH], {}, True, True),
        (["tensorflow-cpu 2.10.0 pip"], {}, False, False),
        # Which build it is nobody knows: then what is around it tells.
        (["tensorflow 2.10.0 conda-forge"], {}, False, False),
        (["tensorflow 2.10.0 conda-forge"], {"system": {"cuda_installed": ["11.2"]}}, True, True),
        (["tensorflow 2.10.0 conda-forge"], {"system": {"gpu": "NVIDIA RTX 3090"}}, True, True),
        (["tensorflow 2.10.0 pip"], {"platform": "osx-64", "system": {"cuda_installed": ["9.0"]}}, True, False),
        (["tensorflow"], {}, True, True),
        (["tensorflow"], {"system": {"gpu": "Intel UHD"}}, False, False),
    ],
)
def test_whether_the_gpu_matters(packages: list[str], more: dict[str, Any], may: bool, question: bool) -> None:
    found = context(*packages, **more)
    assert (gpu_may_be_wanted(found), gpu_in_question(found)) == (may, question)


def test_what_nobody_asked_for_came_along() -> None:
    def cuda(asked_for: bool) -> Any:
        package = {"name": "cudatoolkit", "version": "11.2.2", "manager": "conda", "channel": "conda-forge"}
        return {**package, "asked_for": asked_for}

    assert [came_along(context("tensorflow 2.10.0 pip", cuda(asked)).env) for asked in (True, False)] == [False, True]
    assert not came_along(context("tensorflow 2.10.0 pip").env)
    with_torch = context("tensorflow 2.10.0 pip", cuda(False), "torch 2.1.0 pip")
    assert not came_along(with_torch.env) and with_torch.gpu_wanted == ""
    assert context("tensorflow 2.10.0 pip", cuda(False)).gpu_wanted == ""
    assert context("tensorflow 2.10.0 pip", cuda(True)).gpu_wanted == "cudatoolkit 11.2.2 (conda) is installed"


def test_what_is_only_asked_for_is_not_called_installed() -> None:
    found = context("tensorflow 2.10.0 pip", "cudatoolkit 11.2.2 conda-forge")
    found.env.partial = True
    assert found.gpu_wanted == "cudatoolkit 11.2.2 (conda) is asked for"


@pytest.mark.parametrize(
    ("system", "virtual", "macos"),
    [
        ("macOS 13.4 (arm64)", {}, "13.4"),
        ("Mac OS X 10.15.7", {}, "10.15.7"),
        ("macOS 13.4", {"__osx": "12.6"}, "12.6"),
        # What every later one tells a Python that was built for older ones.
        ("", {"__osx": "10.16"}, ""),
        ("Ubuntu 22.04", {}, ""),
    ],
)
def test_which_macos_it_is(system: str, virtual: dict[str, str], macos: str) -> None:
    found = context("tensorflow 2.10.0 pip", platform="osx-64", system={"os": system}, virtual_packages=virtual)
    assert found.macos == macos


@pytest.mark.parametrize(
    ("packages", "rivals"),
    [
        # Conda's is another owner, whatever it is called; a wheel without files owns nothing.
        (["tensorflow 2.10.0 pip", "tensorflow-gpu 2.9.1 conda-forge"], []),
        (["tensorflow 2.12.0 pip", "tensorflow-gpu 2.10.0 pip"], []),
        (["tensorflow 2.10.0 pip", "tensorflow-gpu 2.10.0 pip"], ["tensorflow", "tensorflow-gpu"]),
    ],
)
def test_who_is_a_rival(packages: list[str], rivals: list[str]) -> None:
    assert sorted(package.name for package in context(*packages, platform="win-64").rivals) == rivals


@pytest.mark.parametrize(
    ("packages", "more", "why"),
    [
        (["tensorflow 2.10.0 conda-forge cuda112py39h01bd6f0_0"], {}, "tensorflow 2.10.0 is a GPU build"),
        (["tensorflow 2.10.0 defaults gpu_py39h6559e04_0"], {}, "tensorflow 2.10.0 is a GPU build"),
        (["tensorflow 2.10.0 conda-forge cpu_py39h4655687_0"], {}, ""),
        # What a report calls the build of a wheel says nothing.
        ([{"name": "tensorflow", "version": "2.10.0", "manager": "pip", "build": "gpu_py39_0"}], {}, ""),
        (["tensorflow 2.10.0 pip"], {"requested": ["numpy 1.26.4 pip", "keras 3.0.0 pip"]}, ""),
        (["tensorflow 2.10.0 pip", "cudatoolkit conda-forge"], {}, "cudatoolkit is installed"),
        (["tensorflow 2.10.0 pip", "cudatoolkit conda-forge", "torch 2.1.0 pip"], {}, ""),
        (["tensorflow 2.10.0 pip", "numpy 1.26.4 pip"], {}, ""),
    ],
)
def test_what_says_that_a_gpu_is_wanted(packages: list[Any], more: dict[str, Any], why: str) -> None:
    assert context(*packages, **more).gpu_wanted == why


def test_a_toolkit_of_no_version_that_is_only_asked_for() -> None:
    found = context("tensorflow 2.10.0 pip", "cudatoolkit conda-forge")
    found.env.partial = True
    assert found.gpu_wanted == "cudatoolkit is asked for"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (("TFD301", "TFD603"), "the error text is about the GPU"),
        # What is most probable counts.
        (("TFD603", "TFD301"), ""),
        ((), ""),
    ],
)
def test_a_text_about_the_gpu_is_a_wish(told: tuple[str, ...], why: str) -> None:
    found = context("tensorflow 2.10.0 pip")
    found.told = told
    assert found.gpu_wanted == why
    wish = context(WISH)
    wish.told = told
    assert wish.gpu_wanted == "tensorflow-gpu 2.10.0 is a GPU build"


def test_what_there_is_without_a_tensorflow() -> None:
    found = context("numpy 1.26.4 pip")
    assert (found.label, found.build, found.binary_build, found.builds, found.sources) == (
        "TensorFlow",
        None,
        None,
        [],
        [],
    )
    assert not found.is_before("2.10") and found.remembered is None and found.binaries is None
    found.keep()  # there is nothing to keep
    assert context("tensorflow 2.10.0 pip").label == "tensorflow 2.10.0"


def test_the_row_that_holds_the_binaries() -> None:
    stub = context("tensorflow 2.12.0 pip", platform="win-64")
    assert stub.build is not None and stub.build.id == "pypi/tensorflow/2.12.0/win-64"
    assert stub.binary_build is not None and stub.binary_build.id == "pypi/tensorflow-intel/2.12.0/win-64"
    whole = context("tensorflow 2.12.0 pip")
    assert whole.binary_build is whole.build is not None

"""``CONDA_OVERRIDE_*`` are obeyed in all that is said of the machine: by the rules, in a report, by ``create``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.environment import machine
from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.prefix import read_prefix, this_platform
from tools.prefixes import add_dist, make_prefix

# What a module of the driver says of itself.
MODULE = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  390.48  Thu Mar 22 00:42:57 PDT 2018\n"
CUDA_12 = {"tensorflow": "2.15.0", "nvidia-cuda-runtime-cu12": "12.2.140", "nvidia-cudnn-cu12": "8.9.4.25"}
TENSORFLOW = {"tensorflow": "2.15.0"}
AWS = {"tensorflow": "2.15.0", "tensorflow-cpu-aws": "2.15.0"}
INTEL = {"tensorflow": "2.15.0", "tensorflow-intel": "2.15.0"}
TENSORFLOW_212 = {"tensorflow-macos": "2.12.0"}


class Case(NamedTuple):
    variable: str
    value: str | None
    platform: str
    packages: dict[str, str]
    virtual: dict[str, str]
    error: tuple[str, str] | None = None


# Elsewhere "here" is an environment for Linux, of which only the overrides are known.
LINUX = sys.platform == "linux"
# The machine of this test has a driver too old for any CUDA here.
CASES_OF_THE_DRIVER = [
    Case("CUDA", None, "here", CUDA_12, {}, ("TFD306", "driver 390.48")),
    Case("CUDA", "newest", "here", CUDA_12, {}, ("TFD306", "driver 390.48")),
]
CASES = [
    *(CASES_OF_THE_DRIVER if LINUX else ()),
    Case("CUDA", "12.9", "here", CUDA_12, {"__cuda": "12.9"}, None),
    Case("CUDA", "11.2", "here", CUDA_12, {"__cuda": "11.2"}, ("TFD306", "__cuda 11.2")),
    Case("CUDA", "", "here", CUDA_12, {}, None),
    Case("CUDA", "11.2", "win-64", INTEL, {"__cuda": "11.2"}, None),
    Case("CUDA", "", "win-64", INTEL, {}, None),
    Case("CUDA", "newest", "win-64", INTEL, {}, None),
    Case("GLIBC", "2.12", "here", TENSORFLOW, {"__glibc": "2.12"}, ("TFD106", "glibc 2.12 (__glibc)")),
    Case("GLIBC", "2.39", "here", TENSORFLOW, {"__glibc": "2.39"}, None),
    Case("GLIBC", "2.12", "linux-aarch64", AWS, {"__glibc": "2.12"}, None),
    Case("GLIBC", "2.12", "win-64", INTEL, {}, None),
    Case("ARCHSPEC", "nehalem", "here", TENSORFLOW, {"__archspec": "nehalem"}, ("TFD104", "nehalem")),
    Case("ARCHSPEC", "zen4", "here", TENSORFLOW, {"__archspec": "zen4"}, None),
    Case("ARCHSPEC", "nehalem", "win-64", INTEL, {"__archspec": "nehalem"}, ("TFD104", "nehalem")),
    Case("OSX", "11.0", "osx-arm64", TENSORFLOW_212, {"__osx": "11.0"}, ("TFD103", "macOS 11.0")),
    Case("OSX", "13.0", "osx-arm64", TENSORFLOW_212, {"__osx": "13.0"}, None),
    Case("OSX", "13.0", "here", TENSORFLOW, {}, None),
    Case("WIN", "10.0.19045", "win-64", INTEL, {"__win": "10.0.19045"}, None),
    Case("WIN", "", "win-64", INTEL, {}, None),
    Case("WIN", "10.0.19045", "linux-aarch64", AWS, {}, None),
]


_OF_THE_MACHINE = ("TFD103", "TFD104", "TFD106", "TFD306", "TFD609")


def _machine_errors(document: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
    found = [(f["code"], f["found"]) for f in document["findings"] if f["severity"] == "error"]
    return [row for row in found if row[0] in _OF_THE_MACHINE]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.variable}={case.value}-{case.platform}")
def test_overrides_win_in_all_that_is_said(
    case: Case,
    real_machine: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "driver").write_text(MODULE)
    real_machine.setattr(machine, "_DRIVER", str(tmp_path / "driver"))
    if case.value is not None:
        real_machine.setenv(f"CONDA_OVERRIDE_{case.variable}", case.value)
    if case.variable != "ARCHSPEC":
        # A machine of any age may run this.
        real_machine.setenv("CONDA_OVERRIDE_ARCHSPEC", "x86_64_v3")
        case.virtual["__archspec"] = "x86_64_v3"
    here = case.platform == "here"
    platform = case.platform if not here else this_platform() if LINUX else "linux-64"
    prefix = make_prefix(tmp_path / "env", platform, "3.11.7")
    for name, version in case.packages.items():
        add_dist(prefix, name, version)
    expected = [case.error] if case.error else []
    status = console(["check", "-p", str(prefix), "--json"])
    assert _machine_errors(json.loads(capsys.readouterr().out)) == expected
    assert status == bool(expected)

    virtual = read_prefix(str(prefix)).virtual_packages
    own = {"linux": "GLIBC", "win32": "WIN"}.get(sys.platform, "")
    if platform == this_platform() and own not in ("", case.variable):
        assert virtual.pop(f"__{own.lower()}"), "what is not overridden is this machine's"
    assert virtual == case.virtual

    report = tmp_path / "report.json"
    assert console(["report", "-p", str(prefix), "-o", str(report)]) == 0
    console(["check", "--report", str(report), "--json"])
    out = capsys.readouterr().out
    assert _machine_errors(json.loads(out[out.index("{") :])) == expected

    if here and LINUX and case.variable == "CUDA":
        status = console(["create", "new", "--tensorflow", "2.15", "--dry-run", "--json"])
        told = json.loads(capsys.readouterr().out)
        if case.error:
            assert "The display driver is too old for CUDA 12" in told["error"]
        else:
            assert (status, "cuda" in told["environment"]) == (0, case.value != "")


def test_a_cpu_that_is_said_to_be_another_is_not_looked_at(real_machine: pytest.MonkeyPatch) -> None:
    real_machine.setenv("CONDA_OVERRIDE_ARCHSPEC", "")
    env = Environment("prefix", "", this_platform())
    machine.add_machine(env)
    assert (env.system.cpu_model, env.system.cpu_features) == ("", {})
    assert env.system.machine and "__archspec" not in env.virtual_packages

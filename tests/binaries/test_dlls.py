"""The verb: trees for people, JSON for machines, graphs for Graphviz."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import conda_tf_doctor
from conda_tf_doctor.cli.main import console
from tools.tiny_pe import make_dll

from .conftest import MAIN, OTHER, SITE, write_conda, write_record

SCHEMA = json.loads((Path(conda_tf_doctor.__file__).parent / "schemas" / "dlls.schema.json").read_text())
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dlls(env: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str, prefix: Path = env) -> tuple[int, str, str]:
        status = console(["dlls", "-p", str(prefix), *arguments])
        return status, *capsys.readouterr()

    return call


def document(text: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(text)
    jsonschema.validate(parsed, SCHEMA)
    return parsed


def test_a_whole_environment_in_two_lines(dlls: Call) -> None:
    status, out, _ = dlls()
    assert status == 0
    assert "nothing is missing or damaged" in out
    assert "Not found, and needed only when used" in out
    assert "──" not in out


def test_only_the_way_to_the_problem_is_drawn(dlls: Call, env: Path) -> None:
    write_conda(env, "vc14_runtime", "14.29.30139", files=["vcruntime140_1.dll"])
    (env / "vcruntime140_1.dll").unlink()
    status, out, _ = dlls()
    assert status == 1
    assert f"{MAIN}\n└── VCRUNTIME140_1.DLL  NOT FOUND (imported by 2 modules)" in out
    assert "KERNEL32" not in out
    assert "ERROR TFD401" in out


def test_everything_is_drawn_with_v_and_nothing_twice(dlls: Call) -> None:
    status, out, _ = dlls("-v")
    assert status == 0
    assert "KERNEL32.dll  [known DLL]" in out
    assert "python310.dll  [" in out
    assert f"{OTHER}\n" in out
    assert "14.29.30133.0" in out


def test_json(dlls: Call, env: Path) -> None:
    write_conda(env, "vc14_runtime", "14.29.30139", files=["vcruntime140_1.dll"])
    (env / "vcruntime140_1.dll").unlink()
    make_dll(env / OTHER, imports={"_pywrap_tensorflow_internal.pyd": ["TF_Newer", 12345]})
    write_record(env)
    status, out, _ = dlls("--json")
    assert status == 1
    told = document(out)
    assert told["module"] == MAIN
    modules = {module["name"]: module for module in told["modules"]}
    assert modules["VCRUNTIME140_1.DLL"]["problem"] == "not found"
    assert modules["VCRUNTIME140_1.DLL"]["path"] is None
    assert modules["msvcp140.dll"]["path"] == "msvcp140.dll"
    assert modules["msvcp140.dll"]["version"] == "14.29.30133.0"
    assert modules["_pywrap_tensorflow_internal.pyd"]["missing_symbols"] == ["12345", "TF_Newer"]
    assert ["_pywrap_tensorflow_internal.pyd", "VCRUNTIME140_1.DLL"] in told["edges"]
    assert {finding["code"] for finding in told["findings"]} == {"TFD401", "TFD505"}


def test_a_silenced_rule(dlls: Call, env: Path) -> None:
    write_conda(env, "vc14_runtime", "14.29.30139", files=["vcruntime140_1.dll"])
    (env / "vcruntime140_1.dll").unlink()
    status, out, _ = dlls("--json", "--ignore", "TFD401")
    assert (status, document(out)["findings"]) == (0, [])


def test_dot(dlls: Call, env: Path) -> None:
    write_conda(env, "vc14_runtime", "14.29.30139", files=["vcruntime140_1.dll"])
    (env / "vcruntime140_1.dll").unlink()
    status, out, _ = dlls("--dot")
    assert status == 1
    assert out.startswith("digraph closure {")
    assert 'label="VCRUNTIME140_1.DLL\\nnot found", color=red' in out
    assert out.count("{") == out.count("}") == 1
    assert "KERNEL32" not in out
    assert "KERNEL32" in dlls("--dot", "-v")[1]


@pytest.mark.parametrize(
    "name",
    ["h5py", "h5py._conv", f"{SITE}/h5py/_conv.cp310-win_amd64.pyd", "h5py\\_conv.cp310-win_amd64.pyd", "hdf5.dll"],
)
def test_another_module(name: str, dlls: Call, env: Path) -> None:
    make_dll(env / SITE / "h5py" / "_conv.cp310-win_amd64.pyd", imports={"hdf5.dll": ["H5open"], "python310.dll": []})
    make_dll(env / "Library" / "bin" / "hdf5.dll", ["H5open"], {"zlib1.dll": ["inflate"]})
    status, out, _ = dlls(name, "--json")
    told = document(out)
    assert status == 1
    assert told["module"] == name
    assert [(f["code"], f["expected"]) for f in told["findings"]] == [("TFD501", "zlib1.dll")]


@pytest.mark.parametrize("name", ["nothing", "no.such.module", "gone.dll", "a b", "tensorflow.python.platform"])
def test_a_module_that_is_not_there(name: str, dlls: Call) -> None:
    status, out, err = dlls(name)
    assert (status, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    status, out, _ = dlls(name, "--json")
    assert status == 2
    assert document(out)["ok"] is False


def test_no_tensorflow(dlls: Call, tmp_path: Path) -> None:
    write_conda(tmp_path / "other", "python", "3.10.4")
    status, _, err = dlls(prefix=tmp_path / "other")
    assert status == 2
    assert "name a MODULE" in err


def test_dot_and_json_exclude_each_other(dlls: Call) -> None:
    assert dlls("--dot", "--json")[0] == 2


def test_other_copies_are_told_with_v(dlls: Call, env: Path) -> None:
    make_dll(env / "Library" / "bin" / "msvcp140.dll", ["common"])
    assert "Another msvcp140.dll, not loaded: Library/bin/msvcp140.dll" in dlls("-v")[1]
    assert "Another" not in dlls()[1]

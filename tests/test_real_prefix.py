"""Prefixes made by real conda, judged through both doors."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def console(*args: str, env: dict[str, str] | None = None) -> tuple[int, dict]:
    """Run the console script's module in an interpreter without conda."""
    run = subprocess.run(
        [sys.executable, "-m", "conda_tf_doctor", *args, "--json"], capture_output=True, text=True, env=env, check=False
    )
    return run.returncode, json.loads(run.stdout)


def codes(document: dict, severity: str = "error") -> list[str]:
    return [finding["code"] for finding in document["findings"] if finding["severity"] == severity]


def both(conda, prefix, *args: str) -> dict:
    """Check through both doors, and hold them to the same answer."""
    result = conda.doctor("-p", str(prefix), "--json", *args)
    document = result.json()
    status, other = console("check", "-p", str(prefix), *args, env=conda.environ())
    assert (status, other) == (result.rc, document), result.err
    return document


def test_a_healthy_environment_of_conda_forge_has_no_finding(conda, make_env) -> None:
    prefix = make_env("healthy", "tensorflow=2.17.0=cpu*", "python=3.11")
    document = both(conda, prefix)
    assert document["ok"] and codes(document) == [] and codes(document, "warning") == []
    found = document["tensorflow"]
    assert (found["version"], found["channel"], found["manager"]) == ("2.17.0", "conda-forge", "conda")
    assert document["target"]["platform"] == "linux-64"


def test_a_gpu_build_beside_the_cuda_its_record_asks_for_is_healthy(conda, make_env) -> None:
    prefix = make_env("gpu", "tensorflow=2.15.0=cuda120*", "python=3.11")
    document = both(conda, prefix)
    assert document["ok"], document["findings"]
    assert not {"TFD301", "TFD302", "TFD303", "TFD304"} & {f["code"] for f in document["findings"]}


def test_pips_tensorflow_joined_with_condas_records(conda, make_env, fake_pip_install) -> None:
    prefix = make_env("joined", "python=3.12", "cudatoolkit=11.8", "numpy>=2")
    fake_pip_install(prefix, "tensorflow", "2.10.0", requires=["numpy>=1.20", "protobuf<3.20,>=3.9.2"])
    document = both(conda, prefix)
    assert not document["ok"]
    assert codes(document)[0] == "TFD201"
    assert {"TFD201", "TFD603"} <= set(codes(document))
    found = document["tensorflow"]
    assert (found["name"], found["manager"], found["channel"]) == ("tensorflow", "pip", "pypi")


def test_pip_over_conda_is_seen_and_conda_alone_is_not_taken_for_it(conda, make_env, fake_pip_install) -> None:
    prefix = make_env("over", "tensorflow=2.17.0=cpu*", "python=3.11")
    fake_pip_install(prefix, "tensorflow", "2.18.0", requires=["numpy<2.1.0,>=1.26.0"])
    document = both(conda, prefix)
    assert "TFD601" in codes(document, "warning")


@pytest.mark.parametrize("flag", [["-v"], ["-q"], []], ids=["verbose", "quiet", "plain"])
def test_the_screen_names_environment_cause_and_repair(conda, make_env, fake_pip_install, flag) -> None:
    prefix = make_env("joined-text", "python=3.12")
    fake_pip_install(prefix, "tensorflow", "2.10.0", requires=["numpy>=1.20"])
    result = conda.doctor("-p", str(prefix), *flag)
    assert result.rc == 1, result.err
    assert "TFD201" in result.out and "Python 3.12" in result.out
    assert result.out.startswith("BROKEN: 1 error") == (flag != ["-q"])
    assert (f"Environment {prefix}" in result.out) == (flag != ["-q"])
    assert "conda tf-doctor fix" in result.out


def test_an_unusable_request_is_one_line_and_exit_2(conda, tmp_path) -> None:
    missing = tmp_path / "nowhere"
    result = conda.doctor("-p", str(missing))
    assert result.rc == 2 and result.out == ""
    assert str(missing) in result.err and len(result.err.strip().splitlines()) == 1
    with_json = conda.doctor("-p", str(missing), "--json")
    assert with_json.rc == 2 and str(missing) in with_json.json()["error"]

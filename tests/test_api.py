"""What programs call: the same answers however it is called."""

from __future__ import annotations

import json
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.api import UsageError, diagnose, summary
from conda_tf_doctor.cli.main import console


def report(version: str, python: str = "3.12.1", **packages: str) -> dict[str, Any]:
    found = [{"name": "tensorflow", "version": version, "manager": "pip"}]
    found += [{"name": name, "version": its, "manager": "pip"} for name, its in packages.items()]
    return {"platform": "linux-64", "python": {"version": python}, "packages": found, "complete": True}


REPORTS = [
    report(f"2.{minor}.0", python, numpy=numpy)
    for minor in range(8, 20)
    for python in ("3.9", "3.12")
    for numpy in ("1.26.4", "2.1.0")
]


def test_it_is_what_check_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(REPORTS[0]), encoding="utf-8")
    status = console(["check", "--report", str(path), "--json"])
    document = json.loads(capsys.readouterr().out)
    for given in (REPORTS[0], json.dumps(REPORTS[0]), json.dumps(REPORTS[0]).encode()):
        assert diagnose(given, name=str(path)) == document
    assert document["ok"] is (status == 0)


def test_threads_and_processes_answer_alike() -> None:
    expected = [diagnose(each) for each in REPORTS]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(diagnose, REPORTS * 3)) == expected * 3
    # "fork" does not exist everywhere, and its children share open files with their parent, which has the matrix open.
    for way in {"spawn", *multiprocessing.get_all_start_methods()} - {"forkserver"}:
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(way)) as pool:
            assert list(pool.map(diagnose, REPORTS, chunksize=5)) == expected, way
    assert pickle.loads(pickle.dumps(diagnose)) is diagnose


def test_rules_can_be_left_out_and_a_matrix_laid_over(tmp_path: Path) -> None:
    broken = report("2.10.0")
    assert diagnose(broken)["findings"][0]["code"] == "TFD201"
    left = diagnose(broken, ignore=["python-unsupported"])
    assert "TFD201" not in [finding["code"] for finding in left["findings"]] and left["summary"]["ignored"] == 1
    own = tmp_path / "own.yaml"
    own.write_text(
        "schema_version: 1\nrows:\n  - {id: pypi/tensorflow/2.10.0/linux-64, python: '3.8-3.12'}\n", encoding="utf-8"
    )
    assert "TFD201" not in [finding["code"] for finding in diagnose(broken, matrix=str(own))["findings"]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "The report r is not JSON"),
        ("[]", "it is not a JSON object"),
        ({"packages": []}, "the field 'platform' has to be there"),
        ({"platform": "linux-64", "packages": {}}, "the field 'packages' has to be a list"),
    ],
)
def test_what_is_no_report_is_told_in_a_sentence(given: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        diagnose(given, name="r")


@pytest.mark.parametrize(
    ("given", "row"),
    [
        (report("2.10.0"), ("error", "TFD201", "tensorflow", "2.10.0")),
        (report("2.19.0", "3.12", numpy="2.1.0"), ("ok", "", "tensorflow", "2.19.0")),
        ({"platform": "win-64", "packages": []}, ("none", "", "", "")),
    ],
)
def test_a_summary_is_a_flat_row(given: dict[str, Any], row: tuple[str, ...]) -> None:
    found = summary(diagnose(given))
    assert (found["state"], found["code"], found["distribution"], found["tensorflow"]) == row
    assert all(isinstance(value, str | int) for value in found.values())
    assert (found["errors"] > 0) == (found["state"] == "error")

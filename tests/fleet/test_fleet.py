"""``fleet``: from many reports to rows, counts and a page."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import conda_tf_doctor
from conda_tf_doctor.cli.main import console
from conda_tf_doctor.fleet.tally import Tally

SCHEMA = Path(conda_tf_doctor.__file__).parent / "schemas" / "fleet.schema.json"


def report(host: str, version: str, python: str = "3.12.1", platform: str = "linux-64") -> dict[str, Any]:
    package = {"name": "tensorflow", "version": version, "manager": "pip"}
    return {"host": host, "platform": platform, "python": {"version": python}, "packages": [package] if version else []}


BROKEN, FINE, EMPTY = report("one", "2.10.0"), report("two", "2.19.0", "3.12"), report("three", "")


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A folder as a collector leaves it: every form there is, and what is none."""
    folder = tmp_path / "it's the reports"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.json").write_text(json.dumps(BROKEN, indent=2), encoding="utf-8")
    (folder / "README.txt").write_text("no report", encoding="utf-8")
    lines = "".join(json.dumps(each) + "\n" for each in (FINE, EMPTY, BROKEN))
    (folder / "deep" / "more.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    # Named for one document, and has two.
    (folder / "two.json").write_text(f"{json.dumps(FINE)}\n\n{json.dumps(BROKEN)}\n", encoding="utf-8")
    return folder


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], str]:
    status = console(["fleet", *words, "--json"])
    out, err = capsys.readouterr()
    document = json.loads(out)
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    return status, document, err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_all_forms_are_counted(reports: Path, capsys: pytest.CaptureFixture[str], jobs: str) -> None:
    status, document, err = answer(capsys, str(reports), "--jobs", jobs)
    assert (status, err) == (1, "")
    assert document["states"] == {"error": 3, "ok": 2, "none": 1}
    cause = {"state": "error", "code": "TFD201", "name": "python-unsupported", "reports": 3, "hosts": ["one"]}
    assert document["causes"] == [cause]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json"])
def test_reports_are_read_as_powershell_writes_them(
    name: str, encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "".join(f"{json.dumps(each)}\r\n" for each in (FINE, {**BROKEN, "host": "größer"}))
    data = text.encode(encoding) if encoding != "utf-16-be" else "\ufeff".encode(encoding) + text.encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    status, document, _ = answer(capsys, str(tmp_path), "--jobs", "1")
    assert (status, document["states"], document["causes"][0]["hosts"]) == (1, {"ok": 1, "error": 1}, ["größer"])


def test_patterns_and_files_name_each_report_once(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, document, _ = answer(capsys, str(reports / "*.json"), str(reports / "one.json"), "--jobs", "1")
    assert (status, document["reports"]) == (1, 3)


def test_one_bad_report_stops_nothing(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (reports / "cut.jsonl").write_text(json.dumps(FINE) + '\n{"platform": \n' + json.dumps(FINE), encoding="utf-8")
    (reports / "cut.json.gz").write_bytes(gzip.compress(json.dumps(FINE).encode())[:-9])
    (reports / "other.json").write_text("[1, 2]", encoding="utf-8")
    status, document, _ = answer(capsys, str(reports), "--jobs", "1")
    assert (status, document["states"]) == (1, {"error": 3, "ok": 4, "none": 1, "unread": 3})
    assert console(["fleet", str(reports), "--jobs", "1"]) == 1
    out = capsys.readouterr().out
    assert "UNREADABLE (3)" in out and re.search(
        r"cut\.jsonl:2 +\S+cut\.jsonl:2 is not JSON", out.replace(str(reports), "X")
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "nothing does not exist: give files of JSON or JSON Lines"),
        (["."], ". has no reports: give files"),
        (["bad"], "None of these is a report that can be read: bad is not JSON"),
        (["one.json", "-o", "x.xlsx"], "x.xlsx: results are written as .csv, .jsonl or .parquet"),
        (["one.json", "-o", "no such folder/x.csv"], "no such folder/x.csv cannot be written"),
        (["one.json", "--jobs", "-1"], "--jobs -1 is no number of processes"),
        (
            ["one.json", "--html", "no such folder/x.html"],
            "The page cannot be written to no such folder/x.html: No such",
        ),
        (["one.json", "-o", "rows.csv", "--html", "."], "The page cannot be written to .:"),
        (["one.jsonl", "-o", "./one.jsonl"], "one.jsonl is to be read and to be written; give -o another name"),
    ],
)
def test_unusable_requests(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if words != ["."]:
        (tmp_path / "one.json").write_text(json.dumps(FINE), encoding="utf-8")
    (tmp_path / "bad").write_text("neither", encoding="utf-8")
    status, document, err = answer(capsys, *words)
    assert (status, document["ok"], err.count("\n")) == (2, False, 1)
    assert document["error"].startswith(said)
    assert {path.name for path in tmp_path.iterdir()} <= {"one.json", "bad"}


def test_results_are_no_reports(
    reports: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # So many that rows reach the disk while reports are read.
    (reports / "many.jsonl").write_text(200 * f"{json.dumps(BROKEN)}\n", encoding="utf-8")
    monkeypatch.chdir(reports)
    for _ in range(2):
        assert answer(capsys, ".", "-o", "rows.jsonl", "--jobs", "1")[1]["states"] == {"error": 203, "ok": 2, "none": 1}
        assert (reports / "rows.jsonl").read_bytes().count(b"\n") == 206


def test_results_are_rows_of_every_report(reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, lines = tmp_path / "rows.csv", tmp_path / "rows.jsonl.gz"
    assert console(["fleet", str(reports), "--jobs", "1", "-o", str(table), "-o", str(lines), "-q"]) == 1
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted((row["host"], row["state"], row["code"], row["tensorflow"]) for row in rows) == [
        *[("one", "error", "TFD201", "2.10.0")] * 3,
        ("three", "none", "", ""),
        *[("two", "ok", "", "2.19.0")] * 2,
    ]
    read = [json.loads(line) for line in gzip.decompress(lines.read_bytes()).splitlines()]
    assert [{key: str(value) for key, value in row.items()} for row in read] == rows


def test_the_screen_names_causes_and_hosts(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert console(["fleet", str(reports), "--jobs", "1"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "ERROR TFD201 python-unsupported (3)",
        "  one  tensorflow 2.10.0",
        "  … and 2 more",
        "No TensorFlow (1)",
        "OK (2)",
        "6 reports: 3 with errors, 1 without TensorFlow, 2 OK.",
    ]


@pytest.mark.real
def test_parquet_is_read_by_others(reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pyarrow import parquet

    assert console(["fleet", str(reports), "--jobs", "1", "-o", str(tmp_path / "rows.parquet")]) == 1
    table = parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert len(table) == 6 and {(row["host"], row["errors"]) for row in table} == {("one", 1), ("two", 0), ("three", 0)}


# The bed for Windows is without it: nothing of it is another there.
@pytest.mark.skipif(sys.platform == "win32", reason="Dask is tried on Linux")
def test_a_cluster_of_dask_answers_the_same(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import distributed

    here = answer(capsys, str(reports), "--jobs", "1")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        there = answer(capsys, str(reports), "--engine", "dask", "--scheduler", cluster.scheduler_address)
    assert there[:2] == here[:2]


@pytest.mark.parametrize(
    ("words", "module", "said"),
    [
        (["--engine", "dask"], "distributed", "--engine dask needs Dask"),
        (["-o", "x.parquet"], "pyarrow", "x.parquet: Parquet needs pyarrow"),
    ],
)
def test_what_is_optional_is_asked_for(
    words: list[str],
    module: str,
    said: str,
    reports: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(reports)
    status, document, _ = answer(capsys, "one.json", *words)
    assert status == 2 and document["error"].startswith(said) and "conda-tf-doctor[fleet]" in document["error"]


def test_what_is_counted_grows_with_the_causes_and_not_with_the_reports() -> None:
    tally, sizes = Tally(), []
    wrong = {"state": "error", "code": "TFD201", "name": "python-unsupported", "message": "…"}
    for number in range(60_000):
        kind = wrong if number % 2 else {"state": "ok", "code": "", "name": "", "message": ""}
        tally.add({"distribution": "tensorflow", "tensorflow": f"2.{number % 20}.0", **kind}, f"host-{number}")
        if number in (20_000, 59_999):
            kept = (tally.rows, tally.causes, tally.versions, *tally.places.values())
            sizes.append([len(each) for each in kept])
    assert sizes[0] == sizes[1] == [5000, 2, 10, 500, 500]
    assert (tally.total, tally.states) == (60_000, {"error": 30_000, "ok": 30_000})


@pytest.mark.parametrize(("hosts", "said"), [("abcde", "3 hosts and more"), ("abb", "2 hosts"), ("aa", "1 host")])
def test_a_page_does_not_take_the_hosts_that_it_names_for_all(
    hosts: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tally, "PLACES", 3)
    lines = "".join(json.dumps(report(host, "2.10.0")) + "\n" for host in hosts)
    (tmp_path / "all.jsonl").write_text(lines, encoding="utf-8")
    path = tmp_path / "page.html"
    assert console(["fleet", str(tmp_path), "--jobs", "1", "--html", str(path)]) == 1
    page = path.read_text(encoding="utf-8")
    assert re.findall(r"<summary>(.*?)</summary>", page) == [said]
    assert ("the results have all" in page) == ("more" in said)


NASTY = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture
def page(reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    nasty = {**report(NASTY, "2.4.0"), "prefix": NASTY, "error_text": NASTY}
    (reports / "nasty.json").write_text(json.dumps(nasty), encoding="utf-8")
    path = tmp_path / "page.html"
    assert console(["fleet", str(reports), "--jobs", "1", "--html", str(path)]) == 1
    return path


def test_a_page_needs_nothing_but_itself(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["']?(?!["']?#)|url\(|@import|https?:""", re.sub(r"&lt;.*?&gt;", "", text))
    assert "<script>document" not in text and "default-src 'none'" in text
    assert text.count('<tr data-row="report"') == 4 and "TFD201" in text


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")


@pytest.fixture
def shown(tmp_path: Path) -> Callable[..., str]:
    """What a browser has made of a page."""

    def browse(page: Path, fragment: str = "") -> str:
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        done = subprocess.run(
            [*command, "--virtual-time-budget=2000", "--dump-dom", page.as_uri() + fragment],
            capture_output=True, check=True, timeout=120,
        )  # fmt: skip
        return done.stdout.decode("utf-8")

    return browse


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
def test_a_browser_filters_and_runs_nothing_of_the_reports(page: Path, shown: Callable[..., str]) -> None:
    whole = shown(page)
    assert "4 shown" in whole and "<title>TensorFlow on these machines</title>" in whole
    assert "3 shown" in shown(page, "#filter=tfd201%202.10")
    assert "0 shown" in shown(page, "#filter=no-such-thing")

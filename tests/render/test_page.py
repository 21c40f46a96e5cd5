"""``check --html``: a page to send to somebody who helps."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest

from conda_tf_doctor.cli.main import console
from tools.prefixes import add_dist, make_prefix
from tools.tiny_pe import make_dll

NASTY = "<script>alert(1)</script>"


def words(page: Path) -> str:
    """What a reader sees, without the style and the script."""
    body = page.read_text(encoding="utf-8").partition("<body>")[2].partition("<script>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of Windows in somebody's home folder, in which a DLL is missing."""
    home = tmp_path / "home" / "janedoe"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USER", "janedoe")
    prefix = make_prefix(home / "envs" / "tf", "win-64", "3.12.1")
    add_dist(prefix, "tensorflow", "2.10.0")
    make_dll(
        prefix / "Lib/site-packages/tensorflow/python/_pywrap_tensorflow_internal.pyd", imports={"gone.dll": ["f"]}
    )
    return prefix


def test_a_page_tells_what_is_wrong_and_what_to_type(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert console(["check", "-p", str(broken), "--html", str(page)]) == 1
    out, err = capsys.readouterr()
    assert "TFD201" in out and err == f"Wrote {page}.\n"
    said = words(page)
    assert "tensorflow 2.10.0 has no build for Python 3.12" in said
    for part in (
        "What to type",
        "fix --apply -p",
        "Copy",
        "What is wrong",
        "expected",
        "evidence",
        "What is loaded",
        "What was fine",
    ):
        assert part in said
    assert re.search(r"_pywrap_tensorflow_internal\.pyd.* gone\.dll .*NOT FOUND", said)
    # Only what is a command has a button.
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<pre>[^<]*:</pre><button", text)


def test_it_is_masked_as_a_report_is(broken: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    console(["check", "-p", str(broken), "--html", str(page), "-q"])
    text = page.read_text(encoding="utf-8")
    assert "janedoe" not in text and "&lt;user&gt;" in text


def test_nothing_of_a_report_is_markup(tmp_path: Path) -> None:
    report = {
        "platform": "win-64", "prefix": NASTY, "python": {"version": NASTY}, "error_text": f"ImportError: {NASTY}",
        "packages": [{"name": "tensorflow", "version": "2.10.0", "channel": NASTY, "build": NASTY, "manager": "pip"}],
        "system": {"os": NASTY, "cpu_model": NASTY, "gpu": NASTY},
    }  # fmt: skip
    path, page = tmp_path / f"a {len(NASTY)}.json", tmp_path / "page.html"
    path.write_text(json.dumps(report), encoding="utf-8")
    console(["check", "--report", str(path), "--html", str(page), "-q"])
    text = page.read_text(encoding="utf-8")
    assert "alert(1)" in text and "<script>alert" not in text and text.count("<script>") == 1


def test_all_that_is_fine_is_a_page_too(tmp_path: Path) -> None:
    report = {
        "platform": "linux-64",
        "python": {"version": "3.12.1"},
        "packages": [{"name": "tensorflow", "version": "2.19.0"}],
    }
    path, page = tmp_path / "fine.json", tmp_path / "page.html"
    path.write_text(json.dumps(report), encoding="utf-8")
    assert console(["check", "--report", str(path), "--html", str(page), "-q"]) == 0
    assert '<h1 class="ok">' in page.read_text(encoding="utf-8") and "What was fine" in words(page)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--all-envs"], "--html is a page about one environment"),
        (["--file", "a.txt", "--file", "b.txt"], "--html is a page about one environment"),
    ],
)
def test_one_page_is_about_one(words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert console(["check", *words, "--html", str(tmp_path / "x.html")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()


def test_a_page_that_cannot_be_written_is_one_sentence(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "no such folder" / "page.html"
    assert console(["check", "-p", str(broken), "--html", str(target)]) == 2
    assert capsys.readouterr().err.startswith(f"conda-tf-doctor: The page cannot be written to {target}: ")


def test_a_page_is_a_file_with_a_name(
    broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert console(["check", "-p", str(broken), "--html", "-"]) == 2
    assert "name a page" in capsys.readouterr().err
    assert not (tmp_path / "-").exists()

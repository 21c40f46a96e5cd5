"""A file that cannot be used is one sentence; standard input is a file."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.errors import UsageError
from tools.files import rows


def test_standard_input_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"tensorflow==2.10.0\n")))
    assert rows(read_file("-", "win-64")) == {"tensorflow": ("2.10.0", "", "pip:pypi")}


# name, content, platform, what the sentence has to say
UNUSABLE = [
    ("missing.yml", None, "", "does not exist"),
    ("empty.yml", "", "", "is empty"),
    ("binary.txt", b"\x00\x01\x02", "", "not text"),
    ("no.yml", "name: x\n", "", "list named dependencies"),
    ("bad.yml", "dependencies: [a\n  b: c\n", "", "valid YAML"),
    ("text.yml", "dependencies: python\n", "", "dependencies has to be a list"),
    ("nested.yml", "dependencies: [[python]]\n", "", "item 1 of dependencies"),
    ("spec.yml", "dependencies: ['=1.0']\n", "", "item 1 of dependencies"),
    ("pip.yml", "dependencies: [{pip: [{a: b}]}]\n", "", "item 1 of the pip section"),
    ("pips.yml", "dependencies: [{pip: numpy}]\n", "", "item 1 of dependencies (pip)"),
    ("requirements.txt", "numpy==1.0\n=== what\n", "", "line 2"),
    ("recursive.txt", "-r gone.txt\n", "", "gone.txt"),
    ("list.json", "[1]", "", "entry 1"),
    ("list.json", '[{"name": "a", "version": 2}]', "", "version of entry 1"),
    ("what.json", '{"a": 1}', "", "of no form that is known"),
    ("report.json", '{"packages": [], "platform": "win-64"}', "", "--report"),
    ("broken.json", '{"a": ', "", "not valid JSON"),
    ("deep.json", "[" * 100_000, "", "not valid JSON"),
    ("explicit.txt", "@EXPLICIT\nnumpy\n", "", "line 2"),
    ("list.txt", "# Name Version Build Channel\none\n", "", "line 2"),
    ("lock.yml", "version: 2\npackage: []\n", "", "version 1 can be read"),
    ("lock.yml", "version: 1\npackage:\n- platform: linux-64\n", "linux-64", "entry 1"),
    ("pixi.lock", "version: 3\nenvironments:\n  default: {}\n", "", "versions 4 to 7"),
    ("pixi.lock", "version: 6\nenvironments:\n  default: {}\n", "", "has no packages"),
    ("pixi.lock", "version: 6\nenvironments:\n  a:\n    packages:\n      linux-64:\n      - x: y\n", "", "entry 1"),
    ("pixi.toml", "[dependencies\n", "", "valid TOML"),
    ("pyproject.toml", "[project]\nname = 'x'\n[build-system]\nrequires = []\n", "", "lists no dependencies"),
    ("section.yml", "dependencies: [{conda: [tensorflow]}]\n", "", "is \"conda: ['tensorflow']\", which is neither"),
    ("typo.yml", "dependencies:\n- python: '3.10'\n", "", "item 1 of dependencies is 'python: 3.10', which is neither"),
    ("env.yml", "{% set v = 1 %}\ndependencies: [tensorflow]\n", "", "is a template"),
    ("tox.ini", "[testenv]\ndeps = tensorflow\n", "", "INI file is of no form that is known; these are"),
    ("Dockerfile", "FROM python:3.10\n", "", "line 1 is no requirement: 'FROM python:3.10'. What can be read is"),
    ("package.json", '{"dependencies": {"x": "1"}}', "", "this JSON is of no form that is known"),
    ("compose.yml", "services: {}\n", "", "what can be read is environment.yml"),
    ("error.txt", "Traceback (most recent call last):\nImportError: x\n", "", "`conda-tf-doctor explain "),
    ("yarn.lock", "# yarn lockfile v1\nabbrev@1:\n  version \"1.0.9\"\n", "", "What can be read is"),
    ("latest.txt", "tensorflow==latest\n", "", "line 1 is no requirement: 'tensorflow==latest'"),
    ("ok.txt", "numpy==1.0\n", "win-46", "There is no platform win-46"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "platform", "words"), UNUSABLE, ids=[f"{r[0]}: {r[3]}" for r in UNUSABLE])
def test_an_unusable_file_is_one_sentence_that_names_it(
    tmp_path: Path, name: str, content: str | bytes | None, platform: str, words: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as caught:
        read_file(str(path), platform)
    sentence = str(caught.value)
    assert words in sentence and "\n" not in sentence and sentence.endswith(".")
    assert platform or name in sentence


def test_a_lock_of_requirements_is_one(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("# by a tool\n-e file:.\ntensorflow==2.15.0\n    # via mine\n")
    assert rows(read_file(str(tmp_path / "requirements.lock"), "linux-64")) == {
        "tensorflow": ("2.15.0", "", "pip:pypi")
    }


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is a folder; name a file"):
        read_file(str(tmp_path))

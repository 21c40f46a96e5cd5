"""The README's commands as typed into cmd.exe by somebody who has set nothing, in a folder with blanks and letters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .test_conda import broken

# What the README shows of it.
LISTED = """\
name: work
channels: [conda-forge]
dependencies:
  - python=3.10
  - pip
  - pip:
    - tensorflow==2.15.0
    - numpy==2.0.2
"""
# An installer puts both there.
PYTHON = (os.path.dirname(sys.executable), os.path.join(os.path.dirname(sys.executable), "Scripts"))
# The sentences that Windows' Python prints, with a mark and line ends of an editor there.
ERROR = (
    "ImportError: DLL load failed while importing _pywrap_tensorflow_internal: "
    "The specified module could not be found.\r\n"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a broken environment in it, a list, and an error text."""
    folder = tmp_path / "Jörgs Projekte (neu)"
    folder.mkdir()
    (folder / "environment.yml").write_text(LISTED, encoding="utf-8")
    (folder / "Fehler 1.txt").write_bytes(b"\xef\xbb\xbf" + ERROR.encode())
    # What pip and conda write for their programs.
    (folder / "bin").mkdir()
    for name, module in (("conda", "conda"), ("conda-tf-doctor", "conda_tf_doctor")):
        (folder / "bin" / f"{name}.bat").write_text(f'@"{sys.executable}" -m {module} %*\n', encoding="ascii")
    return folder


def typed(folder: Path, line: str) -> tuple[int, str]:
    """Run a line as it is typed; return its exit status, and all that is shown."""
    # The suite's own world is Linux', and in UTF-8.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CONDA_", "PYTHON"))}
    environ = {
        **kept,
        "CONDA_OFFLINE": "true",
        "PATH": os.pathsep.join([str(folder / "bin"), *PYTHON, os.environ["PATH"]]),
    }
    done = subprocess.run(
        f"cmd /d /s /c \"{line}\"", cwd=folder, env=environ, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.decode("mbcs", "replace").replace("\r\n", "\n")


def repair_of(shown: str) -> str:
    """Return the line that is shown to be typed next."""
    lines = shown.splitlines()
    return lines[lines.index("To repair:") + 1].strip()


def elsewhere(finding: dict[str, Any], prefix: Path | None = None) -> dict[str, Any]:
    """Return a finding without what a report cannot know: in which files it was seen, and where the environment is."""
    if prefix is not None:
        place = f' -p "{prefix}"'
        lines = [line.replace(f"conda run{place} ", "").replace(place, "") for line in finding["fix"]["command_lines"]]
        finding = {**finding, "fix": {**finding["fix"], "command_lines": lines}}
    fix = {name: value for name, value in finding["fix"].items() if name != "commands"}
    return {**{name: value for name, value in finding.items() if name != "evidence"}, "fix": fix}


def test_what_is_shown_of_a_file_is_typed_and_cures_it(place: Path) -> None:
    status, shown = typed(place, "conda-tf-doctor check environment.yml --platform linux-64")
    assert status == 1 and "ERROR TFD603 numpy-abi" in shown, shown
    repair = repair_of(shown)
    assert str(place) in repair
    status, shown = typed(place, f"{repair} --yes")
    assert status == 0, shown
    assert typed(place, "conda-tf-doctor check environment.yml --platform linux-64")[0] == 0
    assert "numpy==2.0.2" not in (place / "environment.yml").read_text(encoding="utf-8")


def test_an_environment_is_examined_and_its_report_judged(place: Path) -> None:
    prefix = broken(place)
    status, shown = typed(place, f'conda tf-doctor -p "{prefix.relative_to(place)}"')
    assert status == 1 and "TFD201" in shown, shown
    assert f'-p "{prefix}"' in repair_of(shown)
    status, shown = typed(place, f'conda-tf-doctor report -p "{prefix}" -o "Bericht ü.json"')
    assert status == 0 and json.loads((place / "Bericht ü.json").read_text(encoding="utf-8"))["packages"], shown
    here, there = (
        json.loads(typed(place, f"conda-tf-doctor check {of} --json")[1])["findings"]
        for of in (f'-p "{prefix}"', '--report "Bericht ü.json"')
    )
    assert here and [elsewhere(finding, prefix) for finding in here] == [elsewhere(finding) for finding in there]
    status, shown = typed(place, f'conda-tf-doctor dlls -p "{prefix}"')
    assert status == 2 and "has no TensorFlow with binaries" in shown, shown


def test_a_text_is_explained_from_a_file_and_from_a_pipe(place: Path) -> None:
    for line in ('conda-tf-doctor explain - < "Fehler 1.txt"', 'type "Fehler 1.txt" | conda-tf-doctor explain -'):
        status, shown = typed(place, line)
        assert status == 0 and "TFD401" in shown, shown
    status, shown = typed(place, "conda-tf-doctor explain TFD402")
    assert status == 0 and "vc-runtime-old" in shown, shown


def test_the_matrix_is_shown_and_an_environment_planned(place: Path) -> None:
    status, shown = typed(place, "conda-tf-doctor matrix")
    assert status == 0 and "2.10" in shown, shown
    status, shown = typed(place, "conda-tf-doctor create tf --tensorflow 2.10 --gpu --platform win-64 --dry-run")
    assert status == 0 and "cudatoolkit" in shown, shown

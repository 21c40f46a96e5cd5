"""DLL folders that Python adds as it starts: which are known without running anything, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.binaries.startup import added_at_start
from conda_tf_doctor.rules.binaries.closure import binaries

from .conftest import SITE, write_conda
from .test_rules import context, found

HERE, ASIDE = "Library/vc", "../side/vc"
KNOWN = {
    "joined": ("import os, sys; os.add_dll_directory(os.path.join(sys.prefix, 'Library', 'vc'))", HERE),
    "written for Windows": ("import os, sys; os.add_dll_directory(sys.prefix + r'\\Library\\vc')", HERE),
    "formatted": ("import os, sys; os.add_dll_directory(f'{sys.prefix}/Library/vc')", HERE),
    "beside": ("import os, sys; os.add_dll_directory(os.path.abspath(os.path.join(sys.prefix, '../side/vc')))", ASIDE),
    "activated": ("import os; os.add_dll_directory(os.environ['CONDA_PREFIX'] + '/Library/vc')", HERE),
    "found": ("import glob, os, sys; [os.add_dll_directory(p) for p in glob.glob(sys.prefix + '/Library/*')]", HERE),
    "renamed": ("import sys; from os import add_dll_directory as add; add(sys.prefix + '/Library/vc')", HERE),
    "kept": ("import os, sys; handle = os.add_dll_directory(os.path.join(sys.prefix, 'Library', 'vc'))", HERE),
}  # fmt: skip
LONG = {
    "loop": (
        "import os\nimport sys\n\nbase = os.path.dirname(sys.executable)\nif hasattr(os, 'add_dll_directory'):\n"
        "    for name in ('bin', 'vc'):\n        os.add_dll_directory(os.path.join(base, 'Library', name))\n",
        HERE,
    ),
    "pathlib": (
        "import os\nfrom pathlib import Path\n\nROOT = Path(__file__).resolve().parent.parent.parent\n"
        "try:\n    os.add_dll_directory(str(ROOT / 'Library' / 'vc'))\nexcept OSError:\n    pass\n",
        HERE,
    ),
}
UNKNOWN = {
    "variable": "import os; os.add_dll_directory(os.environ['MY_DLLS'])",
    "call": "import os, tool; os.add_dll_directory(tool.folder())",
    "mapped": "import os; list(map(os.add_dll_directory, FOLDERS))",
    "relative": "import os; os.add_dll_directory('relative')",
    "number": "import os; os.add_dll_directory(f'{1}')",
    "divided": "import os; os.add_dll_directory(os.path.join('/', 1 / 2))",
    "whole disk": "import glob, os\nfor p in glob.glob('/*/*/*'):\n    os.add_dll_directory(p)\n",
    "multiplied": "import os\nx = ['a']\nfor i in x + [1] * 2:\n    os.add_dll_directory(i)\n",
    "growing": "import os\nx = 'aa'\n" + "x = x + x\n" * 40 + "os.add_dll_directory('/' + x)\n",
    "nested loops": "import os\nx = [1, 2, 3, 4, 5, 6, 7, 8]\n"
    + "".join(f"{'    ' * n}for {chr(97 + n)} in x:\n" for n in range(8))
    + "        " * 4
    + "os.add_dll_directory('/')\n",
    "no syntax": "import os; exec('for p in os.environ: os.add_dll_directory(p)') if os.add_dll_directory else (",
}


@pytest.fixture
def moved(env: Path) -> Path:
    """An environment whose runtime lies in another folder than the one it was installed into."""
    for folder in (HERE, ASIDE):
        (env / folder).mkdir(parents=True)
    write_conda(env, "vc14_runtime", "14.29.30139", files=["msvcp140.dll", "msvcp140_1.dll"])
    return env


def put(env: Path, folder: str) -> None:
    for name in ("msvcp140.dll", "msvcp140_1.dll"):
        (env / name).rename(env / folder / name)


def errors(env: Path) -> list[str]:
    return [finding.code for finding in binaries(context(env)) if finding.severity == "error"]


@pytest.mark.parametrize("name", [*KNOWN, *LONG])
def test_a_folder_that_is_added_as_python_starts_is_searched(name: str, moved: Path) -> None:
    code, folder = {**KNOWN, **LONG}[name]
    put(moved, folder)
    assert errors(moved) == ["TFD401"], "nothing adds it yet"
    (moved / SITE / ("vc.pth" if name in KNOWN else "sitecustomize.py")).write_text(code + "\n")
    assert errors(moved) == []
    added = added_at_start(str(moved), str(moved / SITE))
    assert str((moved / folder).resolve()) in added.folders and added.unknown == ()


def test_another_folder_does_not_help(moved: Path) -> None:
    put(moved, HERE)
    (moved / SITE / "vc.pth").write_text("import os, sys; os.add_dll_directory(os.path.join(sys.prefix, 'DLLs'))\n")
    assert errors(moved) == ["TFD401"]


def test_a_line_that_is_no_code_adds_nothing(moved: Path) -> None:
    put(moved, HERE)
    (moved / SITE / "vc.pth").write_text("# import os; os.add_dll_directory(sys.prefix + '/Library/vc')\n")
    assert errors(moved) == ["TFD401"]


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_cannot_be_followed_is_no_certainty(name: str, moved: Path) -> None:
    code = UNKNOWN[name]
    put(moved, HERE)
    file = moved / SITE / "sitecustomize.py"
    file.write_text(code + "\n")
    (finding,) = found(moved)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD401", "warning", "likely")
    assert finding.needs == (f"which folders {SITE}/sitecustomize.py adds with os.add_dll_directory",)
    assert added_at_start(str(moved), str(moved / SITE)).unknown == (str(file),)


def test_what_has_nothing_to_do_with_dlls_is_left_alone(moved: Path) -> None:
    (moved / SITE / "sitecustomize.py").write_text("import os\nfor name in os.environ:\n    print(name)\n")
    (moved / SITE / "a.pth").write_text("import os; var = 'SETUPTOOLS'; __import__('_distutils_hack')\n")
    assert added_at_start(str(moved), str(moved / SITE)) == ((), ())
    assert errors(moved) == []

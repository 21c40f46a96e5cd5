"""What `check` prints, `fix` takes: for every kind of target, the printed line is typed as it stands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from conda_tf_doctor.cli.main import console
from tests import shells
from tools.prefixes import add_dist, add_record, make_prefix

LOCKED = '\n[[package]]\nname = "{}"\nversion = "{}"\nsource = {{ registry = "https://index.example/simple" }}\n'
UV = (
    'version = 1\nrequires-python = ">=3.11"\n'
    + LOCKED.format("numpy", "2.1.0")
    + LOCKED.format("tensorflow", "2.15.0")
)
POETRY = '[[package]]\nname = "{}"\nversion = "{}"\noptional = false\nfiles = []\n\n'
CHANNEL = "https://conda.anaconda.org/conda-forge/linux-64/"
BUILDS = (
    "python-3.11.8-hab00c5b_0_cpython.conda",
    "numpy-2.1.0-py311h1_0.conda",
    "tensorflow-2.15.0-cpu_py311h6aa969b_0.conda",
)
# Every form of file: its name, its content, and what is printed (`fix`, or where to write what).
FILES: dict[str, tuple[str, str]] = {
    "environment.yml": ("dependencies:\n- python=3.11\n- tensorflow=2.15.0\n- numpy=2.1\n", "fix"),
    "by_pip.yml": ("dependencies:\n- python=3.11\n- pip\n- pip:\n  - tensorflow==2.15.0\n  - numpy==2.1.0\n", "fix"),
    "requirements.txt": ("tensorflow==2.15.0\nnumpy==2.1.0\n", "fix"),
    "specs.txt": ("tensorflow=2.15.0\nnumpy=2.1.0\npython=3.11\n", "fix"),
    "pyproject.toml": (
        '[project]\nname = "a"\nversion = "1"\nrequires-python = ">=3.11,<3.12"\n'
        'dependencies = ["tensorflow==2.15.0", "numpy==2.1.0"]\n',
        "fix",
    ),
    "Pipfile": ('[packages]\ntensorflow = "==2.15.0"\nnumpy = "==2.1.0"\n[requires]\npython_version = "3.11"\n', "fix"),
    "pyproject.of.poetry.toml": (
        '[tool.poetry]\nname = "a"\nversion = "1"\n'
        '[tool.poetry.dependencies]\npython = "~3.11"\ntensorflow = "2.15.0"\n'
        'numpy = "2.1.0"\n',
        "write into the file",
    ),
    "pyproject.of.pixi.toml": (
        '[tool.pixi.workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n\n[tool.pixi.dependencies]\n'
        'python = "3.11.*"\ntensorflow = "2.15.0"\nnumpy = "2.1.*"\n',
        "fix",
    ),
    "conda-lock.yml": (
        "version: 1\nmetadata:\n  platforms: [linux-64]\npackage:\n"
        + "".join(
            f"- {{name: {u.split('-')[0]}, version: {u.split('-')[1]}, manager: conda, platform: linux-64, "
            f"dependencies: {{}}, url: {CHANNEL}{u}}}\n"
            for u in BUILDS
        ),
        "write into the environment.yml that it is made from",
    ),
    "pylock.toml": (
        'lock-version = "1.0"\ncreated-by = "a"\nrequires-python = ">=3.11"\n'
        '[[packages]]\nname = "numpy"\nversion = "2.1.0"\n[[packages]]\nname = "tensorflow"\nversion = "2.15.0"\n',
        "write into the file that it is made from",
    ),
    "pixi.toml": (
        '[workspace]\nname = "a"\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n\n[dependencies]\n'
        'python = "3.11.*"\ntensorflow = "2.15.0"\nnumpy = "2.1.*"\n',
        "fix",
    ),
    "explicit.txt": ("@EXPLICIT\n" + "".join(f"{CHANNEL}{name}\n" for name in BUILDS), "refused"),
    "uv.lock": (UV, "write into pyproject.toml"),
    "poetry.lock": (
        POETRY.format("numpy", "2.1.0")
        + POETRY.format("tensorflow", "2.15.0")
        + '[metadata]\nlock-version = "2.0"\npython-versions = "^3.11"\ncontent-hash = "x"\n',
        "write into pyproject.toml",
    ),
    "Pipfile.lock": (
        json.dumps(
            {
                "_meta": {"requires": {"python_version": "3.11"}},
                "default": {"numpy": {"version": "==2.1.0"}, "tensorflow": {"version": "==2.15.0"}},
                "develop": {},
            }
        ),
        "write into Pipfile",
    ),
    "pip-freeze.txt": ("numpy==2.1.0\ntensorflow==2.15.0\n", "fix"),
}


def screen(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert console(["check", *words]) == 1
    return capsys.readouterr().out


def to_type(printed: str) -> list[list[str]]:
    """Return the commands of ours on a screen, as the shell would split them."""
    lines = re.findall(r"^ {2,4}conda-tf-doctor (fix .*)$", printed, re.MULTILINE)
    return [shells.words(line) for line in lines]


@pytest.mark.parametrize("name", FILES)
def test_a_file(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, wanted = FILES[name]
    path = tmp_path / name
    path.write_text(text)
    where = ("--platform", "linux-64")
    printed = screen(capsys, "--file", str(path), *where)
    commands = to_type(printed)
    if wanted != "fix":
        assert commands == [] if wanted != "refused" else len(commands) <= 1, printed
        if wanted.startswith("write into"):
            assert f"  {wanted}: " in printed
            assert console(["fix", "--file", str(path), *where, "--offline"]) == 2
        for command in commands:
            assert console([*command, "--offline", "--dry-run"]) == 0
        return
    [command] = commands
    assert console([*command, "--offline", "--yes"]) == 0, capsys.readouterr()
    assert path.read_text() != text
    assert console(["check", "--file", str(path), *where]) == 0, path.read_text()


def broken(prefix: Path) -> Path:
    make_prefix(prefix, "linux-64", "3.11.8")
    add_record(prefix, "linux-64", "tensorflow", "2.15.0", "cpu_py311h6aa969b_0", distribution="tensorflow")
    add_record(prefix, "linux-64", "numpy", "2.1.0", "py311h1_0", distribution="numpy")
    return prefix


@pytest.mark.parametrize("by", ["-p", "-n", "active"])
def test_an_environment_of_conda(
    by: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = broken(tmp_path / "envs" / "tf")
    monkeypatch.setenv("CONDA_ENVS_PATH", str(tmp_path / "envs"))
    monkeypatch.setenv("CONDA_PREFIX", str(prefix) if by == "active" else "")
    words = {"-p": ("-p", str(prefix)), "-n": ("-n", "tf"), "active": ()}[by]
    [command] = to_type(screen(capsys, *words))
    assert command == ["fix", "--apply", "-p", str(prefix)]
    command.remove("--apply")
    assert console([*command, "--offline", "--dry-run"]) == 0, capsys.readouterr()
    assert "numpy" in capsys.readouterr().out


def test_an_environment_of_pixi(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prefix = broken(tmp_path / ".pixi" / "envs" / "default")
    (prefix / "conda-meta" / "pixi").write_text("{}")
    manifest = tmp_path / "pixi.toml"
    manifest.write_text(FILES["pixi.toml"][0])
    [command] = to_type(screen(capsys, "-p", str(prefix)))
    assert command == ["fix", "--file", str(manifest)]
    assert console([*command, "--offline", "--yes", "--platform", "linux-64"]) == 0, capsys.readouterr()
    assert console(["check", "--file", str(manifest), "--platform", "linux-64"]) == 0


@pytest.mark.parametrize(
    "cfg", ["home = /usr/bin\nversion = 3.11.8\n", "home = /usr/bin\nuv = 0.8.0\nversion_info = 3.11.8\n"]
)
def test_an_environment_of_venv_and_of_uv(cfg: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pyvenv.cfg").write_text(cfg)
    (tmp_path / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    add_dist(tmp_path, "tensorflow", "2.15.0")
    add_dist(tmp_path, "numpy", "2.1.0")
    [command] = to_type(screen(capsys, "-p", str(tmp_path)))
    assert command == ["fix", "--apply", "-p", str(tmp_path)]
    command.remove("--apply")
    assert console([*command, "--offline", "--dry-run"]) == 0, capsys.readouterr()


def test_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packages = [
        {"name": "tensorflow", "version": "2.15.0", "manager": "pip"},
        {"name": "numpy", "version": "2.1.0", "manager": "pip"},
    ]
    report = {"schema_version": 1, "platform": "linux-64", "python": {"version": "3.11.8"}, "packages": packages}
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report))
    printed = screen(capsys, "--report", str(path))
    # It may be of another machine: what is printed is for that one.
    assert to_type(printed) == []
    assert "python -m pip install 'numpy>=1.23.5,<2.0.0'" in printed


@pytest.mark.parametrize(
    ("text", "platform", "offered", "ends"),
    [
        # Code for TensorFlow 1 is no repair's to run with 2, and this platform has no other.
        ("tensorflow==1.8.0\n", "osx-arm64", False, 1),
        ("tensorflow==1.8.0\nnumpy==1.14.0\nh5py\n", "linux-aarch64", False, 1),
        ("tensorflow==2.4.0\n", "osx-arm64", True, 0),
        ("tensorflow==2.15.0\nnumpy==2.0.2\n", "linux-64", True, 0),
        ("tensorflow==2.15.0\nnumpy==1.26.4\n", "linux-64", False, 0),
    ],
)
def test_fix_is_offered_for_a_file_that_it_has_a_plan_for(
    text: str, platform: str, offered: bool, ends: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(text)
    console(["check", "--file", str(path), "--platform", platform])
    assert ("fix --file" in capsys.readouterr().out) == offered
    assert console(["fix", "--file", str(path), "--platform", platform, "--yes"]) == ends
    assert (path.read_text() != text) == offered

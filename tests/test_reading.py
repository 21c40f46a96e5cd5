"""The bounded way to open and to parse: pipes, devices, huge files and YAML that expands without end."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import conda_tf_doctor
from conda_tf_doctor import reading
from conda_tf_doctor.errors import UsageError
from tools.prefixes import add_dist, make_prefix

PACKAGE = Path(conda_tf_doctor.__file__).parent
# What opens by itself: files of ours that are shipped, and what is written.
OWN = {
    "binaries/windows.py", "explain/compiled.py", "explain/pages.py", "repair/candidates.py", "repair/atomic.py",
    "repair/preflight.py",
    "cli/main.py", "cli/schema.py", "cli/create.py", "matrix/check.py", "matrix/compiled.py", "matrix/load.py",
    "matrix/overlay.py", "environment/machine.py",
}  # fmt: skip


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    # The path of a socket may not be longer than some hundred bytes.
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def folder(path: Path) -> None:
    path.mkdir()


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def sparse(path: Path) -> None:
    with open(path, "wb") as stream:
        stream.truncate(1 << 30)


KINDS: list[Callable[[Path], None]] = [pipe, device, listening, folder, dangling, sparse]
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files in a folder")


@posix
@pytest.mark.parametrize("make", KINDS)
def test_what_is_no_regular_file_is_refused_before_it_is_read(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "it")
    begun = time.monotonic()
    with pytest.raises(OSError, match=r".") as raised:
        reading.read_bytes(str(tmp_path / "it"))
    assert raised.value.strerror and time.monotonic() - begun < 1


def doctor(*words: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own, with a second for it and a limit on its memory."""
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30));"
    limited += "from conda_tf_doctor.cli.main import console; sys.exit(console(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", limited, *words], capture_output=True, text=True, timeout=20, check=False,
        env={**os.environ, **(environ or {})}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@posix
@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(
    "words",
    [
        ["check", "--file", "{}"], ["check", "--report", "{}"], ["fix", "--dry-run", "--file", "{}"],
        ["matrix", "--validate", "{}"], ["check", "--file", "fine.txt", "--matrix", "{}"],
    ],
    ids=["file", "report", "fix", "validate", "matrix"],
)  # fmt: skip
def test_a_named_file_of_that_kind_is_one_sentence(
    tmp_path: Path, make: Callable[[Path], None], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]))
    make(tmp_path / "it")
    (tmp_path / "fine.txt").write_text("tensorflow==2.15.0\n")
    done = doctor(*(word.format(tmp_path / "it") for word in words))
    assert done.returncode in (1, 2) and done.stdout + done.stderr
    assert "Traceback" not in done.stderr and "a fault of conda-tf-doctor itself" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1, done.stderr


@posix
@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(
    "name",
    [
        "conda-meta/numpy-1.26.4-py310_0.json", "conda-meta/odd.json", "conda-meta/history",
        "conda-meta/pinned", "conda-meta/frozen",
        "lib/python3.10/site-packages/numpy-2.0.0.dist-info/INSTALLER",
        "lib/python3.10/site-packages/numpy-2.0.0.dist-info/RECORD",
        "lib/python3.10/site-packages/tensorflow-2.15.0.dist-info/METADATA",
        "lib/python3.10/site-packages/tensorflow/python/platform/build_info.py", "pyvenv.cfg",
    ],
)  # fmt: skip
def test_inside_an_environment_it_is_passed_over(tmp_path: Path, make: Callable[[Path], None], name: str) -> None:
    prefix = make_prefix(tmp_path / "prefix", "linux-64", "3.10.13")
    add_dist(prefix, "tensorflow", "2.15.0")
    add_dist(prefix, "numpy", "2.0.0")
    target = prefix / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    make(target)
    environ = {"PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])}
    done = doctor("check", "--json", "-p", str(prefix), environ=environ)
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert "TFD603" in {finding["code"] for finding in found["findings"]}


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{BOMB}dependencies: *i\n", "its aliases expand to more than 100,000 entries"),
        ("dependencies: &a [*a]\n", "its aliases expand to more than 100,000 entries"),
        ("[" * 20_000, "it is nested too deeply"),
        ("%YAML 9.9\n---\ndependencies: []\n", "not valid YAML"),
        ("dependencies: !!int x\n", "dependencies has to be a list"),
        ("dependencies: [python=" + "9" * 6000 + "]\n", ""),
    ],
    ids=["bomb", "itself", "depth", "directive", "tag", "digits"],
)
def test_yaml_is_parsed_within_bounds(tmp_path: Path, text: str, said: str) -> None:
    from conda_tf_doctor.environment.files import read_file

    path = tmp_path / "environment.yml"
    path.write_text(text)
    begun = time.monotonic()
    if said:
        with pytest.raises(UsageError, match=said):
            read_file(str(path), "linux-64")
    else:
        assert read_file(str(path), "linux-64").conda("python") is not None
    assert time.monotonic() - begun < 2


def test_every_reader_of_the_package_is_bounded() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        if place in OWN or place == "reading.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            opens = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
            assert not opens, f"{place}, line {node.lineno}: open() of a file of others; use conda_tf_doctor.reading"

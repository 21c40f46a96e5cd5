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
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.matrix.load import load_matrix
from tools.prefixes import add_dist, add_record, make_prefix

PACKAGE = Path(conda_tf_doctor.__file__).parent
# What opens by itself: files of ours that are shipped, and what is written.
OWN = {
    "binaries/windows.py", "explain/compiled.py", "explain/pages.py", "repair/candidates.py", "repair/atomic.py",
    "repair/preflight.py",
    "cli/main.py", "cli/schema.py", "cli/create.py", "matrix/check.py", "matrix/compiled.py", "matrix/load.py",
    "matrix/overlay.py", "environment/machine.py",
    "matrix/matrix.py",
}  # fmt: skip


UNBOUNDED = ("open", "io.open", "json.loads", "json.load", "YAML", "sys.stdin.read", "sys.stdin.buffer.read")


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


# Of pipes, devices and sockets Windows has none in a folder, and links take a right there.
OF_POSIX = () if sys.platform == "win32" else (pipe, device, listening, dangling)
KINDS: list[Callable[[Path], None]] = [folder, sparse, *OF_POSIX]


@pytest.mark.parametrize("make", KINDS)
def test_what_is_no_regular_file_is_refused_before_it_is_read(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "it")
    begun = time.monotonic()
    with pytest.raises(OSError, match=r".") as raised:
        reading.read_bytes(str(tmp_path / "it"))
    assert raised.value.strerror and time.monotonic() - begun < 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sockets in a folder")
def test_a_socket_is_called_one(tmp_path: Path) -> None:
    listening(tmp_path / "it")
    with pytest.raises(OSError, match="it is a socket, not a file"):
        reading.read_bytes(str(tmp_path / "it"))


def doctor(*words: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own, with a second for it and a limit on its memory."""
    limited = "import sys;"
    if sys.platform != "win32":  # where no program sets itself a limit
        limited += "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30));"
    limited += "from conda_tf_doctor.cli.main import console; sys.exit(console(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", limited, *words], capture_output=True, text=True, timeout=20, check=False,
        env={**os.environ, **(environ or {})}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


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
    path = tmp_path / "environment.yml"
    path.write_text(text)
    begun = time.monotonic()
    if said:
        with pytest.raises(UsageError, match=said):
            read_file(str(path), "linux-64")
    else:
        assert read_file(str(path), "linux-64").conda("python") is not None
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"depends": [3.10]}, "depends has to be a list of texts; the rest"),
        ({"depends": {"python": 3}}, "depends has to be a list of texts; the rest"),
        (
            {"depends": ["x", None, " "], "constrains": 5},
            "depends has to be a list of texts; constrains has to be a list",
        ),
        ({"channel": ["x"], "build": 64}, "build has to be a text; channel has to be a text; the rest"),
    ],
    ids=["number", "mapping", "mixed", "channel"],
)
def test_fields_of_another_type_in_a_record_are_left_out_and_told(
    tmp_path: Path, fields: dict[str, object], said: str
) -> None:
    prefix = make_prefix(tmp_path / "prefix", "linux-64")
    for name, version in (("tensorflow-base", "2.15.0"), ("tensorflow", "2.15.0"), ("numpy", "2.0.0")):
        path = add_record(prefix, "linux-64", name, version, "cpu_py310h0_0")
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}, indent=2))
    env = read_prefix(str(prefix))
    diagnosis = diagnose(env, load_matrix())
    codes = {finding.code for finding in diagnosis.findings if finding.severity != "info"}
    assert codes == {"TFD603"}
    assert all(isinstance(text, str) for package in env.packages for text in (*package.depends, package.channel))
    assert sum(said in note.message for note in env.notes) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"packages": [{"name": "numpy", "depends": [["x"]]}]}, "'packages.depends' has to be a list of texts"),
        ({"env_vars": {"PATH": ["x"]}}, "'env_vars' has to be an object of texts"),
        ({"working_folder": [None]}, "'working_folder' has to be a list of texts"),
        ({"system": {"cpu_features": {"avx": "no"}}}, "'system.cpu_features' has to be an object of true and false"),
        ({"binaries": [{"path": "x", "imports": [{}]}]}, "'binaries.imports' has to be a list of texts"),
        ({"findings": [{"code": "TFD501", "severity": "error", "message": "m", "fix": {"commands": ["x"]}}]},
         "'findings.fix.commands' has to be a list of texts"),
        ({"platform": "9" * 100_000}, "'platform' has to be a platform of conda"),
    ],
)  # fmt: skip
def test_fields_of_another_type_in_a_report_are_one_sentence(change: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        environment_of({"platform": "linux-64", "packages": [], **change}, "report.json")
    assert said in str(raised.value) and "\n" not in str(raised.value) and len(str(raised.value)) < 2000


LOCK = (
    "version: 1\npackage:\n"
    "- {name: numpy, version: %s, manager: conda, platform: linux-64, url: '', dependencies: %s}\n"
)
PIXI = """\
version: 6
environments:
  default: {packages: {linux-64: [{conda: a/tensorflow-2.15.0-cpu_0.conda}]}}
packages:
- conda: a/tensorflow-2.15.0-cpu_0.conda
  depends: {python: 3}
"""


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("conda-lock.yml", LOCK % ("[1]", "{}"), "version of entry 1 has to be a text"),
        ("conda-lock.yml", LOCK % ("1", "{python: [3]}"), "python of dependencies of entry 1 has to be a text"),
        ("conda-lock.yml", LOCK % ("1", "python"), "dependencies of entry 1 has to be a list"),
        ("conda-lock.yml", "version: 1\npackage:\n- {name: numpy, version: 1", "is not valid YAML"),
        ("conda-lock.yml", "version: 1\npackage:\n- name: numpy\n  version: 1\n", "package lacks its platform"),
        ("pixi.lock", PIXI, "depends of a/tensorflow"),
    ],
)  # fmt: skip
def test_fields_of_another_type_in_a_lock_file_are_one_sentence(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=said):
        [package.depends for package in read_file(str(tmp_path / name), "linux-64").packages]


def test_a_locked_package_may_depend_on_any_version(tmp_path: Path) -> None:
    (tmp_path / "conda-lock.yml").write_text(LOCK % ("1", "{libfoo: '', libbar: ' ', libbaz: , python: '>=3.10'}"))
    (found,) = read_file(str(tmp_path / "conda-lock.yml"), "linux-64").packages
    assert found.depends == ("libfoo", "libbar", "libbaz", "python >=3.10")


@pytest.mark.parametrize("words", [["check", "--report", "-"], ["check", "--file", "-"], ["explain", "-"]])
def test_standard_input_that_is_closed_is_one_sentence(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import os, sys; os.close(0); "
         "sys.exit(os.spawnv(os.P_WAIT, sys.executable, [sys.executable, *sys.argv[1:]]))",
         "-m", "conda_tf_doctor", *words], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )  # fmt: skip
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "cannot be read" in done.stderr and "fault" not in done.stderr


def test_every_reader_of_the_package_is_bounded() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        if place in OWN or place == "reading.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or any(getattr(arg, "value", "") == "w" for arg in node.args[1:2]):
                continue  # what is written is our own
            call = ast.unparse(node.func)
            assert call not in UNBOUNDED, f"{place}, line {node.lineno}: {call}(); use conda_tf_doctor.reading"


def test_files_that_name_others_are_read_once_and_come_to_an_end(tmp_path: Path) -> None:
    for number in range(60):
        name = f"-r r{number + 1}.txt\n"
        (tmp_path / f"r{number}.txt").write_text(f"package-{number}==1.0\n{name}{name}-c r{number + 1}.txt\n")
    (tmp_path / "r60.txt").write_text("tensorflow==2.15.0\n-r r0.txt\n")
    began = time.process_time()
    found = read_file(str(tmp_path / "r0.txt"), "linux-64").packages
    assert time.process_time() - began < 1
    assert [p.version for p in found if p.name == "tensorflow"] == ["2.15.0"] and len(found) == 61
    for number in range(300):
        (tmp_path / f"long{number}.txt").write_text(f"-r long{number + 1}.txt\n")
    with pytest.raises(UsageError, match="more than 200 files"):
        read_file(str(tmp_path / "long0.txt"), "linux-64")

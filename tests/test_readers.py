"""Every file that a run looks into, as something that it should not be: an answer or one sentence, soon, and small."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import conda_tf_doctor
from conda_tf_doctor.cli.main import console
from conda_tf_doctor.subdirs import this_platform
from tests.test_reading import KINDS
from tools.prefixes import add_dist, make_prefix

LINUX, WINDOWS = sys.platform == "linux", sys.platform == "win32"
ROOT = str(Path(conda_tf_doctor.__file__).parent.parent)
# CPU seconds and megabytes that a run may take more than one where nothing is odd.
SECONDS, MEGABYTES = 1.0, 100.0
# A process that runs one command after the other, each in a child of its own: what is imported is imported once. Root
# reads everything, so it gives up what lets it.
DRIVER = """
import ctypes, importlib, json, os, pkgutil, re, signal, sys
import conda_tf_doctor
from conda_tf_doctor.cli.main import console

for found in pkgutil.walk_packages(conda_tf_doctor.__path__, "conda_tf_doctor."):
    if re.search("advice|binaries|check|context|engine|environment|matrix|render|rules", found.name):
        importlib.import_module(found.name)

def run(words, out, err):
    null = os.open(os.devnull, os.O_RDONLY)
    for stream, place in ((null, 0), (os.open(out, 577, 0o600), 1), (os.open(err, 577, 0o600), 2)):
        os.dup2(stream, place)
    status = console(words)
    sys.stdout.flush()
    sys.stderr.flush()
    return status

for line in sys.stdin:
    folder, words, out, err = json.loads(line)
    child = os.fork()
    if not child:
        signal.alarm(60)  # what waits for ever is ended, and fails
        os.chdir(folder)
        os.environ["HOME"] = os.path.join(folder, "home")
        try:
            status = run(words, out, err)
        except SystemExit as error:
            status = error.code
        except BaseException:
            sys.excepthook(*sys.exc_info())
            status = 99
        sys.stderr.flush()
        os._exit(status)
    _, code, used = os.wait4(child, 0)
    found = os.waitstatus_to_exitcode(code), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print(json.dumps(found), flush=True)
"""
AS_ANYBODY = "import ctypes; [ctypes.CDLL(None).prctl(24, each, 0, 0, 0) for each in (1, 2)];"
WRAPPER = f"import os, sys; {AS_ANYBODY} os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
META, SITE = "prefix/conda-meta", "prefix/Lib/site-packages" if WINDOWS else "prefix/lib/python3.10/site-packages"
CACHE = "home/AppData/Local" if WINDOWS else "home/.cache"
DONE = f"{META}/tf-doctor-history/20260101T000000"


def denied(path: Path) -> None:
    path.write_text("{}")
    path.chmod(0)


def locked(path: Path) -> None:
    path.mkdir()
    path.chmod(0)


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def bytes_of_nothing(path: Path) -> None:
    path.write_bytes(b"\0\xff\xfe" * 400)


def itself(path: Path) -> None:
    path.symlink_to(path.name)


def of_json(document: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(json.dumps(document))

    write.__name__ = f"json_{json.dumps(document)[:20]}"
    return write


def held(path: Path) -> None:
    """Have a file that a program has open which lets no other read it."""
    import _winapi

    everything, create = 0xC0000000, 2
    HELD.append(_winapi.CreateFile(str(path), everything, 0, 0, create, 0, 0))


HELD: list[int] = []
ODD = [
    *KINDS, nothing, bytes_of_nothing, *((held,) if WINDOWS else (denied, locked, itself)),
    *map(of_json, (None, 3, "text", [], [[]], {}, {"plugins": 3}, {"plugins": {"tf_doctor_ignore": 3}},
                   {"plugins": {"tf_doctor_mode": [1], "tf_doctor_matrix": {"a": 1}, "tf_doctor_ignore": {"a": None}}},
                   {"envs_dirs": {"a": 1}, "envs_path": [[3]]}, {"step": 3, "started": None, "pinned": [1]},
                   {"schema_version": 1, "started": "x", "step": "conda", "conda_before": "x"})),
]  # fmt: skip


class Reader(NamedTuple):
    """A file, and the commands that look into it.

    Attributes:
        path: Where it is, below the folder of the test.
        commands: With PREFIX for the environment.
    """

    path: str
    commands: tuple[str, ...]


OF_PREFIX = ("check -p PREFIX --json", "report -p PREFIX -o -")
READERS = (
    Reader(f"{META}/tf-doctor-journal", (*OF_PREFIX, "fix -p PREFIX --undo -y", "fix -p PREFIX --history")),
    Reader(f"{DONE}/journal.json", ("fix -p PREFIX --undo -y", "fix -p PREFIX --history")),
    Reader(f"{DONE}/journal", ("fix -p PREFIX --undo -y", "fix -p PREFIX --history")),
    Reader(f"{META}/pinned", ("fix -p PREFIX --dry-run --offline",)),
    Reader(f"{META}/state", OF_PREFIX),
    Reader(f"{META}/history", OF_PREFIX),
    Reader(META, OF_PREFIX),
    Reader(SITE, OF_PREFIX),
    Reader(f"{SITE}/odd.pth", OF_PREFIX),
    Reader(f"{SITE}/direct.egg-link", OF_PREFIX),
    Reader(f"{SITE}/numpy-2.0.0.dist-info", OF_PREFIX),
    Reader(f"{SITE}/numpy-2.0.0.dist-info/METADATA", OF_PREFIX),
    Reader(f"{SITE}/numpy-2.0.0.dist-info/direct_url.json", OF_PREFIX),
    Reader(f"{SITE}/tensorflow/__init__.py", OF_PREFIX),
    Reader("home/.condarc", (*OF_PREFIX, "check --all-envs --json", "check file.txt")),
    Reader("home/.conda/environments.txt", ("check --all-envs --json", "check -n x")),
    Reader(f"{CACHE}/conda-tf-doctor", OF_PREFIX),
    Reader("pyproject.toml", (*OF_PREFIX, "check file.txt")),
    Reader("file.txt", ("check file.txt", "fix --file file.txt --dry-run --offline")),
    Reader("environment.yml", ("check environment.yml", "fix --file environment.yml -d --offline")),
    Reader("pixi.lock", ("check pixi.lock",)),
    Reader("m.yaml", ("matrix --validate m.yaml", "check -p PREFIX --matrix m.yaml", "matrix --matrix m.yaml")),
    Reader("error.txt", ("explain error.txt", "report -p PREFIX -o - --error-text error.txt")),
    Reader("r.json", ("check --report r.json", "fleet r.json --jobs 1", "fleet . --jobs 1")),
    Reader("out.json", ("report -p PREFIX -o out.json", "check -p PREFIX --html out.json")),
)  # fmt: skip


class Ran(NamedTuple):
    status: int
    seconds: float
    megabytes: float
    out: str
    err: str


def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str], Ran]:
    """Return what runs a command where there is no fork; what it takes of memory, nothing tells."""

    def ask(folder: Path, words: str) -> Ran:
        monkeypatch.chdir(folder)
        for name, place in {"HOME": "home", "USERPROFILE": "home", "LOCALAPPDATA": CACHE}.items():
            monkeypatch.setenv(name, str(folder.joinpath(*place.split("/"))))
        arguments = [word.replace("PREFIX", str(folder / "prefix")) for word in words.split()]
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
        begun = time.process_time()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = console(arguments)
            except SystemExit as error:
                status = int(error.code or 0)
            except BaseException:
                traceback.print_exc()
                status = 99
        seconds = time.process_time() - begun
        texts = []
        for stream in (out, err):
            stream.flush()
            texts.append(stream.buffer.getvalue().decode("utf-8", "replace"))  # type: ignore[attr-defined]
        return Ran(status, seconds, 0, *texts)

    return ask


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path, str], Ran]]:
    if not LINUX:
        yield in_this_process(monkeypatch)
        return
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CONDA", "XDG"))}
    out, err = tmp_path / "stdout", tmp_path / "stderr"
    with subprocess.Popen(
        [sys.executable, "-c", WRAPPER, "-c", DRIVER], env={**kept, "PYTHONPATH": ROOT}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as driver:  # fmt: skip

        def ask(folder: Path, words: str) -> Ran:
            arguments = [word.replace("PREFIX", str(folder / "prefix")) for word in words.split()]
            assert driver.stdin is not None and driver.stdout is not None
            driver.stdin.write(json.dumps([str(folder), arguments, str(out), str(err)]) + "\n")
            driver.stdin.flush()
            return Ran(
                *json.loads(driver.stdout.readline()),
                out.read_text("utf-8", "replace"),
                err.read_text("utf-8", "replace"),
            )

        yield ask


def world(folder: Path) -> None:
    prefix = make_prefix(folder / "prefix", this_platform(), "3.10.13")
    add_dist(prefix, "tensorflow", "2.15.0")
    add_dist(prefix, "numpy", "2.0.0")
    (folder / "home").mkdir()
    (folder / "file.txt").write_text("tensorflow==2.15.0\n")


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.path)
def test_every_file_as_everything_that_it_should_not_be(
    reader: Reader, run: Callable[[Path, str], Ran], tmp_path: Path
) -> None:
    usual = tmp_path / "usual"
    usual.mkdir()
    world(usual)
    expected = {words: run(usual, words) for words in reader.commands}
    wrong = []
    for number, make in enumerate(ODD):
        folder = tmp_path / str(number)
        folder.mkdir()
        world(folder)
        path = folder / reader.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.rename(tmp_path / f"away{number}")
        make(path)
        # In turns: all of them on everything take minutes.
        for words in (reader.commands[number % len(reader.commands)],):
            status, seconds, megabytes, out, err = run(folder, words)
            told = out + err
            faults = [
                status not in (0, 1, 2) and f"status {status}",
                "Traceback" in told and "a traceback",
                "fault of conda-tf-doctor" in told and "a fault of ours",
                len(err.splitlines()) > 1 and "more than a sentence",
                status == 2 and not err.strip() and "no sentence",
                seconds > expected[words].seconds + SECONDS and f"{seconds:.1f} s",
                megabytes > expected[words].megabytes + MEGABYTES and f"{megabytes:.0f} MB",
            ]
            wrong += [(make.__name__, words, fault, told[-600:]) for fault in faults if fault]
        while HELD:
            import _winapi

            _winapi.CloseHandle(HELD.pop())
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)  # so that pytest can take it away
    assert wrong == []

"""Odd surroundings: every verb answers as it does elsewhere, or says in one sentence what stops it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import conda_tf_doctor
from conda_tf_doctor.shell import quoted
from tools.prefixes import add_dist, add_record, make_prefix

linux = pytest.mark.skipif(sys.platform != "linux", reason="limits, devices and locales of Linux")

ROOT = str(Path(conda_tf_doctor.__file__).parent.parent)
START = "from conda_tf_doctor.cli.main import script; script()"
# Without site: Python before 3.13 reads .pth files in the locale's encoding, and does not start if it lacks a letter.
PACKAGES = [os.fsencode(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")]
WITHOUT_SITE = f"import os, sys; sys.path += map(os.fsdecode, {PACKAGES}); {START}"
# On Linux started under a wrapper that changes the process first, and then becomes the command.
WRAPPER = "import os, resource, sys; {}; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
MEGABYTE = 1 << 20
TEXT = b"ImportError: numpy.core.umath failed to import\n"


class Done(NamedTuple):
    status: int
    out: str
    err: str


class World(NamedTuple):
    """Where the commands run: an environment that is broken, a file of one, and a folder for what they make."""

    prefix: str
    file: str
    reports: str
    folder: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("surroundings")
    prefix = make_prefix(folder / "Umgebung äöü", "linux-64", "3.10.13")
    add_record(prefix, "linux-64", "tensorflow", "2.15.0", "cpu_py310h0_0", depends=["python >=3.10,<3.11.0a0"])
    add_dist(prefix, "numpy", "2.0.0")
    file = folder / "environment.yml"
    file.write_text("dependencies:\n  - python=3.10\n  - pip:\n    - tensorflow==2.15.0\n    - numpy==2.0.2\n")
    reports = folder / "reports"
    reports.mkdir()
    made = World(str(prefix), str(file), str(reports), folder)
    (reports / "r.json").write_text(run(made, ["report", "-p", str(prefix), "-o", "-"]).out)
    return made


def words_of(world: World) -> list[list[str]]:
    return [
        ["check", "-p", world.prefix],
        ["check", "-p", world.prefix, "--json"],
        ["check", world.file, "--output-format", "sarif"],
        ["report", "-p", world.prefix, "-o", "-"],
        ["explain", "-"],
        ["fix", "--file", world.file, "--dry-run"],
        ["matrix", "--tensorflow", "2.15", "--python", "3.10"],
        ["dlls", "-p", world.prefix],
        ["fleet", world.reports],
    ]


def run(
    world: World, words: list[str], before: str = "pass", flags: tuple[str, ...] = (), cwd: Path | None = None,
    start: str = START, **variables: str | None,
) -> Done:  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CONDA", "COLUMNS"))}
    homes = dict.fromkeys(("HOME", "USERPROFILE"), str(world.folder))
    environ = {**kept, "PYTHONPATH": ROOT, **homes, "PYTHONUTF8": "1", **variables}
    assert sys.platform == "linux" or before == "pass"
    wrapper = [*flags, "-c", WRAPPER.format(before)] if sys.platform == "linux" else []
    command = [sys.executable, *wrapper, *flags, "-c", start, *words]
    done = subprocess.run(
        command, input=TEXT, capture_output=True, check=False, timeout=60,
        cwd=cwd or world.folder, env={name: value for name, value in environ.items() if value is not None},
    )  # fmt: skip
    told = (text.decode("utf-8", "replace").replace("\r\n", "\n") for text in (done.stdout, done.stderr))
    return Done(done.returncode, *told)


@pytest.fixture(scope="module")
def plain(world: World) -> list[Done]:
    found = [run(world, words) for words in words_of(world)]
    assert [done.status for done in found] == [1, 1, 1, 0, 0, 0, 0, 2, 1], found
    assert [len(done.err.splitlines()) for done in found] == [0, 0, 0, 0, 0, 0, 0, 1, 0], found
    return found


def near(text: str, world: World) -> str:
    folder = str(world.folder)
    for spelled in (f"{world.folder.as_uri()}/", "file://", f"{folder}/", f"{json.dumps(folder)[1:-1]}/"):
        text = text.replace(spelled, "")
    return text


def gone(world: World) -> dict[str, object]:
    folder = world.folder / "gone"
    folder.mkdir(exist_ok=True)
    return {"before": "os.rmdir(os.getcwd())", "cwd": folder}


SAME: dict[str, Callable[[World], dict[str, object]]] = {
    "no home": lambda _: {"HOME": None, "before": "os.environ.pop('USER', None); os.environ.pop('LOGNAME', None)"},
    "a home that is not there": lambda world: {
        **dict.fromkeys(("HOME", "USERPROFILE"), str(world.folder / "none")), "XDG_CACHE_HOME": "/proc/none"
    },
    "no variables at all": lambda _: {"before": "e = {k: os.environ[k] for k in ('PYTHONPATH', 'PYTHONUTF8')}; "
                                                "os.environ.clear(); os.environ.update(e)"},
    "the working folder is gone": gone,
    "warnings are errors": lambda _: {"PYTHONWARNINGS": "error"},
    "no docstrings and no assertions": lambda _: {"flags": ("-OO",)},
    "few open files": lambda _: {"before": "resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))"},
    "little memory": lambda _: {"before": f"resource.setrlimit(resource.RLIMIT_AS, ({400 * MEGABYTE},) * 2)"},
    "no file may grow": lambda _: {"before": "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"},
}  # fmt: skip
ANYWHERE = ("a home that is not there", "warnings are errors", "no docstrings and no assertions")


@pytest.mark.parametrize(
    "changes",
    [pytest.param(each, id=name, marks=() if name in ANYWHERE else linux) for name, each in SAME.items()],
)
def test_an_answer_is_the_same_whatever_is_around(
    world: World, plain: list[Done], changes: Callable[[World], dict[str, object]]
) -> None:
    for words, expected in zip(words_of(world), plain, strict=True):
        done = run(world, words, **changes(world))  # type: ignore[arg-type]
        if "too large" in done.err:
            # What is planned for a file is read back from a file beside it, as `check` will.
            assert (done.status, words[0], len(done.err.splitlines())) == (2, "fix", 1)
            continue
        assert (done.status, done.err) == (expected.status, expected.err), words
        # A report tells the variables of the process; where the working folder is gone, paths are told in full.
        if words[0] != "report":
            assert near(done.out, world) == near(expected.out, world), words


@linux
def test_a_locale_without_these_characters(world: World) -> None:
    for words in words_of(world):
        expected = run(world, words, flags=("-S",), start=WITHOUT_SITE)
        done = run(world, words, flags=("-S",), start=WITHOUT_SITE, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
        assert (done.status, len(done.err.splitlines())) == (expected.status, len(expected.err.splitlines())), done.err
        # What the locale has not takes more columns, so lines may break elsewhere.
        assert len(done.out.split()) == len(expected.out.split()), words


@linux
@pytest.mark.parametrize("streams", [(1,), (0, 1, 2)])
def test_streams_that_are_closed(world: World, plain: list[Done], streams: tuple[int, ...]) -> None:
    for words, expected in zip(words_of(world), plain, strict=True):
        done = run(world, words, before=f"[os.close(each) for each in {streams}]")
        without_input = 0 in streams and words == ["explain", "-"]
        assert done.status == (2 if without_input else expected.status), (words, done.err)
        if 2 not in streams:
            assert len(done.err.splitlines()) == (1 if without_input else len(expected.err.splitlines())), done.err
        if 1 not in streams and not without_input:
            assert done.out == expected.out, words


@linux
def test_a_disk_that_is_full(world: World, plain: list[Done]) -> None:
    full = "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)"
    for words in words_of(world):
        done = run(world, words, before=full)
        assert done.status in (1, 2) and not done.out, words
        assert "Traceback" not in done.err and "fault" not in done.err and len(done.err.splitlines()) <= 1, done.err


@linux
@pytest.mark.parametrize(
    "words", [["fix", "--file", "FILE", "-y"], ["report", "-p", "PREFIX", "-o", "OUT"]], ids=" ".join
)
def test_what_cannot_be_written_stays_as_it_was(world: World, words: list[str], tmp_path: Path) -> None:
    file, out = tmp_path / "environment.yml", tmp_path / "r.json"
    shutil.copy(world.file, file)
    out.write_text("old")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    names = {"FILE": str(file), "PREFIX": world.prefix, "OUT": str(out)}
    done = run(
        world, [names.get(word, word) for word in words],
        before="resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))",
    )  # fmt: skip
    assert done.status == 2 and len(done.err.splitlines()) == 1 and "fault" not in done.err, done
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


INTERRUPTED = """
import sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == {!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Finder)
"""


@pytest.mark.parametrize(
    ("words", "module"),
    [
        ("report -p PREFIX", "conda_tf_doctor.cli.parser"), ("report -p PREFIX", "argparse"),
        ("fix -p PREFIX -d", "conda_tf_doctor.cli.flags"), ("report -p PREFIX", "conda_tf_doctor.render.report"),
        ("check -p PREFIX", "conda_tf_doctor.cli.check"), ("check -p PREFIX", "conda_tf_doctor.rules.packages.known"),
        ("check -p PREFIX --json", "conda_tf_doctor.render.json"), ("explain -", "conda_tf_doctor.explain.match"),
    ],
)  # fmt: skip
def test_an_interrupt_at_any_stage_is_one_word(world: World, words: str, module: str) -> None:
    asked = [world.prefix if word == "PREFIX" else word for word in words.split()]
    done = run(world, asked, start=INTERRUPTED.format(module) + START)
    assert done == Done(130, "", "Interrupted.\n")


# What lies in a folder of PYTHONPATH, what is asked, and what the one sentence names.
UNLOADED: dict[str, tuple[dict[str, str], str, str]] = {
    "a dependency without its modules": (
        {"ruamel/yaml/__init__.py": ""}, "check FILE", "ruamel/yaml/__init__.py is damaged"
    ),
    "a dependency that fails": ({"packaging/__init__.py": "raise ValueError('x')"}, "check FILE", "ValueError: x"),
    "a file in a dependency's place": ({"packaging.py": ""}, "fix -p PREFIX -d", "packaging.py is damaged, or hides"),
    "a module of Python's that fails": ({"json.py": "x = 1 / 0"}, "check -p PREFIX --json", "json.py is damaged"),
    "one that is no Python": ({"argparse.py": "x = ("}, "report -p PREFIX --json", "argparse.py is damaged, or hides"),
    "one that lacks what is in it": ({"re.py": "x = 1"}, "explain -", "re.py is damaged, or hides"),
    "one that lacks what is imported": ({"typing.py": "x = 1"}, "matrix", "typing.py is damaged, or hides"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "words", "said"), UNLOADED.values(), ids=UNLOADED)
def test_what_cannot_be_loaded_is_named(
    world: World, files: dict[str, str], words: str, said: str, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    names = {"FILE": world.file, "PREFIX": world.prefix}
    asked = [names.get(word, word) for word in words.split()]
    done = run(world, asked, PYTHONPATH=os.pathsep.join([str(tmp_path), ROOT]))
    assert done.status == 2 and len(done.err.splitlines()) == 1, done
    assert said.replace("/", os.sep) in done.err and "fault" not in done.err and str(tmp_path) in done.err
    if "--json" in words and "json.py" not in files:
        assert json.loads(done.out)["error"] in done.err
    else:
        assert not done.out


@pytest.mark.parametrize("words", ["check FILE", "fix -p PREFIX -d", "matrix", "create x --tensorflow 2.15 -d"])
def test_python_without_what_is_installed(world: World, words: str) -> None:
    names = {"FILE": world.file, "PREFIX": world.prefix}
    done = run(world, [names.get(word, word) for word in words.split()], flags=("-S",))
    assert done.status == 2 and not done.out and len(done.err.splitlines()) == 1, done
    assert done.err.endswith(": it was started with -S, which hides what is installed; start it without.\n")


@pytest.mark.parametrize(("module", "brings"), [("ruamel", "ruamel.yaml"), ("packaging", "packaging")])
def test_a_dependency_that_is_not_installed_is_named_with_its_command(world: World, module: str, brings: str) -> None:
    hidden = f"import sys; sys.modules[{module!r}] = None; {START}"
    done = run(world, ["check", world.file, "--json"], start=hidden)
    assert done.status == 2 and len(done.err.splitlines()) == 1, done
    assert done.err.endswith(f"install it, `{quoted(sys.executable)} -m pip install {brings}`.\n")
    assert json.loads(done.out)["error"] in done.err


READS_MATRIX = ("check -p PREFIX --json", "check FILE", "fleet REPORTS")
GONE = {
    "folders": ("matrix/data", "explain/data", "schemas"),
    "releases": ("matrix/data/releases", "matrix/data/matrix.compiled.json"),
    "zipped": (),
}


@pytest.mark.parametrize(
    ("words", "gone"),
    [(words, gone) for gone in GONE for words in (*READS_MATRIX, "explain -", "schema report")
     if words in READS_MATRIX or gone != "releases"],
)  # fmt: skip
def test_an_installation_of_ours_that_is_not_whole(world: World, words: str, gone: str, tmp_path: Path) -> None:
    shutil.copytree(Path(ROOT, "conda_tf_doctor"), tmp_path / "conda_tf_doctor")
    where = tmp_path
    if gone == "zipped":
        where = Path(shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path, "conda_tf_doctor"))
        shutil.rmtree(tmp_path / "conda_tf_doctor")
    else:
        for each in GONE[gone]:
            path = tmp_path / "conda_tf_doctor" / each
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    names = {"FILE": world.file, "PREFIX": world.prefix, "REPORTS": world.reports}
    # Without site: an editable checkout would come before it.
    start = WITHOUT_SITE.replace("sys.path +=", f"sys.path[:0] = [{str(where)!r}]; sys.path +=")
    done = run(world, [names.get(word, word) for word in words.split()], flags=("-S",), start=start)
    assert done.status == 2 and len(done.err.splitlines()) == 1, done
    assert "A part of conda-tf-doctor's own installation cannot be read" in done.err and str(where) in done.err
    assert not done.out or json.loads(done.out)["error"] in done.err


def test_too_little_memory_is_said(world: World) -> None:
    greedy = f"import conda_tf_doctor.cli.check as c; c.read = lambda *_: bytearray(1 << 62); {START}"
    done = run(world, ["check", "-p", world.prefix], start=greedy)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1) and "not enough memory" in done.err

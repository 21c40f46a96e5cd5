"""The environments and files that the documentation speaks of, and its commands run in them.

In a block marked ``console`` a line that begins with ``$`` is a command, and what follows is what it prints.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.text import Style
from tools.prefixes import add_dist, add_record, make_prefix
from tools.workshop import ROOT

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)\n(?P<body>.*?)^ *```", re.M | re.S)
_OURS = re.compile(r"conda[- ]tf-doctor(?= |$)")
FILES = {
    "environment.yml": "channels: [conda-forge]\ndependencies:\n  - python=3.10\n  - pip\n  - pip:\n"
    "      - tensorflow==2.15.0\n"
    "      - numpy==2.0.2\n",
    "requirements.txt": "tensorflow==2.10.0\nnumpy\n",
    "requirements/base.txt": "tensorflow==2.15.0\nnumpy==1.26.4\n",
    "requirements/notebooks.txt": "-r base.txt\njupyterlab\n",
    "traceback.txt": 'Traceback (most recent call last):\n  File "<stdin>", line 1, in <module>\n'
    "ImportError: DLL load failed while importing _pywrap_tensorflow_internal: A dynamic link library (DLL) "
    "initialization routine failed.\n",
    "own-matrix.yaml": "schema_version: 1\nrows:\n"
    '  - {id: pypi/tensorflow/2.10.0/win-64, cuda: ">=11.1,<12", notes: tried by us on 11.1}\n',
}


# What hosts sent: their name, and the versions of Python, TensorFlow and numpy.
HOSTS = (
    ("ws-014", "3.10.13", "2.15.0", "2.0.2"), ("ws-014", "3.12.4", "2.19.1", "2.1.3"),
    ("ws-015", "3.10.13", "2.15.0", "2.0.2"), ("gpu-03", "3.12.1", "2.10.0", "1.26.4"),
    ("gpu-04", "3.11.9", "2.18.1", "2.0.2"), ("build-1", "3.12.4", "", "2.1.3"),
)  # fmt: skip


class Example(NamedTuple):
    """A command of the documentation.

    Attributes:
        path: The page.
        line: The command's line in it.
        command: What is typed.
        expected: What the page shows of the output; empty where it shows nothing.
        shown: Whether it stands in a block that has commands and output.
    """

    path: Path
    line: int
    command: str
    expected: str
    shown: bool

    @property
    def is_ours(self) -> bool:
        """Whether it calls this program, first or at the end of a pipe."""
        return bool(re.search(r"(?:^|\| )(?:conda tf-doctor|conda-tf-doctor)\b", self.command))


def examples(path: Path) -> Iterator[Example]:
    """Return the commands of a page, in order."""
    text = path.read_text(encoding="utf-8")
    for block in _BLOCK.finditer(text):
        first = text.count("\n", 0, block.start("body")) + 1
        lines = block["body"].splitlines()
        if block["kind"] == "console":
            for number, line in enumerate(lines):
                if line.startswith("$ "):
                    told = []
                    for after in lines[number + 1 :]:
                        if after.startswith("$ "):
                            break
                        told.append(after)
                    yield Example(path, first + number, _typed(line[2:]), "\n".join(told).strip("\n"), True)
        elif block["kind"] in ("", "bash", "sh"):
            for number, line in enumerate(lines):
                if re.match(r" *(?:\$ )?(?:conda tf-doctor|conda-tf-doctor) ", line):
                    yield Example(path, first + number, _typed(line.strip().removeprefix("$ ")), "", False)


def _typed(line: str) -> str:
    """Return a command without the remark behind it."""
    return re.sub(r"\s+#\s.*$", "", line).strip()


def _whole(prefix: Path, tensorflow: str, **versions: str) -> None:
    """Let pip have put a TensorFlow in, with all that it requires: what is named here, else the newest that fits."""
    env = read_prefix(str(prefix))
    matrix = load_matrix()
    (row,) = matrix.rows(tensorflow=tensorflow, platform=env.platform, channel="pypi", distribution="tensorflow")
    wanted = {"numpy": row.numpy, "protobuf": row.protobuf, "keras": row.keras, **row.requires}
    known = {
        name: matrix.wheels.newest(name, spec, env.platform, env.python.minor) or _floor(spec)
        for name, spec in wanted.items()
    }
    for name, version in {"tensorflow": tensorflow, **known, **versions}.items():
        add_dist(prefix, name.replace("-", "_"), version)


def _floor(spec: str) -> str:
    found = re.search(r"(?:>=|==|~=) ?([\d.]+\d)", spec)
    return found[1] if found else "1.0"


def _report(host: str, python: str, tensorflow: str, numpy: str) -> dict[str, Any]:
    versions = {"tensorflow": tensorflow, "numpy": numpy}
    packages = [{"name": name, "version": version, "manager": "pip"} for name, version in versions.items() if version]
    return {"host": host, "platform": "linux-64", "python": {"version": python}, "packages": packages}


def make_world(folder: Path) -> dict[str, str]:
    """Make the environments and files of the documentation; return the variables to see them with."""
    envs = folder / "envs"
    broken = make_prefix(envs / "vc-runtime-old", "win-64", "3.11.7")
    add_record(broken, "win-64", "vc14_runtime", "14.29.30139")
    keras = {"optree": "0.17.0", "namex": "0.1.0", "rich": "14.1.0"}
    _whole(broken, "2.19.0", **keras)
    numpy = make_prefix(envs / "numpy-2", "linux-64", "3.10.13")
    _whole(numpy, "2.15.0", numpy="2.0.2")
    works = make_prefix(envs / "myenv", "linux-64", "3.11.7")
    _whole(works, "2.19.1", **keras)
    gpu = make_prefix(envs / "gpu", "win-64", "3.10.13")
    for name, version in (("cudatoolkit", "11.8.0"), ("cudnn", "8.9.7.29"), ("vc14_runtime", "14.44.35208")):
        add_record(gpu, "win-64", name, version)
    _whole(gpu, "2.10.1", numpy="1.26.4")
    make_prefix(envs / "plain", "linux-64", "3.11.7")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    lines = [json.dumps(_report(*host)) + "\n" for host in HOSTS]
    for name in ("reports", "archive"):
        (folder / name).mkdir()
    (folder / "reports" / "all.jsonl").write_text("".join(lines[:4]), encoding="utf-8")
    (folder / "archive" / "2026-10.jsonl.gz").write_bytes(gzip.compress("".join(lines[4:]).encode()))
    home = folder / "home"
    home.mkdir()
    # The reader is on Linux, and knows no processor of a Windows machine.
    there = {"CONDA_OVERRIDE_ARCHSPEC": ""} if os.name == "nt" else {}
    return {"CONDA_ENVS_DIRS": str(envs), "HOME": str(home), "COLUMNS": "100", "CONDA_SUBDIR": "linux-64", **there}


@contextlib.contextmanager
def inside(folder: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Stand in the world's folder, with its variables and no conda's or GPU's."""
    before, where, prefix = dict(os.environ), Path.cwd(), sys.prefix
    for name in list(os.environ):
        if name.startswith(("CONDA", "MAMBA", "VIRTUAL_ENV", "PYTEST", "FORCE_COLOR", "NO_COLOR")):
            del os.environ[name]
    os.environ |= {**variables, "CONDA_OVERRIDE_CUDA": ""}
    os.chdir(folder)
    sys.prefix = str(folder / "no conda here")
    try:
        yield
    finally:
        os.chdir(where)
        sys.prefix = prefix
        os.environ.clear()
        os.environ |= before


def run(command: str, folder: Path) -> tuple[int, str]:
    """Run a command of ours in this process, inside a world; return its exit status and what it prints."""
    program = "conda tf-doctor" if "conda tf-doctor" in command else "conda-tf-doctor"
    piped, _, ours = command.rpartition(" | ")
    words = shlex.split(_OURS.sub("", ours, count=1))
    target = words[words.index(">") + 1] if ">" in words else ""
    words = words[: words.index(">")] if target else words
    if os.name == "nt" and words[:1] == ["check"] and {*FILES}.intersection(words):
        words += ["--platform", "linux-64"]  # what a file is for that names none, is for the reader's machine
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    given = io.TextIOWrapper(io.BytesIO((folder / "traceback.txt").read_bytes() if piped else b""), encoding="utf-8")
    real, sys.stdin, Style.program = sys.stdin, given, program
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                status = console(words)
            except SystemExit as stop:
                status = int(str(stop.code or 0))
    finally:
        sys.stdin = real
    out.flush()
    text = out.buffer.getvalue().decode()
    if target:
        (folder / target).write_text(text, encoding="utf-8")
        return status, ""
    return status, _at_home(_OURS.sub(program, text), folder)


def _at_home(text: str, folder: Path) -> str:
    """Return a text with the world's folder as the pages have it, however a path in it had to be quoted."""
    for path in (*folder.glob("envs/*"), *folder.glob("*")):
        home = f"/home/me/{path.relative_to(folder).as_posix()}"
        for spelled in (shlex.quote(str(path)), f'"{path}"'):
            text = text.replace(spelled, home)
        # Behind a quoted folder, what lies in it.
        text = text.replace(shlex.quote(f"{path}/bin/python"), f"{home}/bin/python")
    text = text.replace(str(folder), "/home/me").replace(os.path.realpath(folder), "/home/me")
    if os.name == "nt":
        text = re.sub(r"/home/me[\w\\.-]+", lambda path: path[0].replace("\\", "/"), text)
        # What a command for a file of Linux' names besides on another system.
        text = re.sub(r" --platform linux-64(?=\r?$)", "", text, flags=re.M)
    return text


def filled(path: Path, folder: Path, variables: Mapping[str, str]) -> str:
    """Return a page whose console blocks say what our commands print now; where it says …, that stays."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [(each, told(each, folder, variables)) for each in examples(path) if each.shown and each.is_ours]
    # From the end, so that the places before it stay.
    for example, output in reversed(found):
        if not agrees(example, output):
            after = example.line + len(example.expected.splitlines())
            lines[example.line : after] = output.splitlines()
    return "\n".join(lines) + "\n"


def told(example: Example, folder: Path, variables: Mapping[str, str]) -> str:
    """Return what an example's command prints, as it would stand on the page."""
    with inside(folder, variables):
        return run(example.command, folder)[1].strip("\n")


def agrees(example: Example, output: str) -> bool:
    """Tell whether a page shows what its command prints: … stands for anything, and where lines end does not count."""
    # The pages are written on Linux: Windows' shells quote otherwise.
    shown, printed = (text.replace("'", '"') if os.name == "nt" else text for text in (example.expected, output))
    parts = [" ".join(part.split()) for part in shown.split("…")]
    return re.fullmatch(".*".join(map(re.escape, parts)), " ".join(printed.split()), re.S) is not None


def pages() -> list[Path]:
    """Return the pages whose commands are run."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def main() -> int:
    """Write what the commands print into the pages."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        variables = make_world(folder)
        for path in pages():
            path.write_text(filled(path, folder, variables), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Feeds mutated input to every reader: an answer or one sentence is right, anything else and slowness are faults.

    python -m tools.fuzz [COUNT [SEED]]

Prints how many inputs of each kind gave an answer or a sentence, and every fault with the input that made it. The same
seed makes the same inputs.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from conda_tf_doctor import settings
from conda_tf_doctor.binaries.resolve import resolve
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of, read_report
from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.explain.match import find
from conda_tf_doctor.explain.rank import rank
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.reading import load_json
from conda_tf_doctor.render.mask import mask, masker
from conda_tf_doctor.render.screen import render
from conda_tf_doctor.render.text import Style
from conda_tf_doctor.repair import journal, pinned
from conda_tf_doctor.repair.candidates import Catalogue
from conda_tf_doctor.repair.demands import NO_DEMANDS
from conda_tf_doctor.repair.files.edit import edited, effective, load
from conda_tf_doctor.repair.files.narrow import plan_for
from tools.fuzz_inputs import CONDARC, ERROR_TEXT, EXTRA, MATRIX, PROJECT, ROWS, mutated, texts_of
from tools.images import executable
from tools.prefixes import add_dist, add_record, make_prefix
from tools.tiny_elf import make_so
from tools.tiny_macho import make_dylib
from tools.tiny_pe import make_dll

# CPU seconds that one input may take, and MB of memory that the process may have at last.
SECONDS, MEGABYTES = 1.0, 400


class Kind(NamedTuple):
    """A kind of input.

    Attributes:
        seeds: What is mutated.
        read: Reads one; raises :class:`UsageError` where it is refused.
    """

    seeds: list[bytes]
    read: Callable[[bytes], Any]


def judged(env: Any, matrix: Any = None) -> None:
    """Check an environment, and have everything written that shows it.

    Args:
        env: The environment.
        matrix: What it is judged by; the bundled one where omitted.

    Raises:
        AssertionError: A rule failed.
    """
    diagnosis = diagnose(env, matrix or load_matrix())
    failed = [finding.message for finding in diagnosis.findings if finding.code == "TFD902"]
    assert not failed, failed
    json.dumps(diagnosis.to_json())
    style = Style(shown := StringIO(), False)
    style.write(render(diagnosis, style, verbose=2))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\u200e]", shown.getvalue()), (
        "a control character on the screen"
    )


def kinds(folder: Path) -> dict[str, Kind]:
    """Return every kind of input there is, with its reader."""
    folder.mkdir(exist_ok=True)
    os.environ["HOME"] = str(folder)
    report = json.dumps(
        {
            "schema_version": 1,
            "platform": "linux-64",
            "prefix": "/home/me/env",
            "python": {"version": "3.10.13", "bits": 64, "machine": "x86_64"},
            "packages": [
                {
                    "name": "tensorflow",
                    "version": "2.15.0",
                    "build": "cuda120_0",
                    "manager": "conda",
                    "channel": "conda-forge",
                    "depends": ["numpy <2", "python 3.10.*"],
                    "constrains": ["x >1"],
                },
                {"name": "numpy", "version": "2.0.0", "manager": "pip", "depends": ["x"]},
                {"name": "cudatoolkit", "version": "11.8.0", "build": "h1", "channel": "conda-forge"},
            ],
            "requested": [{"name": "keras", "version": "3.0"}],
            "virtual_packages": {"__cuda": "11.4", "__glibc": "2.17"},
            "system": {
                "os": "Ubuntu",
                "machine": "x86_64",
                "cpu_features": {"avx": False},
                "gpu": "NVIDIA RTX 3090",
                "cuda_driver": "456.71",
                "cuda_installed": ["11.2"],
                "vc_runtime": "14.29",
            },
            "env_vars": {"LD_LIBRARY_PATH": "/usr/lib", "PYTHONPATH": "x"},
            "working_folder": ["tensorflow.py"],
            "binaries": [
                {
                    "path": "lib/x.so",
                    "machine": "x86_64",
                    "bits": 64,
                    "imports": ["a"],
                    "missing": ["b"],
                    "problem": "truncated",
                    "version": "1",
                }
            ],
            "notes": [{"path": "x", "message": "y"}],
            "user_site": [{"name": "numpy", "version": "2.0"}],
            "error_text": ERROR_TEXT,
            "complete": True,
            "findings": [{"code": "TFD501", "severity": "error", "message": "m", "fix": {"commands": [["a"]]}}],
            "generated_code": [{"package": "x", "protobuf": "<4", "file": "y"}],
        }
    ).encode()
    prefix = make_prefix(folder / "env", "linux-64")
    add_dist(prefix, "tensorflow", "2.15.0")
    add_dist(prefix, "numpy", "2.0.0")
    record = add_record(
        prefix,
        "linux-64",
        "keras",
        "2.15.0",
        "0",
        depends=["numpy"],
        constrains=["tensorflow 2.*"],
        paths_data={
            "paths": [
                {
                    "_path": "lib/python3.10/site-packages/keras-2.15.0.dist-info/RECORD",
                    "path_type": "hardlink",
                    "sha256": "0",
                    "size_in_bytes": 1,
                }
            ],
            "paths_version": 1,
        },
    )
    site = prefix / "lib/python3.10/site-packages"

    def inside(*places: Path) -> Callable[[bytes], None]:
        def read(data: bytes) -> None:
            kept = [(place, place.read_bytes() if place.exists() else None) for place in places]
            for place in places:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
            try:
                judged(read_prefix(str(prefix)))
            finally:
                for place, before in kept:
                    place.write_bytes(before) if before is not None else place.unlink()

        return read

    def written(name: str, read: Callable[[str], Any]) -> Callable[[bytes], Any]:
        def reads(data: bytes) -> Any:
            path = folder / name
            path.write_bytes(data)
            return read(str(path))

        return reads

    def file(path: str) -> None:
        judged(read_file(path, "linux-64"))

    def proposed(path: str) -> None:
        matrix = load_matrix()
        env = read_file(path, "linux-64")
        listing = load(path, env.platform, env.python.version)
        plan = plan_for(env, matrix, (), NO_DEMANDS, Catalogue(matrix, env.platform), listing.managers)
        edited(listing, effective(listing, plan))

    def explained(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        find(text)
        rank(text, None, [])

    def masked(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        once = mask(text, masker())
        assert mask(once, masker()) == once, "masked twice is another text"

    def imaged(name: str, platform: str) -> Kind:
        path = folder / name
        if platform.startswith("win"):
            seeds = [make_dll(path, ["one"], imports={"KERNEL32.dll": ["Sleep"]}).read_bytes(), executable(platform)]
        elif platform.startswith("linux"):
            seeds = [make_so(path, needed=["libc.so.6"], defines=["one"], undefined=["two"]).read_bytes()]
        else:
            seeds = [make_dylib(path, ["@rpath/a.dylib"], rpaths=["@loader_path"]).read_bytes()]
        return Kind(seeds, written(name, lambda path: resolve(str(folder), platform, [path])))

    def pins(data: bytes) -> None:
        (prefix / "conda-meta/pinned").write_bytes(data)
        text = pinned.read(str(prefix))
        pinned.users_pins(text), pinned.our_pins(text)

    def matrices(path: str) -> None:
        matrix = load_matrix(path)
        for manager, channel, build in (("conda", "our-channel", "ours_py310_0"), ("pip", "pypi", "")):
            tensorflow = {
                "name": "tensorflow", "version": "2.10.1", "manager": manager, "channel": channel, "build": build
            }  # fmt: skip
            document = json.loads(report)
            document["packages"][0] |= tensorflow
            judged(environment_of(document, "report.json"), matrix)

    def journals(data: bytes) -> None:
        journal_path = prefix / "conda-meta/tf-doctor-journal"
        journal_path.write_bytes(data)
        try:
            journal.load(str(prefix))
            judged(read_prefix(str(prefix)))
        finally:
            journal_path.unlink()

    files = texts_of(
        *(
            f"environment/test_{name}.py"
            for name in ("python_locks", "locks", "projects", "lists", "environment_yml", "requirements")
        )
    )
    files += [text.encode() for text in EXTRA.values()]
    metadata = (site / "tensorflow-2.15.0.dist-info/METADATA").read_bytes()
    return {
        "file": Kind(files, written("file.txt", file)),
        "file by name": Kind(
            files,
            lambda data: written(
                random.Random(len(data)).choice(("a.yml", "a.toml", "a.lock", "Pipfile", "a.json", "setup.cfg")), file
            )(data),
        ),
        "proposal": Kind(files, written("file.txt", proposed)),
        "report": Kind([report], lambda data: judged(environment_of(load_json(data), "report.json"))),
        "report's bytes": Kind([report], written("report.json", lambda path: judged(read_report(path)))),
        "record": Kind([record.read_bytes()], inside(record, prefix / "conda-meta/odd.json")),
        "record of TensorFlow": Kind(
            [record.read_bytes()], inside(prefix / "conda-meta/tensorflow-base-2.15.0-0.json")
        ),
        "METADATA": Kind(
            [metadata], inside(site / "tensorflow-2.15.0.dist-info/METADATA", site / "odd.egg-info/PKG-INFO")
        ),
        "RECORD": Kind(
            [b"tensorflow/a.so,sha256=ab,12\ntensorflow/__init__.py,sha256=ab,12\n"],
            inside(site / "tensorflow-2.15.0.dist-info/RECORD"),
        ),
        "INSTALLER": Kind([b"pip\n"], inside(site / "numpy-2.0.0.dist-info/INSTALLER")),
        "pyvenv.cfg": Kind(
            [b"home = /usr/bin\nversion = 3.10.2\ninclude-system-site-packages = true\n"], inside(prefix / "pyvenv.cfg")
        ),
        "build_info.py": Kind(
            [b"cuda_version = '11.2'\nbuild_info = {'cuda_version': '11.2', 'cudnn_version': '8'}\n"],
            inside(site / "tensorflow/python/platform/build_info.py"),
        ),
        "pinned": Kind([b"numpy <2  # mine\ntensorflow 2.15.*\nconda-forge::x[version='>1']\n"], pins),
        "journal": Kind(
            [json.dumps(journal.Journal("2026-01-01T00:00:00", "conda", 3, ("a=1=0",))._asdict()).encode()], journals
        ),
        "user's matrix": Kind(
            [MATRIX.encode(), ROWS.encode(), *texts_of("matrix/test_overlay.py")], written("m.yaml", matrices)
        ),
        ".condarc": Kind([CONDARC.encode()], written(".condarc", lambda _: settings.without_conda())),
        "pyproject's table": Kind(
            [PROJECT.encode()], written("pyproject.toml", lambda _: settings.of_project(str(folder)))
        ),
        "error text": Kind([ERROR_TEXT.encode()], explained),
        "text to mask": Kind([b"/home/me/x https://u:p@h/t/tk-123/c?token=abc GITHUB_TOKEN=ghp_0123456789"], masked),
        "PE": imaged("a.dll", "win-64"),
        "ELF": imaged("a.so", "linux-64"),
        "Mach-O": imaged("a.dylib", "osx-arm64"),
    }


def run(folder: Path, count: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield for each input its kind, what came of it (``answer``, ``sentence``, or the fault), and the input."""
    every = kinds(folder)
    chance = random.Random(seed)
    for number in range(count):
        name = list(every)[number % len(every)]
        data = mutated(chance.choice(every[name].seeds), chance)
        begun = time.process_time()
        try:
            every[name].read(data)
            outcome = "answer"
        except UsageError as error:
            outcome = (
                "sentence" if "\n" not in str(error) and len(str(error)) < 2000 else f"no sentence: {error!r}"[:300]
            )
        except (ValueError, RecursionError) as error:
            # What is read before it is a document of ours.
            broken = name == "report" and isinstance(error, ValueError)
            outcome = "sentence" if broken else told(error)
        except Exception as error:
            outcome = told(error)
        if (spent := time.process_time() - begun) > SECONDS:
            outcome = f"slow: {spent:.1f} s"
        yield name, outcome, data


def told(error: BaseException) -> str:
    """Return what failed and where, in a line."""
    where, last = "", error.__traceback__
    while last is not None:
        code = last.tb_frame.f_code
        if "conda_tf_doctor" in code.co_filename:
            where = f"{os.path.basename(code.co_filename)}:{last.tb_lineno}"
        last = last.tb_next
    return f"{type(error).__name__} in {where}: {' '.join(str(error).split())[:300]}"


def main(arguments: list[str]) -> int:
    """Run as many inputs as are asked for and print what came of them."""
    count, seed = (
        (int(word) for word in (*arguments, "1000", "1")[:2]) if len(arguments) < 2 else map(int, arguments[:2])
    )
    load_matrix()  # compiles it where it has to be
    counts: Counter[tuple[str, str]] = Counter()
    faults: dict[tuple[str, str], bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, outcome, data in run(Path(folder), count, seed):
            fine = outcome in ("answer", "sentence")
            counts[name, outcome if fine else "FAULT"] += 1
            if not fine and faults.setdefault((name, outcome.partition(":")[0]), data) is data:
                print(f"{name}: {outcome}\n    {data[:400]!r}", flush=True)
    for name in dict.fromkeys(name for name, _ in counts):
        print(f"{name:22}" + "".join(f"{counts[name, word]:8} {word}" for word in ("answer", "sentence", "FAULT")))
    peak = _peak()
    total = sum(counts.values())
    print(f"{total} inputs, {total - sum(n for (_, o), n in counts.items() if o != 'FAULT')} faults, {peak:.0f} MB")
    return int(bool(faults) or peak > MEGABYTES)


def _peak() -> float:
    """Return how many megabytes this process has had at most; 0 on Windows, which does not tell without more."""
    if sys.platform == "win32":
        return 0.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A check of a large environment costs at most two and a half starts of Python, and imports next to nothing."""

from __future__ import annotations

import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from conda_tf_doctor.api import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.reading import load_json
from conda_tf_doctor.render.report import collect
from tests.benchmarks.pairs import CHECK, CLOCK, cost, installed, of_a_user, ratio
from tests.wine import no_budget
from tools.condas import Conda
from tools.index_wheels import link
from tools.prefixes import add_record, make_prefix

# Two and a half is what it is to cost; another Python and another machine are allowed a tenth.
LIMIT = 2.75
STACK = {
    "numpy": "1.26.4", "protobuf": "4.25.3", "keras": "2.15.0", "h5py": "3.10.0", "absl-py": "2.1.0", "six": "1.16.0",
    "wrapt": "1.14.1", "gast": "0.5.4", "grpcio": "1.60.0", "flatbuffers": "23.5.26", "termcolor": "2.4.0",
    "typing_extensions": "4.9.0", "ml_dtypes": "0.2.0", "opt_einsum": "3.3.0", "tensorboard": "2.15.1",
    "tensorflow-estimator": "2.15.0", "astunparse": "1.6.3", "google-pasta": "0.2.0", "packaging": "23.2",
    "setuptools": "69.0.3",
}  # fmt: skip


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A healthy environment of 400 packages, a third of them Python's, TensorFlow's record with its 12,000 files."""
    folder = make_prefix(tmp_path_factory.mktemp("big") / "env", "linux-64", "3.10.13")
    for name, version in STACK.items():
        add_record(folder, "linux-64", name, version, "py310h0_0", distribution=name, depends=["python >=3.10,<3.11"])
    files = [f"lib/python3.10/site-packages/tensorflow/include/deep/header_{number}.h" for number in range(12_000)]
    paths = [{"_path": path, "path_type": "hardlink", "sha256": "0" * 64, "size_in_bytes": 1} for path in files]
    depends = ["python >=3.10,<3.11.0a0", "numpy >=1.22.4,<2.0a0", "protobuf >=4.25.3,<4.25.4.0a0"]
    listed = {"files": files, "paths_data": {"paths": paths, "paths_version": 1}}
    add_record(folder, "linux-64", "tensorflow-base", "2.15.0", "cpu_py310h0_0", depends=depends, **listed)
    depends = ["tensorflow-base 2.15.0 cpu_py310h0_0"]
    add_record(folder, "linux-64", "tensorflow", "2.15.0", "cpu_py310h0_0", depends=depends)
    small = [f"lib/libsmall.so.{number}" for number in range(60)]
    while (count := len(list((folder / "conda-meta").glob("*.json")))) < 400:
        distribution = f"package_{count}" if count % 3 == 0 else ""
        add_record(folder, "linux-64", f"package-{count}", "1.2.3", "h0_0", distribution=distribution, files=small)
    return folder


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a user whose installer has compiled the modules."""
    package = installed(tmp_path_factory.mktemp("installed"))
    pycache = str(tmp_path_factory.mktemp("pycache"))
    return {**of_a_user(package, tmp_path_factory.mktemp("home")), "PYTHONPYCACHEPREFIX": pycache}


def settle(prefix: Path) -> None:
    """Wait until the records are settled: what was written just now is not remembered."""
    time.sleep(max(0.0, (prefix / "conda-meta").stat().st_mtime + 2.1 - time.time()))


@no_budget
def test_a_check_costs_at_most_two_and_a_half_starts_of_python(
    prefix: Path, environ: dict[str, str], record_property: pytest.RecordProperty
) -> None:
    nothing = [sys.executable, "-c", "pass"]
    check = [sys.executable, "-c", CHECK, "check", "-p", str(prefix)]
    settle(prefix)
    for command in (nothing, check, check):
        cost(command, environ)  # compiles what is not compiled yet, and remembers what need not be read again
    found = ratio(lambda: cost(check, environ), lambda: cost(nothing, environ), LIMIT)
    record_property("ratio", found)
    print(f"check of 400 packages: {found:.2f} times python -c pass")
    assert found <= LIMIT


@no_budget
def test_a_package_more_costs_ten_microseconds(
    tmp_path: Path, environ: dict[str, str], record_property: pytest.RecordProperty
) -> None:
    counts = (400, 6400)
    for count in counts:
        folder = make_prefix(tmp_path / str(count), "linux-64", "3.10.13")
        add_record(folder, "linux-64", "tensorflow", "2.15.0", "cpu_py310h0_0", depends=["python >=3.10,<3.11.0a0"])
        site = folder / "lib" / "python3.10" / "site-packages"
        for number in range(count - len(list((folder / "conda-meta").glob("*.json")))):
            # By its name alone a record is known; what is in it is asked of few.
            (folder / "conda-meta" / f"package-{number}-1.2.3-h0_0.json").write_text("{}")
            if number % 3 == 0:
                (site / f"package_{number}-1.2.3.dist-info").mkdir()
    check = [sys.executable, "-c", CHECK, "check", "-q", "-p"]
    best = [min(cost([*check, str(tmp_path / str(count))], environ) for _ in range(8)) for count in counts]
    each = (best[1] - best[0]) / (counts[1] - counts[0]) * 1e6
    record_property("microseconds", each)
    print(f"a package more: {each:.1f} microseconds")
    assert each <= 10


@pytest.mark.parametrize(("count", "packages"), [(60, 100), pytest.param(1000, 200, marks=pytest.mark.long)])
def test_many_environments_cost_less_than_one_each(
    count: int, packages: int, tmp_path: Path, environ: dict[str, str], record_property: pytest.RecordProperty
) -> None:
    first = make_prefix(tmp_path / "envs" / "e0", "linux-64", "3.10.13")
    add_record(first, "linux-64", "tensorflow", "2.15.0", "cpu_py310h0_0", depends=["python >=3.10,<3.11.0a0"])
    while len(list((first / "conda-meta").glob("*.json"))) < packages:
        number = len(list((first / "conda-meta").glob("*.json")))
        add_record(first, "linux-64", f"package-{number}", "1.2.3", "h0_0")
    for number in range(1, count):
        shutil.copytree(first, tmp_path / "envs" / f"e{number}", symlinks=True, copy_function=link)
    environ = {**environ, "CONDA_ENVS_PATH": str(tmp_path / "envs"), "CONDA_ROOT": str(tmp_path)}
    one = [sys.executable, "-c", CHECK, "check", "-p", str(first)]
    every = [sys.executable, "-c", CHECK, "check", "--all-envs"]
    found = ratio(lambda: cost(every, environ), lambda: count * cost(one, environ), 0.6, rounds=3)  # of CPU: all cores'
    record_property("ratio", found)
    print(f"all of {count} environments: {found:.2f} of one times {count}")
    assert found <= 0.6


def test_the_subcommand_costs_hardly_more_than_conda_list(
    conda: Conda, prefix: Path, record_property: pytest.RecordProperty
) -> None:
    def cost_of(*words: str) -> float:
        return cost([conda.python, "-m", "conda", *words, "-p", str(prefix)], conda.environ())

    for words in (("list",), ("tf-doctor",)):
        cost_of(*words)
    found = ratio(lambda: cost_of("tf-doctor"), lambda: cost_of("list"), 1.1, rounds=3)
    record_property("ratio", found)
    print(f"conda tf-doctor: {found:.2f} times conda list")
    assert found <= 1.3


@pytest.mark.parametrize("by_pip", [0, 150])
def test_judging_a_report_costs_few_times_its_parsing(
    by_pip: int, prefix: Path, record_property: pytest.RecordProperty
) -> None:
    report = collect(read_prefix(str(prefix)), load_matrix())
    # Such an entry lacks what pip does not know.
    entry = {"version": "1.0", "channel": "pypi", "manager": "pip", "depends": ["numpy>=1.20", "six"]}
    report["packages"] += [{**entry, "name": f"extra-{number}"} for number in range(by_pip)]
    text = json.dumps(report)

    def took(work: Callable[[str], object]) -> float:
        began = CLOCK()
        for _ in range(20):
            work(text)
        return (CLOCK() - began) / 20

    gc.disable()  # as the command has it
    try:
        assert diagnose(text)["ok"]
        # In turns: what else the machine does then hits both alike. 4.9 were measured.
        pairs = [(took(load_json), took(diagnose)) for _ in range(9)]
    finally:
        gc.enable()
    found, best = statistics.median(judged / parsed for parsed, judged in pairs), min(judged for _, judged in pairs)
    record_property("ratio", found)
    print(f"a report of {400 + by_pip} packages: {found:.1f} times its parsing, {1 / best:.0f} a second")
    assert found <= 6.5


HEAVY = (
    "argparse", "asyncio", "collections", "conda", "contextlib", "ctypes", "dataclasses", "email", "enum", "functools",
    "importlib", "importlib.metadata", "inspect", "logging", "multiprocessing", "packaging", "pathlib", "pefile",
    "platform", "re", "rich", "ruamel", "ruamel.yaml", "shutil", "struct", "subprocess", "tempfile", "threading",
    "types", "typing", "urllib", "yaml", "elftools",
)  # fmt: skip


# What `json` imports to write.
JSON = {"collections", "enum", "functools", "re", "types"}


def by_signal() -> set[str]:
    """Return what is imported for Ctrl-Break, which differs by Python's version."""
    if os.name != "nt":
        return set()
    code = "import sys; before = set(sys.modules); import signal; print(*set(sys.modules) - before)"
    return {*subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()}


def imported(arguments: list[str], environ: Mapping[str, str]) -> tuple[int, set[str], str]:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from conda_tf_doctor.cli.main import console\n"
        f"status = console({arguments!r})\n"
        "loaded = sorted(set(sys.modules) - before)\n"
        "import json; print(json.dumps(loaded), file=sys.stderr); sys.exit(status)"
    )
    command, where = [sys.executable, "-c", code], environ["PYTHONPATH"]
    run = subprocess.run(command, env=environ, cwd=where, capture_output=True, text=True, check=False)
    return run.returncode, set(json.loads(run.stderr.splitlines()[-1])), run.stdout


@pytest.mark.parametrize("flags", [[], ["--json"], ["-q"]], ids=["text", "json", "quiet"])
def test_a_check_of_a_healthy_environment_imports_nothing_heavy(
    prefix: Path, environ: dict[str, str], flags: list[str]
) -> None:
    arguments = ["check", "-p", str(prefix), *flags]
    settle(prefix)
    imported(arguments, environ)
    status, modules, _ = imported(arguments, environ)
    assert status == 0
    assert modules & set(HEAVY) == (JSON if "--json" in flags else by_signal() & set(HEAVY))
    own = {name for name in modules if name.startswith("conda_tf_doctor.")}
    unused = (
        "cuda.runtime",
        "cuda.extras",
        "cuda.driver",
        "binaries.vc_runtime",
        "binaries.closure",
        "paths.python_path",
    )
    assert not own & {f"conda_tf_doctor.rules.{name}" for name in unused}
    assert not own & {"conda_tf_doctor.engine.ranges", "conda_tf_doctor.engine.evidence"}
    assert not own & {"conda_tf_doctor.cli.parser", "conda_tf_doctor.matrix.source", "conda_tf_doctor.matrix.compiled"}
    assert not own & {"conda_tf_doctor.specifiers", "conda_tf_doctor.environment.requires"}


def test_the_environment_of_the_benchmark_is_healthy(prefix: Path, environ: dict[str, str]) -> None:
    status, _, out = imported(["check", "-p", str(prefix), "--json"], environ)
    document = json.loads(out)
    assert (status, document["findings"], document["tensorflow"]["version"]) == (0, [], "2.15.0")
    assert len(list((prefix / "conda-meta").glob("*.json"))) == 400

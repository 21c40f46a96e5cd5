"""What goes wrong inside the guard, and around it: conda goes on as without it, and one line says what it was."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.guard.worlds import build, installed
from tools.condas import Conda, Result

INSTALL = ("install", "-y", "-q", "-n", "env", "cudatoolkit=11.8")
FAULT = """
import importlib
def fail(*args, **options):
    raise ZeroDivisionError("put there by a test,\\non two lines, 100 %")
module = importlib.import_module({module!r})
holder = getattr(module, {owner!r}) if {owner!r} else module
setattr(holder, {name!r}, fail)
"""
UNIMPORTABLE = """
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.startswith({name!r}):
            raise ImportError("put there by a test")
sys.meta_path.insert(0, Finder())
"""
# Every step of the guard: module, class, function, and the modes in which it is taken.
POINTS = {
    "reading the settings": ("conda_tf_doctor.guard.judging", "", "read_settings", ("warn", "block", "repair")),
    # In `repair` the solver that is watched tells all of it.
    "asking conda": ("conda_tf_doctor.guard.hooks", "", "request", ("warn", "block")),
    "looking at names": (
        "conda_tf_doctor.environment.glance",
        "",
        "may_concern_tensorflow",
        ("warn", "block", "repair"),
    ),
    "reading the plan": ("conda_tf_doctor.guard.transaction", "", "plan", ("warn", "block", "repair")),
    "reading the prefix": ("conda_tf_doctor.guard.judging", "", "read_before", ("warn", "block", "repair")),
    "the environment after": ("conda_tf_doctor.guard.judging", "", "after", ("warn", "block", "repair")),
    "the surroundings": ("conda_tf_doctor.guard.judging", "", "add_surroundings", ("warn", "block", "repair")),
    "virtual packages": ("conda_tf_doctor.guard.transaction", "", "with_virtual_packages", ("warn", "block")),
    "the matrix": ("conda_tf_doctor.matrix.load", "", "load_matrix", ("warn", "block", "repair")),
    "the engine": ("conda_tf_doctor.guard.verdict", "", "diagnose", ("warn", "block", "repair")),
    "judging": ("conda_tf_doctor.guard.verdict", "", "judge", ("warn", "block", "repair")),
    "refusing": ("conda_tf_doctor.guard.judging", "", "_refusal", ("block", "repair")),
    "speaking": ("conda_tf_doctor.guard.messages", "", "warn", ("warn",)),
}


def faults(result: Result) -> list[str]:
    return [line for line in result.err.splitlines() if "the guard failed" in line]


def went_on(result: Result, prefix: Path) -> None:
    assert result.rc == 0, result
    assert installed(prefix)["cudatoolkit"] == "11.8.0"
    assert "Traceback" not in result.err + result.out
    assert len(faults(result)) == 1, result.err


@pytest.mark.parametrize(("point", "mode"), [(point, mode) for point, (*_, modes) in POINTS.items() for mode in modes])
def test_fault_at_every_point(
    point: str, mode: str, registry_run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    module, owner, name, _ = POINTS[point]
    prefix = build("pip 2.10 with CUDA", make_env)
    before = FAULT.format(module=module, owner=owner, name=name)
    result = registry_run(*INSTALL, mode=mode, before=before)
    went_on(result, prefix)
    assert "ZeroDivisionError: put there by a test, on two lines, 100 %" in faults(result)[0]


# What goes wrong after the verdict leaves the verdict standing.
SEARCHING = {
    "preparing the search": ("conda_tf_doctor.guard.constraints", "Search", "__init__"),
    "the search": ("conda_tf_doctor.guard.constraints", "Search", "_run"),
    "a rule's advice": ("conda_tf_doctor.guard.strategies", "", "_ruled"),
    "making another solver": ("conda_tf_doctor.guard.trial", "Trials", "_trial"),
    "a solve of the search": ("conda_tf_doctor.guard.trial", "Trials", "_run"),
    "the command": ("conda_tf_doctor.guard.command", "", "working"),
}


@pytest.mark.parametrize("mode", ["block", "repair"])
@pytest.mark.parametrize("point", SEARCHING)
def test_a_search_that_fails_is_not_a_permission(
    point: str, mode: str, registry_run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    module, owner, name = SEARCHING[point]
    prefix = build("pip 2.10 with CUDA", make_env)
    before = FAULT.format(module=module, owner=owner, name=name)
    result = registry_run(*INSTALL, mode=mode, before=before)
    assert result.rc == 1, result
    assert installed(prefix)["cudatoolkit"].startswith("11.2")
    assert "TensorFlowConflictError: this would break tensorflow 2.10.0" in result.err
    assert "goes on" not in result.err, result.err
    assert "Traceback" not in result.err + result.out
    told = "failed (ZeroDivisionError: put there by a test, on two lines, 100 %)"
    assert f"The search for a request that would work {told}." in result.err


def test_ctrl_c_during_the_search_keeps_the_refusal(
    registry_run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    prefix = build("pip 2.10 with CUDA", make_env)
    before = FAULT.format(module="conda_tf_doctor.guard.trial", owner="Trials", name="_run")
    before = before.replace("ZeroDivisionError", "KeyboardInterrupt")
    result = registry_run(*INSTALL, mode="block", before=before)
    assert result.rc == 1, result
    assert installed(prefix)["cudatoolkit"].startswith("11.2")
    assert "The search for a request that would work was interrupted." in result.err


SLOW = """
import importlib, time
module = importlib.import_module("conda_tf_doctor.matrix.load")
module.load_matrix = lambda *args: time.sleep(60)
"""


@pytest.mark.parametrize("mode", ["warn", "block", "repair"])
def test_the_guard_gives_up_after_its_time(
    mode: str, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    prefix = build("pip 2.10 with CUDA", make_env)
    result = run(*INSTALL, mode=mode, before=SLOW, env={"CONDA_PLUGINS_TF_DOCTOR_SECONDS": "0.5"})
    assert result.rc == 0, result
    assert installed(prefix)["cudatoolkit"] == "11.8.0"
    told = [line for line in result.told.splitlines() if "tf-doctor" in line]
    assert told == [
        "tf-doctor: the guard gave up after 0.5 seconds of its own (tf_doctor_seconds); conda goes on without it."
    ]


@pytest.mark.parametrize("mode", ["block", "repair"])
def test_the_search_gives_up_after_its_time(
    mode: str, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    prefix = build("pip 2.10 with CUDA", make_env)
    result = run(*INSTALL, mode=mode, env={"CONDA_PLUGINS_TF_DOCTOR_SEARCH_SECONDS": "0.0001"})
    assert result.rc == 1, result
    assert installed(prefix)["cudatoolkit"].startswith("11.2")
    assert "The search for a request that would work was given up after 0 seconds." in result.err


@pytest.mark.parametrize("where", ["variable", "file"])
@pytest.mark.parametrize("value", ["soon", "-1", "[5]", "7"])
def test_a_number_of_seconds_that_is_none_is_said(
    value: str, where: str, conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    build("pip 2.10 with CUDA", make_env)
    variable = "CONDA_PLUGINS_TF_DOCTOR_SECONDS"
    command = ("install", "-y", "-n", "env", "cudatoolkit=11.8", "--dry-run")
    if where == "file":
        conda.write_condarc(f"plugins: {{tf_doctor_seconds: {value}}}")
        before = f"import os; del os.environ[{variable!r}]"
        result = run(*command, mode="warn", before=before)
    else:
        result = run(*command, mode="warn", env={variable: value})
    assert result.rc == 0, result
    assert result.err.count("the setting tf_doctor_seconds is ") == (value != "7"), result.err
    assert not faults(result)
    assert "TFD301" in result.err


@pytest.mark.parametrize("point", ["hooks.verify", "judging.assess"])
def test_fault_in_the_transaction(
    point: str, conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    make_env("source", "python=3.12", "tensorflow=2.10", channels=("inhouse",))
    module, name = point.split(".")
    before = FAULT.format(module=f"conda_tf_doctor.guard.{module}", owner="", name=name)
    result = run("create", "-y", "-q", "-n", "env", "--clone", "source", mode="block", before=before)
    assert result.rc == 0, result
    assert installed(conda.prefix("env"))["tensorflow"] == "2.10.0"
    assert len(faults(result)) == conda.has_transaction_hooks, result.err


@pytest.mark.parametrize("module", ["conda_tf_doctor.guard", "conda_tf_doctor.guard.action", "conda_tf_doctor.engine"])
def test_a_module_that_cannot_be_imported(
    module: str, run: Callable[..., Result], make_env: Callable[..., Path], conda: Conda
) -> None:
    prefix = build("pip 2.10 with CUDA", make_env)
    result = run(*INSTALL, mode="warn", before=UNIMPORTABLE.format(name=module))
    if module.endswith("action") and not conda.has_transaction_hooks:
        assert not faults(result)
    else:
        went_on(result, prefix)


# What is no file is POSIX'.
UNREADABLE = ["missing", "no YAML", "a folder", "an unknown field", "33 MB"]
UNREADABLE += ["a FIFO", "/dev/zero"] if hasattr(os, "mkfifo") else []


@pytest.mark.parametrize("how", UNREADABLE)
def test_unreadable_matrix(
    how: str, registry_run: Callable[..., Result], make_env: Callable[..., Path], tmp_path: Path
) -> None:
    prefix = build("pip 2.10 with CUDA", make_env)
    path = tmp_path / "mine.yaml"
    if how == "a folder":
        path.mkdir()
    elif how == "a FIFO":
        os.mkfifo(path)
    elif how == "/dev/zero":
        path = Path(how)
    elif how == "33 MB":
        path.write_bytes(b"#" * (33 << 20))
    elif how != "missing":
        path.write_text("rows: [" if how == "no YAML" else "rowz: []\n", encoding="utf-8")
    result = registry_run(*INSTALL, mode="block", env={"CONDA_PLUGINS_TF_DOCTOR_MATRIX": str(path)})
    went_on(result, prefix)
    assert str(path) in faults(result)[0]


@pytest.mark.parametrize("value", ["bogus", "off", "True", "7"])
def test_unknown_mode_counts_as_warn(
    value: str, registry_run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    prefix = build("pip 2.10 with CUDA", make_env)
    result = registry_run("install", "-y", "-n", "env", "cudatoolkit=11.8", mode=value)
    assert result.rc == 0, result
    assert installed(prefix)["cudatoolkit"] == "11.8.0"
    told = [line for line in result.err.splitlines() if "tf_doctor_mode" in line]
    assert told == [
        f"tf-doctor: the setting tf_doctor_mode is {value.lower()!r}, which is none of disabled, warn, block, repair; "
        "taken as warn."
    ]
    assert "warning: TFD301" in result.err


NONSENSE = (
    "tf_doctor_mode: [block]",
    "tf_doctor_mode: {a: b}",
    "tf_doctor_mode: off",
    "tf_doctor_mode: 3",
    "tf_doctor_ignore: TFD301",
    "tf_doctor_ignore: {a: b}",
    "tf_doctor_matrix: [mine.yaml]",
)


@pytest.mark.parametrize("setting", NONSENSE)
def test_a_condarc_that_says_nonsense(
    setting: str, conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    prefix = build("pip 2.10 with CUDA", make_env)
    conda.write_condarc(f"plugins:\n  {setting}\n")
    unset = "import os; del os.environ['CONDA_PLUGINS_TF_DOCTOR_MODE']"
    result = run(*INSTALL, before=unset)
    assert result.rc == 0, result
    assert installed(prefix)["cudatoolkit"] == "11.8.0"
    (told,) = [line for line in result.err.splitlines() if "tf-doctor: the " in line]
    assert setting.split(":")[0] in told


@pytest.mark.parametrize("setting", ["tf_doctor_mode", "tf_doctor_ignore", "tf_doctor_matrix"])
def test_a_setting_that_is_left_empty(
    setting: str, conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    build("pip 2.10 with CUDA", make_env)
    conda.write_condarc(f"plugins:\n  {setting}:\n")
    unset = "import os; del os.environ['CONDA_PLUGINS_TF_DOCTOR_MODE']"
    result = run("install", "-n", "env", "--dry-run", "cudatoolkit=11.8", before=unset)
    assert [line[:26] for line in result.told.splitlines() if "tf-doctor" in line] == ["tf-doctor: warning: TFD301"]


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "x"}', ""])
def test_corrupt_record(text: str, registry_run: Callable[..., Result], make_env: Callable[..., Path]) -> None:
    """Conda itself stumbles over most of these; the guard has to add nothing to that."""
    prefix = build("pip 2.10 with CUDA", make_env)
    (prefix / "conda-meta" / "broken-1.0-0.json").write_text(text, encoding="utf-8")
    command = ("install", "-y", "-q", "-n", "env", "--dry-run", "cudatoolkit=11.8")
    without, result = registry_run(*command, mode="disabled"), registry_run(*command, mode="warn")
    assert result.rc == without.rc
    assert not faults(result)
    assert re.sub(r"\d+\.\d+", "", result.out) == re.sub(r"\d+\.\d+", "", without.out)


def test_interrupt_inside_the_guard(run: Callable[..., Result], make_env: Callable[..., Path]) -> None:
    prefix = build("pip 2.10 with CUDA", make_env)
    before = FAULT.format(module="conda_tf_doctor.guard.judging", owner="", name="assess")
    result = run(*INSTALL, before=before.replace("ZeroDivisionError", "KeyboardInterrupt"))
    assert result.rc != 0
    assert not faults(result)
    assert installed(prefix)["cudatoolkit"] == "11.2.2"


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts as a terminal of POSIX does")
def test_interrupt_in_the_question(conda: Conda, make_env: Callable[..., Path]) -> None:
    prefix = build("pip 2.10 with CUDA", make_env)
    process = subprocess.Popen(
        [conda.python, "-u", "-m", "conda", "install", "-n", "env", "cudatoolkit=11.8"],
        env=conda.environ({"CONDA_PLUGINS_TF_DOCTOR_MODE": "warn"}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the suite was started in the background, nobody listens to an interrupt.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    seen = ""
    while "roceed" not in seen:
        letter = process.stdout.read(1)
        assert letter, seen
        seen += letter
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "warning: TFD301" in err
    assert "the guard failed" not in err
    assert installed(prefix)["cudatoolkit"] == "11.2.2"


def test_no_solver_in_sight(registry_run: Callable[..., Result], make_env: Callable[..., Path]) -> None:
    """A conda whose frames look different: the guard then trusts conda's context, and refuses without a command."""
    prefix = build("pip 2.10 with CUDA", make_env)
    before = "import conda_tf_doctor.guard.calls as t; t._solving = dict"
    warned = registry_run(*INSTALL, "--dry-run", mode="warn", before=before)
    assert warned.rc == 0, warned
    for mode in ("block", "repair"):
        refused = registry_run(*INSTALL, mode=mode, before=before)
        assert refused.rc == 1, refused
        assert "TFD301" in refused.err
        assert "This would work" not in refused.err
    assert installed(prefix)["cudatoolkit"] == "11.2.2"

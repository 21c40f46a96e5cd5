"""Transactions that really happen, or really do not: what is on disk afterwards, and how often something is said."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from conda_tf_doctor.shell import quoted
from conda_tf_doctor.versions import conda_contains
from tests.guard.worlds import build, installed
from tools.condas import Conda, Result
from tools.wheels import pip_install_tensorflow
from tools.world import ALIVE

CREATE = ("create", "-y", "-n", "env", "-c", "inhouse", "tensorflow=2.10", "cudatoolkit", "cudnn")
FILE = """
name: {name}
channels: [inhouse, conda-forge]
dependencies: [python=3.12, {more}]
"""
PIP = "{pip: [-r more.txt]}"


def snapshot(*folders: Path) -> dict[str, bytes]:
    """Return every file below the folders, but for what conda touches on any call."""
    ignored = ("environments.txt", "urls", "urls.txt", ".conda_envs_dir_test")
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ignored and "cache" not in path.parts and "condabin" not in path.parts
    }


def said(result: Result, code: str) -> int:
    return result.err.count(f"error: {code} ") + result.err.count(f"warning: {code} ")


def test_block_leaves_everything_as_it_was(conda: Conda, run: Callable[..., Result], tmp_path: Path) -> None:
    world = Conda(conda.installation, conda.solver, tmp_path / "untouched")
    before = snapshot(world.envs, world.packages, world.home)
    result = world.run(*CREATE, env={"CONDA_PLUGINS_TF_DOCTOR_MODE": "block"})
    assert result.rc == 1
    assert "TensorFlowConflictError" in result.err
    assert snapshot(world.envs, world.packages, world.home) == before
    assert not world.prefix("env").exists()


def test_block_leaves_an_environment_as_it_was(run: Callable[..., Result], make_env: Callable[..., Path]) -> None:
    prefix = build("pip 2.10 with CUDA", make_env)
    before = snapshot(prefix)
    result = run("install", "-y", "-n", "env", "cudatoolkit=11.8", mode="block")
    assert result.rc == 1, result
    assert "conda install -n env cudatoolkit=11.2" in result.err
    assert snapshot(prefix) == before


def test_what_block_names_does_work(conda: Conda, run: Callable[..., Result]) -> None:
    refused = run(*CREATE, "--json", mode="block").json()
    assert refused["command"][:2] == ["conda", "create"]
    done = run(*refused["command"][1:], "-y", mode="block")
    assert done.rc == 0, done
    assert "tf-doctor" not in done.told
    versions = installed(conda.prefix("env"))
    assert conda_contains("<3.11", versions["python"])
    assert conda_contains("11.2.*", versions["cudatoolkit"])


def test_repair_creates_and_leaves_nothing_behind(conda: Conda, run: Callable[..., Result]) -> None:
    result = run(*CREATE, mode="repair")
    assert result.rc == 0, result
    prefix = conda.prefix("env")
    versions = installed(prefix)
    assert conda_contains("<3.11", versions["python"]), result.err
    assert conda_contains("11.2.*", versions["cudatoolkit"]), result.err
    assert "solved again with 'cudatoolkit 11.2.*' because of TFD301" in result.err
    history = (prefix / "conda-meta" / "history").read_text(encoding="utf-8")
    asked = [line for line in history.splitlines() if line.startswith("# update specs")]
    assert asked, history
    assert "python" not in asked[-1], asked
    assert "11.2" not in asked[-1], asked
    assert not (prefix / "conda-meta" / "pinned").exists()
    # The next transaction is free again: without the guard the solver takes what it always took.
    free = run("install", "-y", "-n", "env", "--dry-run", "--json", "cudatoolkit=11.8", mode="disabled")
    assert free.rc == 0, free
    again = run("install", "-y", "-n", "env", "-c", "inhouse", "attrs", mode="repair")
    assert again.rc == 0, again
    assert "tf-doctor" not in again.told


def test_everything_is_said_once(conda: Conda, run: Callable[..., Result]) -> None:
    result = run(*CREATE, mode="warn")
    assert result.rc == 0, result
    assert said(result, "TFD201") == 1, result.err
    assert "conda tf-doctor explain TFD201" in result.err
    assert installed(conda.prefix("env"))["python"].startswith("3.12")


def test_is_said_before_the_question(run: Callable[..., Result], conda: Conda) -> None:
    result = run(*[word for word in CREATE if word != "-y"], mode="warn", stdin="n\n")
    assert said(result, "TFD201") == 1, result.err
    assert "roceed" in result.out
    assert not (conda.prefix("env") / "conda-meta" / "history").exists()


@pytest.mark.parametrize("mode", ["warn", "block", "repair"])
@pytest.mark.parametrize("where", ["in the file", "on the command line"])
def test_env_create_from_a_file(
    where: str, mode: str, conda: Conda, run: Callable[..., Result], record: Callable[..., None], tmp_path: Path
) -> None:
    name = "fromfile" if where == "in the file" else "other"
    file = tmp_path / "environment.yml"
    file.write_text(FILE.format(name=name, more=PIP), encoding="utf-8")
    (tmp_path / "more.txt").write_text("# the stack\ntensorflow==2.10.0\n", encoding="utf-8")
    option = [] if where == "in the file" else ["-n", "fromfile"]
    # Its pip is started.
    create = partial(run, "env", "create", "-f", file, *option, mode=mode, subdir=ALIVE)
    result = create()
    record(f"7 env create, name {where}, pip: section", mode, result)
    prefix = conda.prefix("fromfile")
    if mode == "warn":
        assert result.rc == 0, result
        assert said(result, "TFD201") == 1, result.err
        assert installed(prefix)["python"].startswith("3.12")
    else:
        assert result.rc == 1, result
        assert f"TensorFlowConflictError: this would break tensorflow 2.10.0 in {prefix}" in result.err
        assert "the request python=3.12: tensorflow 2.10.0 needs python >=3.7,<3.11" in result.err
        assert f"conda tf-doctor fix --file {quoted(str(file))}" in result.err
        assert not prefix.exists()
        if mode == "block":
            # What it names does work.
            assert run("tf-doctor", "fix", "--yes", "--file", file, subdir=ALIVE).rc == 0
            done = create()
            assert done.rc == 0, done
            assert installed(prefix)["python"].startswith("3.10")


@pytest.mark.parametrize("mode", ["warn", "block", "repair"])
@pytest.mark.parametrize("where", ["in the file", "on the command line", "nowhere"])
def test_env_update_from_a_file(
    where: str,
    mode: str,
    run: Callable[..., Result],
    make_env: Callable[..., Path],
    record: Callable[..., None],
    tmp_path: Path,
) -> None:
    prefix = build("pip 2.15 alone", make_env)
    before = installed(prefix)
    file = tmp_path / "environment.yml"
    text = "dependencies: [scipy]\n" if where != "in the file" else "name: env\ndependencies: [scipy]\n"
    file.write_text(text, encoding="utf-8")
    option = ["-n", "env"] if where == "on the command line" else []
    active = {"CONDA_DEFAULT_ENV": "env", "CONDA_PREFIX": str(prefix)} if where == "nowhere" else {}
    result = run("env", "update", "-f", file, *option, mode=mode, env=active)
    record(f"7 env update, name {where}", mode, result)
    after = installed(prefix)
    if mode == "warn":
        assert result.rc == 0, result
        assert said(result, "TFD603") == 1, result.err
        assert after["numpy"].startswith("2.")
    elif mode == "block":
        assert result.rc == 1, result
        assert f"in {prefix}" in result.err
        assert after == before
        assert "This would work" not in result.err  # the file has no TensorFlow, and `fix` repairs none that has not
        (specs,) = re.findall(r"The file .* would work with: (.*)\. Write that into it", result.err)
        assert specs == "numpy>=1.23.5,<2.0.0, scipy"
        file.write_text(text.replace("scipy", f'"{specs.split(", ")[0]}", scipy'), encoding="utf-8")
        done = run("env", "update", "-f", file, *option, mode=mode, env=active)
        assert done.rc == 0, done
        assert installed(prefix)["numpy"].startswith("1.")
        assert installed(prefix)["scipy"]
    else:
        assert result.rc == 0, result
        assert after["numpy"].startswith("1."), result.err
        assert after["scipy"]


@pytest.mark.parametrize("mode", ["warn", "block", "repair"])
@pytest.mark.parametrize("how", ["explicit", "clone", "revision"])
def test_what_reaches_no_solver(
    how: str,
    mode: str,
    conda: Conda,
    run: Callable[..., Result],
    make_env: Callable[..., Path],
    record: Callable[..., None],
    tmp_path: Path,
) -> None:
    if how == "revision":
        # The revision before was broken, the present one is not.
        prefix = make_env("env", "python=3.12", "tensorflow=2.10", channels=("inhouse",))
        better = ("install", "-y", "-q", "-n", "env", "-c", "inhouse", "python=3.10", "protobuf=3.20")
        assert run(*better, mode="disabled").rc == 0
        command = ("install", "-y", "-n", "env", "--revision", "0")
    else:
        source = make_env("source", "python=3.12", "tensorflow=2.10", channels=("inhouse",))
        prefix = conda.prefix("env")
        listed = run("list", "-n", "source", "--explicit", "--md5").out
        file = tmp_path / "explicit.txt"
        file.write_text(listed, encoding="utf-8")
        command = ("create", "-y", "-n", "env", *(("--file", file) if how == "explicit" else ("--clone", source)))
    before = installed(prefix)
    result = run(*command, mode=mode)
    record(f"8 {how}", mode, result)
    if not conda.has_transaction_hooks:
        assert result.rc == 0, result
        assert "tf-doctor" not in result.told, "this conda has no door for it"
    elif mode == "warn":
        assert result.rc == 0, result
        assert said(result, "TFD201") == 1, result.err
    else:
        assert result.rc == 1, result
        assert "TensorFlowConflictError" in result.err
        assert "TFD201" in result.err
        assert installed(prefix) == before


@pytest.mark.parametrize("by", ["name", "path"])
def test_a_clone_of_what_pip_broke_is_refused(
    by: str, conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    """Pip's files are not there yet when the hook looks: they are judged where they are."""
    source = build("pip 2.10 beside numpy 2", make_env)
    copy = ("create", "-y", "-n", "copy", "--clone", "env" if by == "name" else source)
    result = run(*copy, mode="block")
    if not conda.has_transaction_hooks:
        assert result.rc == 0, result
        return
    assert result.rc == 1, result
    assert "TFD603" in result.err
    assert not installed(conda.prefix("copy"))
    assert f"What conda has copied already is in {conda.prefix('copy')}: remove that folder." in result.err
    healthy = run("install", "-y", "-n", "env", "numpy=1.26", mode="block")
    assert healthy.rc == 0, healthy
    assert run(*copy, mode="block").rc == 0


def test_an_environment_that_is_moved_is_no_worse(
    conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    make_env("broken", "python=3.12", "tensorflow=2.10", channels=("inhouse",))
    result = run("rename", "-n", "broken", "env", mode="block", stdin="y\n")
    assert result.rc == 0, result
    assert "tf-doctor" not in result.told
    assert installed(conda.prefix("env"))["tensorflow"] == "2.10.0"


@pytest.mark.parametrize(
    ("world", "package"),
    [("pip 2.10 with CUDA", "newerpackage"), ("pip 2.10 alone", "somepackage"), ("pip 2.10 alone", "newerpackage")],
)
def test_check_says_afterwards_what_the_guard_said(
    world: str, package: str, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    """What another package moved or brought along is told alike, whoever is on record to have asked for it."""
    build(world, make_env)
    result = run("install", "-y", "-n", "env", "-c", "inhouse", package, mode="warn")
    assert result.rc == 0, result
    before = set(re.findall(r"tf-doctor: (error|warning): (TFD30[13])", result.err))
    assert before, result.err
    found = run("tf-doctor", "check", "-n", "env", "--json").json()["findings"]
    after = {(finding["severity"], finding["code"]) for finding in found if finding["code"] in ("TFD301", "TFD303")}
    # The guard also tells what is only not what TensorFlow was built for.
    assert before - {("warning", "TFD301")} == after - {("warning", "TFD301")}, (result.err, found)
    assert after <= before, (result.err, found)


def test_check_says_afterwards_what_the_guard_said_of_what_was_written_over_pips(
    run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    """What is left of pip's own is known for what it is, and hides nothing."""
    # Conda puts what is for any platform where this machine's Python has it.
    build("win pip 2.15" if ALIVE == "win-64" else "pip 2.15 alone", make_env)
    result = run("install", "-y", "-n", "env", "keras=3", "numpy<2", mode="warn", subdir=ALIVE)
    assert result.rc == 0, result
    before = set(re.findall(r"tf-doctor: (error|warning): (TFD605)", result.err))
    found = run("tf-doctor", "check", "-n", "env", "--json", subdir=ALIVE).json()["findings"]
    assert before, result.err
    assert before == {(f["severity"], f["code"]) for f in found if f["code"] == "TFD605"}, (result.err, found)


def test_what_prune_takes_away_is_said(
    conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path], tmp_path: Path
) -> None:
    make_env("env", "python=3.10", "tensorflow=2.10", "protobuf=3.20", channels=("inhouse",))
    file = tmp_path / "environment.yml"
    file.write_text("name: env\ndependencies: [python=3.10, attrs]\n", encoding="utf-8")
    result = run("env", "update", "-f", file, "--prune", mode="block")
    assert result.rc == 0, result
    assert "tf-doctor: warning: tensorflow 2.10.0 is removed; nobody asked for that." in result.err


def test_the_cuda_of_pips_tensorflow_that_prune_takes_away_is_said(
    run: Callable[..., Result], make_env: Callable[..., Path], tmp_path: Path
) -> None:
    prefix = build("pip 2.10 with CUDA", make_env)
    file = tmp_path / "environment.yml"
    file.write_text("name: env\ndependencies: [python=3.10, numpy=1.26, h5py, protobuf=3.20]\n", encoding="utf-8")
    result = run("env", "update", "-f", file, "--prune", mode="block")
    assert result.rc == 0, result
    assert not {"cudatoolkit", "cudnn"} & installed(prefix).keys()
    assert re.findall(r"tf-doctor: warning: (.*)", result.err) == [
        "cudatoolkit 11.2.2 and cudnn 8.1.0.77, with which tensorflow 2.10.0 could use a GPU, are removed: it will run "
        "on the CPU."
    ]


FLAGS = ("--dry-run", "--json", "--quiet", "--no-deps", "--freeze-installed", "--download-only")


@pytest.mark.parametrize("flag", FLAGS)
def test_flags(
    flag: str, run: Callable[..., Result], make_env: Callable[..., Path], record: Callable[..., None]
) -> None:
    prefix = build("pip 2.10 with CUDA", make_env)
    before = snapshot(prefix)
    command = ("install", "-y", "-n", "env", "numpy=2", flag)
    warned = run(*command, "--dry-run")
    assert warned.rc == 0, warned
    assert said(warned, "TFD603") == 1, warned.err
    blocked = run(*command, mode="block")
    record(f"11 {flag}", "warn", warned)
    record(f"11 {flag}", "block", blocked)
    assert blocked.rc == 1, blocked
    assert snapshot(prefix) == before
    if flag == "--json":
        document = blocked.json()
        assert document["exception_name"] == "TensorFlowConflictError"
        assert [finding["code"] for finding in document["findings"]] == ["TFD603"]
        assert document["conflicts"] == ["numpy=2"]
        assert warned.json()["dry_run"] is True
    else:
        assert "TFD603" in blocked.err


def test_quiet_drops_warnings_and_keeps_errors(run: Callable[..., Result], make_env: Callable[..., Path]) -> None:
    build("pip 2.10 with CUDA", make_env)
    command = ("install", "-y", "-n", "env", "--dry-run", "cudatoolkit=11.8", "numpy=2")
    loud, quiet = run(*command), run(*command, "--quiet")
    assert (said(loud, "TFD301"), said(loud, "TFD603")) == (1, 1), loud.err
    assert (said(quiet, "TFD301"), said(quiet, "TFD603")) == (0, 1), quiet.err


def test_two_transactions_at_once(conda: Conda, make_env: Callable[..., Path]) -> None:
    healthy = make_env("healthy", "python=3.10", "numpy=1.26")
    broken = make_env("broken", "python=3.10", "numpy=1.26")
    pip_install_tensorflow(broken, "2.15.0", stack={"numpy": None})
    environ = conda.environ({"CONDA_PLUGINS_TF_DOCTOR_MODE": "block"})
    runs = [
        subprocess.Popen(
            [conda.python, "-m", "conda", "install", "-y", "-q", "-p", prefix, "numpy=2"],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for prefix in (healthy, broken)
    ]
    outputs = [process.communicate(timeout=300) for process in runs]
    assert runs[0].returncode == 0, outputs[0]
    assert installed(healthy)["numpy"].startswith("2.")
    assert runs[1].returncode == 1, outputs[1]
    assert "TensorFlowConflictError" in outputs[1][1]
    assert installed(broken)["numpy"].startswith("1.26")


@pytest.mark.parametrize("how", ["conda-meta/pinned", "pinned_packages"])
@pytest.mark.parametrize(
    ("pin", "agrees"), [("numpy >=1.22", True), ("numpy 2.*", False)], ids=["agreeing", "disagreeing"]
)
def test_the_users_own_pins_hold(
    how: str,
    pin: str,
    agrees: bool,
    conda: Conda,
    run: Callable[..., Result],
    make_env: Callable[..., Path],
    record: Callable[..., None],
) -> None:
    prefix = build("pip 2.15 alone", make_env)
    if how == "pinned_packages":
        conda.write_condarc(f"pinned_packages: ['{pin}']")
    else:
        (prefix / "conda-meta" / "pinned").write_text(f"# mine\n{pin}\n", encoding="utf-8")
    result = run("install", "-y", "-n", "env", "scipy", mode="repair")
    record(f"13 {how}: {pin}", "repair", result)
    if agrees:
        assert result.rc == 0, result
        assert conda_contains(">=1.22,<2", installed(prefix)["numpy"]), result.err
    else:
        assert result.rc == 1, result
        assert f"{pin} (pinned)" in result.err, result.err
        assert "numpy" not in installed(prefix)
    if how == "conda-meta/pinned":
        assert (prefix / "conda-meta" / "pinned").read_text(encoding="utf-8") == f"# mine\n{pin}\n"


def test_mode_of_the_condarc_and_silenced_rules(
    conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    build("pip 2.10 with CUDA", make_env)
    conda.write_condarc("plugins:\n  tf_doctor_mode: block\n  tf_doctor_ignore: [TFD301, numpy-abi]\n")
    command = ("install", "-y", "-n", "env", "--dry-run", "cudatoolkit=11.8")
    assert conda.run(*command).rc == 0
    conda.write_condarc("plugins:\n  tf_doctor_mode: block\n")
    assert conda.run(*command).rc == 1
    assert run(*command, mode="disabled").rc == 0

"""What users do, on every conda and solver, in every mode. The table at the end of a run comes from here."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conda_tf_doctor.subdirs import this_platform
from conda_tf_doctor.versions import conda_contains, parse_matchspec
from tests.guard.worlds import WORLDS, build, planned
from tools.condas import Conda, Result

MODES = ("warn", "block", "repair")
LOSSES = re.compile(r"^tf-doctor: warning: (?!TFD)(.*)", re.M)
CODES = re.compile(r"^tf-doctor: (?:error|warning): (TFD\d+)", re.M)


class Scenario(NamedTuple):
    """A transaction and what the guard has to make of it.

    Attributes:
        world: Which environment it meets.
        command: Conda's arguments.
        codes: What `warn` says.
        also: What it may say beside that: companions of the same transaction, which the knowledge tables may refine.
        stops: Whether `block` refuses.
        works: What the command that `block` names asks for; empty where there is none.
        repaired: Versions that `repair` brings (MatchSpec's version part); empty where it refuses.
        conflict: The request that `repair` names where it refuses.
        lost: What every mode says is taken away without having been asked for; several where the solver has a choice.
    """

    world: str
    command: str
    codes: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    stops: bool = True
    works: tuple[str, ...] = ()
    repaired: dict[str, str] = {}
    conflict: str = ""
    lost: str | tuple[str, ...] = ""


def codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


SCENARIOS = {
    "1 create": Scenario(
        "nothing",
        "create -n env -c inhouse tensorflow=2.10 cudatoolkit cudnn",
        codes("TFD201 TFD301 TFD604"),
        works=("cudatoolkit=11.2", "cudnn", "python>=3.7,<3.11", "tensorflow=2.10"),
        repaired={"tensorflow": "2.10.*", "python": "<3.11", "cudatoolkit": "11.2.*", "cudnn": "8.*", "protobuf": "<4"},
    ),
    "1 more than was declared": Scenario(
        "nothing",
        "create -n env -c inhouse tensorflow=2.10 python=3.10 protobuf>=3.20",
        codes("TFD604"),
        works=("protobuf>=3.20,<4",),
        repaired={"tensorflow": "2.10.*", "protobuf": "3.20.*"},
    ),
    "2 install cudatoolkit=11.8": Scenario(
        "pip 2.10 with CUDA",
        "install cudatoolkit=11.8",
        codes("TFD301"),
        works=("cudatoolkit=11.2",),
        conflict="cudatoolkit=11.8",
    ),
    "2 update cudatoolkit": Scenario(
        "pip 2.10 with CUDA",
        "update cudatoolkit",
        codes("TFD301"),
        works=("cudatoolkit=11.2",),
        repaired={"cudatoolkit": "11.2.*", "cudnn": "8.1.*"},
    ),
    "2 update --all": Scenario(
        "pip 2.10 with CUDA",
        "update --all",
        codes("TFD301 TFD303 TFD603 TFD604"),
        codes("TFD611"),
        works=("--update-all", "cudatoolkit=11.2", "cudnn=8.1", "numpy>=1.20,<2"),
        repaired={"cudatoolkit": "11.2.*", "cudnn": "8.1.*", "numpy": "<2", "protobuf": "<4"},
    ),
    "2 drags cudnn 8.9": Scenario("pip 2.10 with CUDA", "install -c inhouse somepackage cudnn=8", stops=False),
    "2 drags CUDA and cuDNN": Scenario(
        "pip 2.10 alone",
        "install -c inhouse somepackage",
        codes("TFD303"),
        codes("TFD301"),
        works=("cudnn>=8.1,<9", "somepackage"),
        repaired={"somepackage": "", "cudnn": ">=8.9,<9", "cudatoolkit": "11.2.*"},
    ),
    "2 drags cudnn 9": Scenario(
        "pip 2.10 with CUDA", "install -c inhouse newerpackage", codes("TFD301 TFD303"), conflict="newerpackage"
    ),
    "3 update --all": Scenario(
        "pip 2.15",
        "update --all",
        codes("TFD603 TFD605"),
        codes("TFD611"),
        works=("--update-all", "keras==2.15.0", "numpy==1.26.4"),
        repaired={"numpy": "<2", "keras": "<3"},
    ),
    "3 install scipy": Scenario(
        "pip 2.15 alone",
        "install scipy",
        codes("TFD603"),
        codes("TFD606 TFD611"),
        works=("scipy",),
        repaired={"numpy": "<2", "scipy": ""},
    ),
    "3 over pip's own": Scenario(
        "pip 2.15 alone",
        "install keras numpy protobuf",
        codes("TFD603 TFD605"),
        codes("TFD611"),
        works=("keras=2.15", "protobuf"),
        repaired={"keras": "2.15.*", "numpy": "<2", "protobuf": ""},
    ),
    "3 needs numpy 2": Scenario(
        "pip 2.15", "install -c inhouse somestats", codes("TFD603"), codes("TFD605 TFD611"), conflict="somestats"
    ),
    "4 python=3.12, conda": Scenario(
        "in-house 2.10", "install -c inhouse python=3.12", codes("TFD201"), codes("TFD604"), conflict="python=3.12"
    ),
    "4 python=3.12, pip": Scenario(
        "pip 2.10 with CUDA",
        "install python=3.12",
        codes("TFD201"),
        codes("TFD603 TFD604 TFD611"),
        works=("python=3.10",),
        conflict="python=3.12",
    ),
    "4 python=3.11, pip": Scenario("pip 2.15 alone", "install python=3.11", codes("TFD201"), stops=False),
    "5 older vc14_runtime": Scenario(
        "win pip 2.19", "install -c inhouse oldgraphics", codes("TFD402"), conflict="oldgraphics"
    ),
    "5 only vs2015_runtime": Scenario(
        "win pip 2.10, defaults",
        "install -c inhouse -c defaults --override-channels legacytool",
        codes("TFD402"),
        conflict="legacytool",
    ),
    "5 CUDA beside 2.15": Scenario(
        "win pip 2.15", "install cudatoolkit=11.2 cudnn=8.1", codes("TFD305"), conflict="cudatoolkit=11.2"
    ),
    "5 cudnn 8.4": Scenario(
        "win pip 2.10 with CUDA",
        "install -c inhouse cudnn=8.4",
        codes("TFD307"),
        works=("cudnn=8.4", "libzlib-wapi"),
        repaired={"cudnn": "8.4.*", "libzlib-wapi": ""},
    ),
    "6 remove cudnn": Scenario("pip 2.10 with CUDA", "remove cudnn", codes("TFD304"), stops=False),
    "6 remove tensorflow": Scenario("in-house 2.10", "remove tensorflow", stops=False),
    "6 remove --all": Scenario("in-house 2.10", "remove --all", stops=False),
    "6 remove numpy": Scenario(
        "conda 2.10, GPU",
        "remove numpy",
        stops=False,
        lost="tensorflow 2.10.0 is removed with numpy; nobody asked for that.",
    ),
    "6 remove --force numpy": Scenario(
        "conda 2.10, GPU",
        "remove --force numpy",
        stops=False,
        lost="tensorflow-base 2.10.0 depends on numpy, which is removed.",
    ),
    "6 remove python": Scenario(
        "conda 2.10, GPU",
        "remove python",
        stops=False,
        lost="tensorflow 2.10.0 is removed with python; nobody asked for that.",
    ),
    "6 remove a library far below": Scenario(
        "conda 2.10, GPU",
        "remove libgcc-ng",
        stops=False,
        lost="tensorflow 2.10.0 is removed with libgcc-ng; nobody asked for that.",
    ),
    "6 remove python, pip's": Scenario(
        "pip 2.10 alone",
        "remove python",
        stops=False,
        lost="tensorflow 2.10.0 stays behind without Python: nothing can import it.",
    ),
    "6 remove cudatoolkit, pip's": Scenario(
        "pip 2.10 with CUDA",
        "remove cudatoolkit",
        stops=False,
        lost="cudatoolkit 11.2.2 and cudnn 8.1.0.77, with which tensorflow 2.10.0 could use a GPU, are removed with "
        "cudatoolkit: it will run on the CPU.",
    ),
    "6 remove what is TensorFlow's": Scenario("conda 2.10, GPU", "remove tensorflow-base", stops=False),
    "14 no room": Scenario(
        "conda 2.10, GPU",
        "install numpy=2",
        stops=False,
        lost="tensorflow 2.10.0 is removed because of numpy=2; nobody asked for that.",
    ),
    "14 another build": Scenario("conda 2.10, GPU", "install tensorflow=*=cpu*", stops=False),
    "14 over pip's": Scenario(
        "pip 2.10 alone",
        "install tensorflow-probability",
        also=codes("TFD607"),
        stops=False,
        lost="conda's tensorflow 2.19.1 is written over pip's tensorflow 2.10.0 because of tensorflow-probability.",
    ),
    "14 as asked": Scenario("pip 2.10 alone", "install tensorflow", stops=False),
    "9 broken, unrelated": Scenario("pip 2.10 beside numpy 2", "install attrs", stops=False),
    "9 broken, related": Scenario("pip 2.10 beside numpy 2", "install libstdcxx-ng=13", stops=False),
    "9 repairs": Scenario("pip 2.10 beside numpy 2", "install numpy=1.26", stops=False),
    "9 worse": Scenario(
        "pip 2.10 beside numpy 2", "install python=3.12", codes("TFD201"), codes("TFD611"), conflict="python=3.12"
    ),
    "10 no TensorFlow": Scenario("plain", "install numpy cudatoolkit", stops=False),
    "10 unrelated": Scenario("pip 2.10 with CUDA", "install attrs", stops=False),
}

# Where another solver than classic finds another way: what it takes instead, and what the guard then has to make of it.
_CPU = (
    "tensorflow 2.10.0 (cuda112py310he87a039_0) becomes a build without CUDA (cpu_py310h6cb4fa2_3) because of numpy=2"
)
OTHER_SOLVERS = {
    ("libmamba", "14 no room"): {"lost": (f"{_CPU}: it will run on the CPU.", SCENARIOS["14 no room"].lost)},
    # It keeps cudnn, and moves it to the one that goes without cudatoolkit.
    ("libmamba", "6 remove cudatoolkit, pip's"): {"lost": "", "codes": codes("TFD301 TFD303")},
    ("rattler", "6 remove cudatoolkit, pip's"): {"lost": "", "codes": codes("TFD301 TFD303")},
}


def _environment_option(scenario: Scenario) -> list[str]:
    words = scenario.command.split()
    return words if "-n" in words else [words[0], "-n", "env", *words[1:]]


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(
    name: str,
    conda: Conda,
    run: Callable[..., Result],
    make_env: Callable[..., Path],
    record: Callable[..., None],
) -> None:
    scenario = SCENARIOS[name]._replace(**OTHER_SOLVERS.get((conda.solver, name), {}))
    prefix = build(scenario.world, make_env) if scenario.world != "nothing" else conda.prefix("env")
    subdir = WORLDS[scenario.world].subdir or None
    for mode in MODES:
        result = run(*_environment_option(scenario), "--dry-run", "--yes", "--json", mode=mode, subdir=subdir)
        record(name, mode, result)
        said = frozenset(CODES.findall(result.err))
        lost = scenario.lost if isinstance(scenario.lost, tuple) else (scenario.lost,)
        assert LOSSES.findall(result.err) in [[sentence] if sentence else [] for sentence in lost], (mode, result.err)
        if mode == "warn" or not scenario.stops:
            assert result.rc == 0, (mode, result)
            assert scenario.codes <= said <= scenario.codes | scenario.also, (mode, result.err)
            assert result.json()["success"] is True
        elif mode == "repair" and scenario.repaired:
            assert result.rc == 0, (mode, result)
            assert not said & scenario.codes, (mode, result.err)
            _is_repaired(scenario, planned(prefix, result.json()), result)
        else:
            assert result.rc == 1, (mode, result)
            document = result.json()
            _is_refused(scenario, document)
            if document["command"]:
                done = run(*document["command"][1:], "--dry-run", "--yes", "--json", mode="block", subdir=subdir)
                assert done.rc == 0, (document["command"], done)
                _is_what_was_asked(scenario, planned(prefix, done.json()), document["conflicts"])


def _is_repaired(scenario: Scenario, final: dict[str, str], result: Result) -> None:
    wanted = scenario.repaired.items()
    wrong = {n: final.get(n) for n, spec in wanted if n not in final or not conda_contains(spec, final[n])}
    assert not wrong, result.err
    assert "solved again with" in result.err


def _is_what_was_asked(scenario: Scenario, final: dict[str, str], conflicts: list[str]) -> None:
    """A command that works brings every request that does not stand in the way, in the version that was asked for."""
    words = scenario.command.split()
    skip = {words.index(option) + 1 for option in ("-n", "-c") if option in words}
    for number, word in enumerate(words[1:], 1):
        spec = parse_matchspec(word)
        if number not in skip and not word.startswith("-") and word not in conflicts:
            version = f"={spec.version}" if spec.version[:1].isdigit() else spec.version
            assert spec.name in final and conda_contains(version, final[spec.name]), (word, final.get(spec.name))


def _is_refused(scenario: Scenario, document: dict[str, Any]) -> None:
    assert document["exception_name"] == "TensorFlowConflictError", document
    stopping = {finding["code"] for finding in document["findings"]}
    assert scenario.codes <= stopping <= scenario.codes | scenario.also, document
    missing = [word for word in scenario.works if word not in document["command"]]
    assert not missing, document["command"]
    if scenario.conflict:
        assert any(scenario.conflict in conflict for conflict in document["conflicts"]), document
        assert scenario.conflict in document["message"], document["message"]


def test_cuda_beside_a_build_for_the_cpu(run: Callable[..., Result], make_env: Callable[..., Path]) -> None:
    """Nothing breaks, so nothing is refused; who asked for repair gets the build that uses what he asked for."""
    prefix = build("conda 2.10, CPU", make_env)
    for mode in ("warn", "block"):
        result = run("install", "-n", "env", "cudatoolkit=11.8", "--dry-run", "--yes", "--json", mode=mode)
        assert result.rc == 0, (mode, result)
        assert CODES.findall(result.err) == ["TFD301"], (mode, result.err)
        assert "tensorflow" not in {record["name"] for record in result.json()["actions"]["LINK"]}
    result = run("install", "-n", "env", "cudatoolkit=11.8", "--dry-run", "--yes", "--json", mode="repair")
    assert result.rc == 0, result
    assert "solved again with 'tensorflow 2.10.0 *cuda*' because of TFD301" in result.err
    assert not CODES.findall(result.err), result.err
    assert planned(prefix, result.json())["cudatoolkit"] == "11.8.0"
    (linked,) = [record for record in result.json()["actions"]["LINK"] if record["name"] == "tensorflow"]
    assert linked["version"] == "2.10.0"
    assert linked["build_string"].startswith("cuda112")


def test_a_driver_too_old_for_the_build_that_was_solved(run: Callable[..., Result]) -> None:
    """The rattler solver takes the build for the CPU by itself, the classic one that for CUDA 12."""
    create = ("create", "-n", "env", "tensorflow", "--dry-run", "--yes", "--json")
    old = {"CONDA_OVERRIDE_CUDA": "11.2"}
    refused = run(*create, mode="block", env=old)
    if refused.rc:
        assert [finding["code"] for finding in refused.json()["findings"]] == ["TFD306"]
        create = (*refused.json()["command"][1:], "--dry-run", "--yes", "--json")
        assert run(*create, mode="block", env=old).rc == 0
    repaired = run("create", "-n", "env", "tensorflow", "--dry-run", "--yes", "--json", mode="repair", env=old)
    for result in (run(*create, mode="block", env=old), repaired):
        assert result.rc == 0, result
        assert not CODES.findall(result.err), result.err
        (linked,) = [record for record in result.json()["actions"]["LINK"] if record["name"] == "tensorflow"]
        assert linked["build_string"].startswith("cpu"), linked


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("conda-forge::cudatoolkit", "conda-forge::cudatoolkit=11.2"),
        ("conda-forge::cudatoolkit>=11", "conda-forge::cudatoolkit>=11,11.2.*"),
        ("cudatoolkit[version='>=11']", "cudatoolkit>=11,11.2.*"),
    ],
)
def test_the_command_keeps_the_channel_that_was_asked_for(
    asked: str, named: str, registry_run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    build("pip 2.10 with CUDA", make_env)
    refused = registry_run("install", "-n", "env", asked, "--dry-run", "-y", "--json", mode="block")
    command = refused.json()["command"]
    assert command[-1] == named
    assert registry_run(*command[1:], "--dry-run", "-y", "--json", mode="block").rc == 0


def test_the_command_keeps_the_options(registry_run: Callable[..., Result]) -> None:
    options = ("-c", "inhouse", "--subdir", "win-64", "--strict-channel-priority", "--solver", "classic")
    refused = registry_run("create", "-n", "env", *options, "tensorflow=2.10", "--dry-run", "--json", mode="block")
    command = refused.json()["command"]
    assert not set(options) - set(command), command
    done = registry_run(*command[1:], "--dry-run", "--json", mode="block")
    assert done.rc == 0, done
    assert {record["platform"] for record in done.json()["actions"]["LINK"]} == {"win-64", "noarch"}


def test_the_command_names_the_platform_that_only_a_variable_names(registry_run: Callable[..., Result]) -> None:
    other = "win-64" if this_platform() != "win-64" else "linux-64"
    asked = ("create", "-n", "env", "-c", "inhouse", "tensorflow=2.10", "--dry-run", "--json")
    refused = registry_run(*asked, mode="block", subdir=other)
    command = refused.json()["command"]
    assert command[command.index("--subdir") + 1] == other
    done = registry_run(*command[1:], "--dry-run", "--json", mode="block")
    assert done.rc == 0, done
    assert {record["platform"] for record in done.json()["actions"]["LINK"]} == {other, "noarch"}
    here = registry_run(*asked, mode="block", subdir=this_platform()).json()
    assert here["command"] and "--subdir" not in here["command"]


@pytest.mark.parametrize(
    "options",
    [
        "-c conda-forge -c inhouse --repodata-fn repodata.json --override-channels --use-index-cache --no-pin --copy"
        " --force-reinstall --insecure --no-shortcuts",
        "--prune --freeze-installed",
        "--update-specs",
        "--update-deps",
        "--update-all",
        "--override-frozen",
    ],
)
def test_the_command_keeps_what_changes_the_outcome(
    options: str, conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    if options == "--override-frozen" and not conda.has_transaction_hooks:
        options = "--no-pin"  # before 25.5 no environment is frozen
    if options == "--update-deps" and conda.solver == "rattler" and sys.platform == "win32":
        pytest.skip("rattler solves twice for it, and conda's own second fetch fails on Windows (WinError 183)")
    prefix = build("pip 2.10 with CUDA", make_env)
    # --use-index-cache wants one to be there.
    assert run("install", "-n", "env", "-c", "inhouse", "attrs", "--dry-run", "--json", mode="disabled").rc == 0
    words = options.split()
    refused = run("install", "-n", "env", *words, "cudatoolkit=11.8", "attrs", "--dry-run", "--json", mode="block")
    assert refused.rc == 1, refused
    command = refused.json()["command"]
    assert " ".join(command).count(options) == 1, command
    specs = [word for word in command[4:] if not word.startswith("-") and word not in words]
    # What is merely installed is not asked for, whatever the solver has been told of it.
    assert {parse_matchspec(spec).name for spec in specs} <= {"cudatoolkit", "attrs", "cudnn", "numpy", "protobuf"}
    done = run(*command[1:], "--dry-run", "--json", mode="block")
    assert done.rc == 0, (command, done)
    assert planned(prefix, done.json())["cudatoolkit"].startswith("11.2")


def test_the_command_of_an_update_does_not_freeze(
    registry_run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    build("pip 2.10 with CUDA", make_env)
    refused = registry_run("update", "-n", "env", "cudatoolkit", "--dry-run", "--json", mode="block")
    assert refused.json()["command"] == ["conda", "install", "-n", "env", "--update-specs", "cudatoolkit=11.2"]


def test_the_command_holds_no_token(registry_run: Callable[..., Result], make_env: Callable[..., Path]) -> None:
    build("pip 2.10 with CUDA", make_env)
    channel = "https://channels.invalid/t/tk-0123456789/ours"
    options = ("-c", channel, "--offline", "--dry-run", "--json")
    refused = registry_run("install", "-n", "env", *options, "cudatoolkit=11.8", mode="block")
    assert refused.rc == 1, refused
    assert "0123456789" not in refused.out + refused.err
    assert "https://channels.invalid/t/<token>/ours" in refused.json()["command"]
    assert "fill in your token" in refused.json()["message"]


@pytest.mark.parametrize("mode", ["block", "repair"])
def test_build_strings_are_merged(mode: str, run: Callable[..., Result]) -> None:
    """`tensorflow=*=cuda*` with a driver for CUDA 11: the build for the CPU is not what was asked for."""
    asked = ("create", "-n", "env", "tensorflow=*=cuda*", "--dry-run", "--json")
    old = {"CONDA_OVERRIDE_CUDA": "11.4"}
    result = run(*asked, mode=mode, env=old)
    if result.rc:
        document = result.json()
        assert (mode, document["exception_name"]) == ("block", "TensorFlowConflictError")
        assert document["conflicts"] == []
        assert document["command"][-2:] == ["cudatoolkit<12", "tensorflow=*=cuda*"]
        result = run(*document["command"][1:], "--dry-run", "--json", mode=mode, env=old)
    assert result.rc == 0, result
    (linked,) = [record for record in result.json()["actions"]["LINK"] if record["name"] == "tensorflow"]
    assert linked["build_string"].startswith("cuda11"), linked


@pytest.mark.parametrize("mode", ["block", "repair"])
def test_a_request_that_no_build_answers(mode: str, run: Callable[..., Result]) -> None:
    """No TensorFlow is built for a GPU and for a driver this old: what is refused stays refused, and nothing else."""
    asked = ("create", "-n", "env", "tensorflow=2.19=cuda*", "--dry-run", "--json")
    result = run(*asked, mode=mode, env={"CONDA_OVERRIDE_CUDA": "10.0"})
    assert result.rc == 1, result
    document = result.json()
    if document["exception_name"] == "TensorFlowConflictError":
        assert [finding["code"] for finding in document["findings"]] == ["TFD306"]
        assert document["command"] == []
        assert "goes on" not in result.err + document["message"]

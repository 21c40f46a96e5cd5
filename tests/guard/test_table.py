"""The table of transactions and generated ones beside it, on every conda and solver, in every mode.

The suite runs a sample; `python3 dev.py test tests/guard/test_table.py --all-scenarios` runs all of it.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.versions import conda_contains, parse_matchspec
from tests import shells
from tests.guard.table import SAMPLE, Row, rows
from tests.guard.worlds import WORLDS, build, moved, planned
from tools.condas import Conda, Result

MODES = ("warn", "block", "repair")
CODES = re.compile(r"^tf-doctor: (error|warning): (TFD\d+)", re.M)
GENERATED = range(60)
ROWS = rows()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the sample, or all of it."""
    everything = metafunc.config.getoption("--all-scenarios")
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", ROWS if everything else SAMPLE)
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", GENERATED if everything else [7, 21])


class World:
    """An environment, and conda's commands in it, without doing anything."""

    def __init__(self, row: Row, run: Callable[..., Result], prefix: Path, folder: Path) -> None:
        self.run, self.prefix, self.subdir = run, prefix, WORLDS[row.world].subdir or None
        kind, _, value = row.around.partition("=")
        self.env = {"CONDA_OVERRIDE_CUDA": value} if kind == "cuda" else {}
        self.files: list[str | Path] = []
        self.file = folder / "environment.yml"
        if kind == "pin":
            (prefix / "conda-meta" / "pinned").write_text(f"{value}\n", encoding="utf-8")
        if kind == "file":
            self.file.write_text(f"name: env\nchannels: [conda-forge]\ndependencies: {value}\n", encoding="utf-8")
            self.files = ["-f", self.file]
        words = row.command.split()
        self.typed = [*words[: 2 if words[0] == "env" else 1], "-n", "env", *self.files]
        self.typed += words[2 if words[0] == "env" else 1 :]
        if "--clone" in words:
            self.typed = ["create", "-n", "copy", "--clone", "env"]
        specs = value.strip("[]").split(",") if kind == "file" else words[1:]
        skip = {number for number, word in enumerate(specs) if number and specs[number - 1] in ("-c", "--repodata-fn")}
        self.requests = [
            word.strip() for number, word in enumerate(specs) if number not in skip and not word.startswith("-")
        ]

    def asked(self, mode: str, *typed: str | Path) -> Result:
        return self.run(*(typed or self.typed), *self.options(typed), mode=mode, env=self.env, subdir=self.subdir)

    def options(self, typed: tuple[str | Path, ...] = ()) -> list[str]:
        # `env update` knows neither dry runs nor a document before 26, and a clone is judged at the transaction alone:
        # they are really done, in a copy.
        words = typed or self.typed
        if words[0] in ("env", "tf-doctor"):
            return []
        return ["--yes"] if "--clone" in words else ["--dry-run", "--yes", "--json"]


@pytest.fixture
def make_world(
    conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path], tmp_path: Path
) -> Callable[[Row], World]:
    """`make_world(row)`: the environment of a row, and the row's command in it."""

    def make(row: Row) -> World:
        prefix = build(row.world, make_env) if row.world != "nothing" else conda.prefix("env")
        return World(row, run, prefix, tmp_path)

    return make


def _refusal(world: World, result: Result) -> dict[str, Any]:
    """Return a refusal as a document, also where the command writes none."""
    assert result.rc == 1, result
    if "--json" in world.options():
        document = result.json()
        assert document["exception_name"] == "TensorFlowConflictError", document
        return document  # type: ignore[no-any-return]
    assert "TensorFlowConflictError: this would break" in result.err, result
    conflict = re.search(r"honours the request (.*?)(?:: | and |\.$)", result.err, re.M)
    return {"message": result.err, "command": [], "conflicts": [conflict.group(1)] if conflict else []}


def _named_command_works(world: World, document: dict[str, Any]) -> None:
    """Run what a refusal names: it is not refused again, and brings whatever does not stand in the way."""
    command = document["command"]
    if not command:
        return
    done = world.asked("block", *command[1:])
    assert done.rc == 0, (command, done)
    # Conda's classic solver says on standard output what constricts an update, also with --json.
    _brings(world, json.loads(done.out[done.out.index("{") :]), document["conflicts"])


def _corrected_file_works(world: World, told: str) -> None:
    """Do to the file what a refusal says of it: then it is not refused again."""
    command = re.search(r"^This would work: conda (tf-doctor fix --file .*)$", told, re.M)
    specs = re.search(r"^The file .* would work with: (.*)\. Write that into it, and", told, re.M)
    if command:
        corrected = world.asked("block", *shells.words(command.group(1)), "--yes")
        assert corrected.rc == 0, (command.group(), corrected)
    elif specs:
        entries = "".join(f"\n- {json.dumps(spec)}" for spec in specs.group(1).split(", "))
        text = re.sub(r"dependencies: .*", f"dependencies:{entries}", world.file.read_text(encoding="utf-8"))
        world.file.write_text(text, encoding="utf-8")
    if command or specs:
        done = world.asked("block")
        assert done.rc == 0, (told, world.file.read_text(encoding="utf-8"), done)


def _brings(world: World, document: dict[str, Any], conflicts: Iterable[str] = ()) -> None:
    """Hold what will be there to what was asked for, but for what stands in the way."""
    final = planned(world.prefix, document)
    builds = {record["name"]: record["build_string"] for record in moved(document, "LINK")}
    for request in world.requests:
        spec = parse_matchspec(request.rpartition("::")[2])
        version = f"={spec.version}" if spec.version[:1].isdigit() else spec.version
        if not any(spec.name in conflict for conflict in conflicts):
            assert spec.name in final and conda_contains(version, final[spec.name]), (world.typed, request, final)
            assert fnmatchcase(builds.get(spec.name, spec.build), spec.build or "*"), (world.typed, request, builds)


def _sound(result: Result) -> None:
    assert "Traceback" not in result.err + result.out, result
    assert "the guard failed" not in result.err, result.err
    assert "gave up" not in result.err, result.err


@pytest.mark.parametrize("mode", MODES)
def test_table(
    name: str, mode: str, conda: Conda, make_world: Callable[[Row], World], record: Callable[..., None]
) -> None:
    row = ROWS[name]
    if "--clone" in row.command and not conda.has_transaction_hooks:
        row = row._replace(says=frozenset(), also=frozenset(), block="goes", repair="goes")
    world = make_world(row)
    result = world.asked(mode)
    record(name, mode, result)
    _sound(result)
    if conda.solver == "rattler" and ("::" in row.command + row.around or row.around == "cuda=10.2"):
        # It knows no channel that is a folder by its name, and refuses what the driver does not run by itself: what
        # conda itself cannot do, nobody judges.
        assert "RattlerUnsatisfiableError" in result.out + result.err, result
        return
    found = CODES.findall(result.err)
    outcome = "goes" if mode == "warn" else getattr(row, mode)
    if outcome == "refuses" or (outcome == "either" and result.rc):
        document = _refusal(world, result)
        assert row.conflict in " ".join(document["conflicts"]), document
        _named_command_works(world, document)
        _corrected_file_works(world, document["message"])
        return
    assert result.rc == 0, result
    if "solved again" not in result.err:
        assert row.says <= {code for _, code in found} <= row.says | row.also, result.err
        # A solver that keeps TensorFlow by moving it to another version loses nothing.
        if row.lost and "tensorflow" not in planned(world.prefix, result.json()):
            assert f"tf-doctor: warning: {row.lost}" in result.err, result.err
    if mode == "repair" and "remove" not in row.command:
        assert not {code for severity, code in found if severity == "error"}, result.err


NAMES = {
    "cudatoolkit": ("", "=11.2", "=11.8", ">=11", "=11.2.2=h*"),
    "cudnn": ("", "=8.1", "=8.9", ">=8", "=9.3"),
    "numpy": ("", "=2", "=1.26", ">=1.22", "[version='>=1.24|2.*']"),
    "protobuf": ("", "=3.20", "=4", "=5.28"),
    "keras": ("", "=2.10", "=3"),
    "python": ("=3.10", "=3.11", "=3.12"),
    "scipy": ("", "=1.11"),
    "pandas": ("",),
    "h5py": ("",),
    "attrs": ("",),
    "xz": ("=5.6",),
    "somestats": ("",),
    "tensorflow": ("=2.10", "=2.10=cuda*", "=2.15", "=*=cpu*"),
}
OPTIONS = ("", "", "", "--no-pin", "--freeze-installed", "--update-specs", "--update-deps", "--strict-channel-priority")


def generated(seed: int) -> Row:
    """Return a transaction of several requests, with options, drivers, pins and files mixed in."""
    chance = random.Random(seed)
    world = chance.choice([name for name in WORLDS if not name.startswith(("win", "plain"))])
    picked = chance.sample(sorted(NAMES), chance.choice([1, 2, 2, 3]))
    specs = [name + chance.choice(NAMES[name]) for name in picked]
    if world == "nothing" and "tensorflow" not in picked:
        specs.append("tensorflow=2.10")
    verb = "create" if world == "nothing" else chance.choice(["install", "install", "install", "update"])
    channels = "-c inhouse " if chance.random() < 0.5 or world == "in-house 2.10" else ""
    option = chance.choice(OPTIONS)
    around = chance.choice(["", "", "cuda=11.4", "cuda=12.0", "pin=numpy <2", "pin=cudatoolkit 11.2.*"])
    if verb == "update":
        specs, option = (
            sorted({re.split("[=<>[]", spec)[0] for spec in specs}),
            option.replace("--freeze-installed", ""),
        )
    if world == "nothing" and (around.startswith("pin") or option not in ("", "--strict-channel-priority")):
        around, option = "", ""
    command = " ".join(f"{verb} {channels}{option} {' '.join(specs)}".split())
    return Row(world, around, command, frozenset(), frozenset(), "either", "either", "")


def test_generated(seed: int, make_world: Callable[[Row], World], record: Callable[..., None]) -> None:
    row = generated(seed)
    world = make_world(row)
    without = world.asked("disabled")
    results = {mode: world.asked(mode) for mode in MODES}
    for mode, result in results.items():
        record(f"generated {seed}: {row.world}: {row.command} {row.around}", mode, result)
        _sound(result)
    # What conda itself cannot do, nobody judges.
    assert (results["warn"].rc == 0) == (without.rc == 0), (without, results["warn"])
    if without.rc:
        return
    assert planned(world.prefix, results["warn"].json()) == planned(world.prefix, without.json())
    said = CODES.findall(results["warn"].err)
    block, repair = results["block"], results["repair"]
    if block.rc:
        assert said, results["warn"].err
        _named_command_works(world, _refusal(world, block))
    else:
        assert planned(world.prefix, block.json()) == planned(world.prefix, without.json())
        assert "error" not in {severity for severity, code in said if code != "TFD201"}, results["warn"].err
    if repair.rc:
        assert block.rc, "what block lets through needs no repair"
        _named_command_works(world, _refusal(world, repair))
    else:
        assert "error" not in {severity for severity, _ in CODES.findall(repair.err)}, repair.err
        _brings(world, repair.json())

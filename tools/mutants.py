"""Measures what the tests notice: changes the package's code in one place at a time, and runs the tests that reach it.

The tests are collected once; a dry run tells which of them reach which function; then each mutant lives in
a process of its own, forked from the one that collected, and ends with the first test that notices it. A seed chooses
which of all mutants are tried, so that a figure can be had again.
"""

from __future__ import annotations

import argparse
import builtins
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from .mutation import REACHED, Mutant, apply, mutants, noted, sample

_BINARIES = tuple(
    f"tests/binaries/test_{name}.py"
    for name in ("rules", "rules_linux", "mixed", "beside", "gone_beside", "copies", "cpp_runtime", "missing")
)
# What tries hundreds of generated inputs, and takes as long as all others together.
_BY_CHANCE = (
    "two_hundred_generated", "promises_on_random", "killed_at_each_write", "one_change_will_do", "no_more_changes_than",
    "passes_check", "public_environments", "has_nothing_against_a_recipe",
)  # fmt: skip
# What is changed, and the tests that are near it.
GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "rules": (("rules",), ("tests/rules", *_BINARIES)),
    "context": (
        ("context",),
        ("tests/context", "tests/rules", *_BINARIES, "tests/binaries/test_windows.py", "tests/binaries/test_dlls.py"),
    ),
    "repair": (
        ("repair",),
        (
            "tests/repair",
            *(f"tests/advice/test_{name}.py" for name in ("companions", "laws", "advice")),
            "tests/cli/test_aim.py",
            "tests/rules/test_sources.py",
            # Conda's take minutes, and run this code in processes of their own.
            "-m",
            "not conda and not slow",
            "-k",
            f"not ({' or '.join(_BY_CHANCE)})",
        ),
    ),
}
# A mutant that loops is noticed, too: one whose tests take this many seconds and three times what they took without it.
SECONDS = 120
_NOT_APPLIED = 3
# Of a test: what it reaches, how long it takes, and whether it fails; one that failed is asked again.
_UNKNOWN: tuple[list[str], float, bool] = ([], 0, True)


class Hunt:
    """A pytest plugin that runs the collected tests against mutants instead of once."""

    def __init__(self, chosen: list[Mutant], folders: tuple[str, ...], most: float, kept: Path | None) -> None:
        self.chosen, self.most, self.kept = chosen, most, kept
        self.folders = folders
        self.slow: list[float] = []
        self.lived: list[Mutant] = []
        self.unreached: list[Mutant] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests on every mutant; each in a fork of this process."""
        reached = self._reached(session)
        for place, mutant in enumerate(tuple(self.chosen), 1):
            near = reached.get(f"{mutant.file}:{mutant.function.rpartition('.')[2]}", [])
            lives = not near or self._lives(session, mutant, near)
            if lives:
                (self.lived if near else self.unreached).append(mutant)
            verdict = ("LIVES" if near else "NO TEST") if lives else "killed"
            print(f"{place:4} {verdict:8} {mutant.file}:{mutant.line} {mutant.function}: {mutant.what}", flush=True)
        return True

    def _forked(self, session: pytest.Session, work: Callable[[], int], seconds: int) -> int:
        folder = tempfile.mkdtemp(prefix="mutant-")
        child = os.fork()
        if child == 0:
            status = 2
            try:
                os.setpgid(0, 0)
                reporter = session.config.pluginmanager.getplugin("terminalreporter")
                reporter._tw._file = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
                os.environ["TMPDIR"] = tempfile.tempdir = folder
                signal.alarm(seconds)
                status = work()
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        shutil.rmtree(folder, ignore_errors=True)
        return status

    def _reached(self, session: pytest.Session) -> dict[str, list[int]]:
        """Return which tests reach which function; those that fail already, or take too long, are left out."""
        handle, name = tempfile.mkstemp()
        os.close(handle)
        file = self.kept or Path(name)
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        known: dict[str, tuple[list[str], float, bool]] = json.loads(text or "{}")

        def dry() -> int:
            reached: set[str] = set()
            setattr(builtins, REACHED, reached)
            for mutant_file, function in {(each.file, each.function) for each in mutants(self.folders)}:
                noted(mutant_file, function)
            items = [item for item in session.items if item.nodeid in unknown]
            for item, following in zip(items, [*items[1:], None], strict=True):
                reached.clear()
                began = os.times().elapsed
                failed = session.testsfailed
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                known[item.nodeid] = (sorted(reached), os.times().elapsed - began, session.testsfailed > failed)
                # Now and then, so that a run that is ended goes on where it was.
                if following is None or len(known) % 25 == 0:
                    file.write_text(json.dumps(known), encoding="utf-8")
            return 0

        unknown = {item.nodeid for item in session.items if known.get(item.nodeid, _UNKNOWN)[2]}
        if unknown:
            self._forked(session, dry, 0)
            known = json.loads(file.read_text(encoding="utf-8"))
        os.unlink(name)
        rows = [known[item.nodeid] for item in session.items]
        self.slow = [seconds for _, seconds, _ in rows]
        found: dict[str, list[int]] = {}
        for number in sorted(range(len(rows)), key=self.slow.__getitem__):
            keys, seconds, fails = rows[number]
            for key in keys if seconds <= self.most and not fails else ():
                found.setdefault(key, []).append(number)
        failed, out = sum(row[2] for row in rows), sum(seconds > self.most for seconds in self.slow)
        print(
            f"\n{len(rows)} tests, {failed} fail without any change, {sum(self.slow):.0f} s, {out} too slow", flush=True
        )
        return found

    def _lives(self, session: pytest.Session, mutant: Mutant, near: list[int]) -> bool:
        def run() -> int:
            try:
                apply(mutant)
            except Exception:
                return _NOT_APPLIED
            failed = session.testsfailed
            items = [session.items[number] for number in near]
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed > failed:
                    return 1
            return 0

        usual = sum(self.slow[number] for number in near)
        status = self._forked(session, run, SECONDS + int(3 * usual))
        # One that takes `super()` away has not the cells of the function that it would replace.
        if os.waitstatus_to_exitcode(status) == _NOT_APPLIED:
            self.chosen.remove(mutant)
            return False
        return status == 0


def main(argv: list[str] | None = None) -> int:
    """Hunt mutants of one group and print the figure."""
    parser = argparse.ArgumentParser(prog="dev.py mutants", description=__doc__.splitlines()[0])
    parser.add_argument("group", choices=GROUPS)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--portion", default="1/1", metavar="I/N", help="only the i-th of n parts of them")
    parser.add_argument("--tests", nargs="+", help="other tests than the near ones")
    parser.add_argument(
        "--at-most", type=float, default=60, metavar="SECONDS", help="leave out tests that take longer (60)"
    )
    parser.add_argument(
        "--kept", type=Path, help="file that keeps which test reaches what: only new tests are run for it"
    )
    args = parser.parse_args(argv)
    folders, near = GROUPS[args.group]
    part, parts = map(int, args.portion.split("/"))
    chosen = sample(folders, args.count, args.seed)[part - 1 :: parts]
    hunt = Hunt(chosen, folders, args.at_most, args.kept)
    pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", *(args.tests or near)], [hunt])
    fields = [mutant for mutant in chosen if mutant.field]
    alive = {*hunt.lived, *hunt.unreached}
    killed = len(chosen) - len(alive)
    of_fields = sum(mutant not in alive for mutant in fields)
    percent = f"{100 * killed / max(1, len(chosen)):.0f} %"
    print(f"{args.group}, seed {args.seed}: {killed} of {len(chosen)} killed ({percent}),")
    print(f"of findings' fields {of_fields} of {len(fields)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Takes a repair back: conda by its revision or its records, pip by the files that were kept or the versions it had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from ..binaries.records import read_text
from ..environment.facts import CONDA, PIP, Environment, Package
from ..environment.prefix import read_prefix
from ..names import normalise
from . import children, kept, kept_conda
from . import journal as journals
from .by_pip import pip_command, pip_environ
from .conda import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .conda import Conda
    from .journal import Journal


def record_of(package: Package) -> str:
    """Return ``name=version=build`` with the name as conda spells it."""
    return f"{package.conda_name}={package.version}={package.build}"


def records(env: Environment) -> set[str]:
    """Return every conda package of an environment as ``name=version=build``."""
    return {record_of(p) for p in env.packages if p.manager == CONDA and p.build and p.source.endswith(".json")}


def _named(entry: str) -> tuple[str, str]:
    """Return the normalised name and the version that a dist-info folder's name has."""
    stem, _, version = entry.removesuffix(".dist-info").partition("-")
    return normalise(stem), version


class Back:
    """What a repair and its undoing have in common: how conda and pip are called, and how what they did is taken back.

    Attributes:
        prefix: The environment.
        quiet: Whether pip's own progress goes nowhere.
    """

    prefix: str
    quiet: bool
    _resumed = False
    _user_conda: Conda | None

    @property
    def conda(self) -> Conda:
        """The user's conda, where a step needs it.

        Raises:
            UsageError: There is none.
        """
        return require(self._user_conda)

    def _pip(self, *args: str) -> bool:
        pip = pip_command(self.prefix)
        if not pip:
            return False
        target: Any = subprocess.DEVNULL if self.quiet else sys.stderr
        done = children.run([*pip, *args], pip_environ(), capture=False, output=target)
        return done.returncode == 0

    def _aside(self, journal: Journal) -> str:
        return os.path.join(journal.folder(self.prefix), journals.FILES)

    def _aside_of_conda(self, journal: Journal) -> str:
        return os.path.join(self._aside(journal), "conda")

    def _cleaned(self, journal: Journal) -> None:
        """Clean up behind a conda that may have been killed in a run before this one."""
        self._resumed = journal.step not in (journals.STEPS[0], journals.DONE)
        if self._resumed and os.path.isdir(self._aside_of_conda(journal)):
            kept_conda.sweep(self.prefix)

    def _whole(self, journal: Journal) -> list[str]:
        """Have conda put back what it lost when it was killed; return what it could not."""
        lost = kept_conda.lost(self.prefix, self._aside_of_conda(journal)) if self._resumed else []
        return [] if self._exactly(journal, lost) else [f"{self.conda.name} could not put back {', '.join(lost)}."]

    def _exactly(self, journal: Journal, records: Sequence[str]) -> bool:
        """Have conda put in these very packages, also where they are there; tell whether it did.

        They are had by address: a solver may refuse over what else the environment has, or was once asked for. Where
        nothing is at the address any more, the channels are asked.
        """
        # Micromamba solves for an address, too, and by the pins that are about to be taken back.
        install = ("install", "--yes", "--no-deps", "--no-pin", "-p", self.prefix)
        places = kept_conda.addresses(self.prefix, self._aside_of_conda(journal), records)
        # Where an address is given, what is there is left alone: it goes first, once the new one is at hand.
        now = self._records_now()
        there = [record for record in records if record in now]
        absent = [record for record in records if record not in now]
        names = [record.split("=")[0] for record in there]
        if not records or (
            places
            and self.conda.show(*install, "--download-only", *places)
            and (not there or self.conda.show("remove", "--yes", "--force", "-p", self.prefix, *names))
            and self.conda.show(*install, *places)
        ):
            return True
        # Micromamba reinstalls what is there in place of another version that is asked for.
        return (not absent or self.conda.show(*install, *absent)) and (
            not there or self.conda.show(*install, "--force-reinstall", *there)
        )

    def _conda_back(self, journal: Journal) -> list[str]:
        problems = [*self._records_back(journal), *self._whole(journal)]
        if set(journal.conda_before) == self._records_now():
            kept_conda.put_back(self.prefix, self._aside_of_conda(journal))
        return problems

    def _records_back(self, journal: Journal) -> list[str]:
        now = self._records_now()
        if set(journal.conda_before) == now or not journal.conda_before:
            return []
        if journal.conda_after and set(journal.conda_after) != now:
            return self._conda_back_in_part(journal, now)
        back = journal.revision >= 0 and self.conda.show(
            "install", "--yes", "-p", self.prefix, "--revision", str(journal.revision)
        )
        if back and set(journal.conda_before) == self._records_now():
            return []
        # Exactly what was there, without asking a solver.
        extra = {record.split("=")[0] for record in self._records_now()} - {
            r.split("=")[0] for r in journal.conda_before
        }
        wanted = [spec for spec in journal.conda_before if spec not in self._records_now()]
        if extra:
            self.conda.show("remove", "--yes", "--force", "-p", self.prefix, *extra)
        self._exactly(journal, wanted)
        missing = set(journal.conda_before) - self._records_now()
        return [f"{self.conda.name} did not bring back {', '.join(sorted(missing))}"] if missing else []

    def _conda_back_in_part(self, journal: Journal, now: set[str]) -> list[str]:
        """Take the repair's own changes back where others were made since."""
        before, after = set(journal.conda_before), set(journal.conda_after)
        names = {record.split("=")[0] for record in before}
        extra = {r.split("=")[0] for r in (after - before) & now} - names
        wanted = sorted(before - after - now)
        if extra:
            self.conda.show("remove", "--yes", "--force", "-p", self.prefix, *sorted(extra))
        self._exactly(journal, wanted)
        missing = set(wanted) - self._records_now()
        return [f"{self.conda.name} did not bring back {', '.join(sorted(missing))}"] if missing else []

    def _records_now(self) -> set[str]:
        env = read_prefix(self.prefix, with_machine=False)
        return records(env)

    def _sweep(self, env: Environment, before: set[str]) -> list[str]:
        """Remove the dist-info folders that an installation left which stopped midway; return whose they were.

        pip writes RECORD last, and puts the old version's folder back where it can: two of one name are one too many.
        """
        names, owned = [], {text.split("==")[0] for text in before}
        for folder in {os.path.dirname(package.source) for package in env.packages}:
            site = os.path.join(self.prefix, folder)
            entries = [e for e in os.listdir(site) if e.endswith(".dist-info")] if os.path.isdir(site) else []
            texts = {entry: "==".join(_named(entry)) for entry in entries}
            whole = {text.split("==")[0] for text in texts.values() if text in before}
            for entry, text in texts.items():
                name = text.split("==")[0]
                stopped = name in whole or not os.path.exists(os.path.join(site, entry, "RECORD"))
                # Never a folder of conda's or anybody else's: some of these come without RECORD.
                if stopped and text not in before and (name in owned or _is_pips(os.path.join(site, entry))):
                    shutil.rmtree(os.path.join(site, entry), ignore_errors=True)
                    names.append(name)
        return names

    def _unowned(self, env: Environment) -> set[str]:
        """Return the distributions that pip cannot uninstall, as no RECORD says what they are: no repair made them."""
        return {
            p.name
            for p in env.packages
            if p.manager == PIP and p.source and not os.path.exists(os.path.join(self.prefix, p.source, "RECORD"))
        }

    def _pip_back(self, journal: Journal) -> list[str]:
        """Bring back what pip owned: the files that were kept, else the version from pip's cache or its index."""
        kept.sweep(self.prefix)
        aside = self._aside(journal)
        whole = kept.load(aside)
        before = dict(text.split("==", 1) for text in journal.pip_before)
        env = read_prefix(self.prefix, with_machine=False)
        swept = self._sweep(env, set(journal.pip_before))
        now = {p.name: p.version for p in env.packages if p.manager == PIP and p.version}
        after = dict(text.split("==", 1) for text in journal.pip_after)
        # Of a repair that came to its end, only what it brought itself goes: the rest was installed since.
        ended = bool(journal.conda_after or after)
        brought = {name for name in now if name not in before and (not ended or name in after)}
        extra = sorted(brought - {*swept, *whole, *self._unowned(env)})
        problems: list[str] = []
        again: list[str] = []
        for name in extra:
            kept.remove(self.prefix, name, {})
        # Of what had no metadata, or had it under the name that pip gave it aside, only the files were noted.
        names = [name for name, each in whole.items() if before.get(name, each.version) == each.version]
        left = kept.put_back(self.prefix, aside, names)
        problems += [f"the files of {f'{name} {whole[name].version}'.strip()} could not be put back" for name in left]
        for name, version in before.items():
            touched = name not in whole and (not ended or after.get(name) != version)
            if touched and (now.get(name) != version or name in swept):
                again.append(f"{name}=={version}")
        if not ended:
            kept.remove_new(self.prefix, aside)
        if again and not whole and journal.pip_uninstall:
            # What was uninstalled took shared files with it.
            again += sorted(t for t in journal.pip_before if t.startswith("tensorflow") and t not in again)
        if again and not self._pip("install", "--force-reinstall", "--no-deps", *again):
            problems.append(f"pip did not bring back {', '.join(again)}, which its cache or its index has to have")
        return problems


def _is_pips(folder: str) -> bool:
    """Tell whether pip made a dist-info folder; INSTALLER is written before RECORD."""
    return read_text(os.path.join(folder, "INSTALLER"), 64).strip() == "pip"

"""What pip can install where: TensorFlow's own wheels by the matrix's rows, its neighbours' by a table of the index."""

from __future__ import annotations

from .. import versions
from .._typing import TYPE_CHECKING, NamedTuple
from .model import EMPTY, PYPI, minors

if TYPE_CHECKING:
    from .matrix import Matrix


EVERYWHERE = "any"
SOURCE = "source"


class Release(NamedTuple):
    """One release of a package.

    Attributes:
        version: As the index normalises it.
        pythons: Which Pythons each platform has wheels for (``any`` for all platforms; ``source``: it is built).
    """

    version: str
    pythons: dict[str, str]

    def fits(self, platform: str, python: str) -> bool:
        """Tell whether a wheel fits; an empty argument means any."""
        return any(
            _admits(text, python)
            for names, text in self.pythons.items()
            if names != SOURCE and (not platform or {platform, EVERYWHERE} & set(names.split()))
        )

    def builds(self, python: str) -> bool:
        """Tell whether there is no wheel at all, and pip builds it of its source for a Python."""
        return SOURCE in self.pythons and _admits(self.pythons[SOURCE], python)


def _admits(text: str, python: str) -> bool:
    """Tell whether ``2.7, 3.5-3.8 | >=3.9`` admits a Python; a minor stands for its latest patch release."""
    if not python:
        return True
    for part in text.split(" | "):
        if part[0].isdigit():
            if versions.minor(python) in minors(part):
                return True
        elif versions.contains(part, python if python.count(".") > 1 else f"{python}.99"):
            return True
    return False


class Wheels:
    """The index of packages, as it was on the day that the tables were written.

    Args:
        matrix: The matrix, with a user's own over it where there is one.
    """

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._tables: dict[str, list[Release]] = {}
        self._installable: dict[tuple[str, str, str], list[str]] = {}

    def releases(self, name: str) -> list[Release]:
        """Return all final releases of a package, oldest first; nothing for one that the tables do not have."""
        if name not in self._tables:
            listed = self._matrix.table(f"wheels/{name}") or self._of_rows(name)
            self._tables[name] = [
                Release(version, {key: text for key, text in entry.items() if key != "versions"})
                for entry in listed
                for version in entry["versions"].split()
            ]
        return self._tables[name]

    def _of_rows(self, name: str) -> list[dict[str, str]]:
        """Return the same of a distribution that the matrix has builds of."""
        found: dict[str, dict[str, str]] = {}
        for version, platform, kind, pythons in self._matrix.listed(PYPI, name):
            entry = found.setdefault(version, {"versions": version})
            if kind != EMPTY and pythons:
                entry[platform] = ", ".join(pythons)
        return list(found.values())

    def has(self, name: str, version: str, platform: str = "", python: str = "") -> bool | None:
        """Tell whether the index has a wheel of a release for a platform and a Python.

        Returns:
            ``None`` for a package that the tables do not have, and for a release that is newer than all they know or
            that they leave out (pre-releases of neighbours).
        """
        known = self.releases(name)
        wanted = versions.key(version)
        found = next((release for release in known if versions.key(release.version) == wanted), None)
        if found is not None:
            return found.fits(platform, python)
        unknown = not known or wanted > versions.key(known[-1].version) or versions.is_prerelease(version)
        return None if unknown else False

    def pythons(self, name: str, version: str, platform: str) -> list[str]:
        """Return the Pythons that a release has wheels for on a platform, of those that TensorFlow was ever for."""
        known = {minor for row in self._matrix.builds("tensorflow", channel=PYPI) for minor in row.python}
        fitting = [minor for minor in known if self.has(name, version, platform, minor)]
        return sorted(fitting, key=versions.key)

    def installable(self, name: str, platform: str = "", python: str = "") -> list[str]:
        """Return the releases that pip can install, newest first: final ones where there are any.

        Those without any wheel are built.
        """
        key = name, platform, python
        if key not in self._installable:
            found = [r.version for r in reversed(self.releases(name)) if r.fits(platform, python) or r.builds(python)]
            self._installable[key] = [version for version in found if not versions.is_prerelease(version)] or found
        return self._installable[key]

    def newest(self, name: str, spec: str = "", platform: str = "", python: str = "") -> str:
        """Return the newest final release within a range that pip can install; empty where there is none or unknown.

        A release with a wheel comes before a newer one that has to be built.

        Args:
            name: Normalised name.
            spec: PEP 440 specifier set; empty for all.
            platform: Conda subdir; empty for any.
            python: Version or minor; empty for any.
        """
        fitting = [version for version in self.installable(name, platform, python) if versions.contains(spec, version)]
        return next((v for v in fitting if self.has(name, v, platform, python)), fitting[0] if fitting else "")

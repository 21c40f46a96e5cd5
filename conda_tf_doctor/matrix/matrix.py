"""Looks things up in the compatibility matrix, reading no more of it than is asked for."""

from __future__ import annotations

import os

from .._typing import TYPE_CHECKING, Any
from ..reading import load_json
from ..versions import contains, is_prerelease, key
from .model import EMPTY, PYPI, STUB, Build, canonical, from_row, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .wheels import Wheels

Row = dict[str, Any]
# Answers that are kept: a fleet asks the same of each report.
_REMEMBERED = 2000


class Content:
    """The chunks of the derived form, each read at its place: neither a fork nor a thread moves anything for another.

    Args:
        start: Where the first chunk begins.
        data: All of it, or
        handle: the descriptor of the open file, which is this object's from then on.
    """

    __slots__ = ("_data", "_handle", "_start")

    def __init__(self, start: int, data: bytes = b"", handle: int = -1) -> None:
        self._start, self._data, self._handle = start, data, handle

    def read(self, place: list[int]) -> Any:
        """Return the value of a chunk."""
        offset, size = self._start + place[0], place[1]
        data = self._data[offset : offset + size] if self._handle < 0 else os.pread(self._handle, size, offset)
        return load_json(data.decode("ascii"))

    def __reduce__(self) -> tuple[type[Content], tuple[int, bytes]]:
        """Pickled, it holds all of it: the file may be another one where it is read again."""
        if self._handle < 0:
            return Content, (self._start, self._data)
        return Content, (self._start, os.pread(self._handle, os.fstat(self._handle).st_size, 0))

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        if self._handle >= 0:
            close(self._handle)  # at the end of Python the module is gone


class Matrix:
    """The matrix, bundled or with a user's file over it.

    Versions match as PEP 440 has it: ``2.10`` finds ``2.10.0``, ``2.0.0-alpha0`` finds ``2.0.0a0``.
    """

    def __init__(self, content: Content, header: dict[str, Any]) -> None:
        self._content = content
        self._versions: dict[str, dict[str, list[int]]] = header["versions"]
        self._table_places: dict[str, list[int]] = header["tables"]
        self._knowledge: dict[str, dict[str, list[int]]] = header["knowledge"]
        self._summary_places: dict[str, dict[str, list[int]]] = header["summary"]
        self._raw: dict[tuple[str, str], list[Row]] = {}
        self._built: dict[str, Build] = {}
        self._tables: dict[str, Any] = {}
        self._entries: dict[tuple[str, str], list[dict[str, Any]]] = {}
        # A repair asks for the same lists a thousand times.
        self._lists: dict[tuple[str, str], list[list[Any]]] = {}
        self._added: dict[tuple[str, str], list[Row]] = {}
        self._changed: dict[str, Row] = {}
        self._extended: dict[str, Any] = {}
        self._wheels: Wheels | None = None
        self._found: dict[tuple[str, str, str, str], list[Build]] = {}

    def _rows(self, version: str, channel: str) -> list[Row]:
        found = self._raw.get((version, channel))
        if found is None:
            place = self._versions.get(version, {}).get(channel)
            found = self._content.read(place) if place else []
            if self._changed:
                found = [{**row, **self._changed.get(row["id"], {})} for row in found]
            found = self._raw[version, channel] = found + self._added.get((version, channel), [])
        return found

    def _build(self, row: Row) -> Build:
        # A row becomes a Build only when it is asked for: most that are looked through are not.
        build = self._built.get(row["id"])
        if build is None:
            build = self._built[row["id"]] = from_row(row)
        return build

    def builds(self, distribution: str = "", version: str = "", channel: str = "", platform: str = "") -> list[Build]:
        """Return the rows that match; an empty argument matches everything, ``noarch`` rows match every platform.

        Args:
            distribution: Normalised name of a wheel, or of any conda package that shares the row's build string.
            version: One exact version.
            channel: ``pypi``, ``conda-forge``, ``defaults``, or one of a user's own.
            platform: Conda subdir.
        """
        asked = (distribution, version, channel, platform)
        if asked not in self._found:
            versions: Iterable[str] = [canonical(version)] if version else self._all_versions()
            self._found[asked] = [
                self._build(row)
                for one in versions
                for each in ([channel] if channel else self._channels(one))
                for row in self._rows(one, each)
                if _is_named(row, distribution) and (not platform or row["platform"] in (platform, "noarch"))
            ]
            while len(self._found) > _REMEMBERED:
                del self._found[next(iter(self._found))]
        return list(self._found[asked])

    def refusal(self, distribution: str, version: str) -> Build | None:
        """Return the row of a release without a wheel, what is installed instead fails or holds nothing; else ``None``.

        Args:
            distribution: Normalised name of pip's distribution.
            version: One exact version; empty where it is not known.
        """
        rows = self.builds(distribution, version, PYPI) if version else []
        return rows[0] if rows and all(row.kind == EMPTY and not row.python for row in rows) else None

    def _all_versions(self) -> list[str]:
        """Return all versions, oldest first; those of the derived form are in order already."""
        added = {version for version, _ in self._added if version not in self._versions}
        return sorted([*self._versions, *added], key=key) if added else list(self._versions)

    def _channels(self, version: str) -> list[str]:
        known = list(self._versions.get(version, ()))
        return known + [channel for other, channel in self._added if other == version and channel not in known]

    def _listed(self, channel: str, distribution: str) -> list[list[Any]]:
        """Return what is listed of the rows that may be of a distribution, oldest first; empty arguments mean all."""
        if (channel, distribution) in self._lists:
            return self._lists[channel, distribution]
        found: list[list[Any]] = []
        for its_channel, places in self._summary_places.items():
            if channel in ("", its_channel):
                for name, place in places.items():
                    # A wheel has its one name, a conda build those of all packages made with it.
                    if distribution in ("", name) or its_channel != PYPI:
                        found += self._content.read(place)
        added = [summary(row) for (_, its), rows in self._added.items() if channel in ("", its) for row in rows]
        self._lists[channel, distribution] = sorted(found + added, key=lambda entry: key(entry[0])) if added else found
        return self._lists[channel, distribution]

    def ids(self) -> set[str]:
        """Return the ids of all rows."""
        return {entry[-1] for entry in self._listed("", "")}

    def listed(self, channel: str, distribution: str) -> Iterable[tuple[str, str, str, list[str]]]:
        """Yield version, platform, kind and Pythons of a distribution's rows, oldest first; the rows stay unread."""
        for version, platform, kind, pythons, names, _ in self._listed(channel, distribution):
            if distribution in names:
                yield version, platform, kind, pythons

    @property
    def wheels(self) -> Wheels:
        """What pip can install where: of TensorFlow's distributions and of the packages beside it."""
        if self._wheels is None:
            from .wheels import Wheels

            self._wheels = Wheels(self)
        return self._wheels

    def versions(self, distribution: str, channel: str = "pypi", platform: str = "", python: str = "") -> list[str]:
        """Return the versions of a distribution that can be used, oldest first, each as its channel spells it.

        Stubs count, as they install what they stand for; names that bring nothing do not, nor a wheel that no Python
        can have.

        Args:
            distribution: As for ``builds``.
            channel: One channel.
            platform: Conda subdir.
            python: A minor (``3.9``).
        """
        found: dict[str, None] = {}
        for version, its_platform, kind, pythons in self.listed(channel, distribution):
            if kind == EMPTY or (channel == PYPI and not pythons):
                continue
            if platform and its_platform not in (platform, "noarch"):
                continue
            if python and pythons and python not in pythons:
                continue
            found[version] = None
        return list(found)

    def rows(
        self,
        tensorflow: str = "",
        python: str = "",
        cuda: str = "",
        platform: str = "",
        channel: str = "",
        distribution: str = "",
        variant: str = "",
    ) -> list[Build]:
        """Return the rows that match what a person asks for.

        Args:
            tensorflow: A version, the beginning of one (``2.10`` finds 2.10.0 and 2.10.1), or a specifier set.
            python: A minor, or a full version.
            cuda: A CUDA version that the build works with.
            platform: Conda subdir.
            channel: Channel.
            distribution: Name of a wheel or conda package.
            variant: ``cpu`` or ``gpu``, or the channel's own word (``cuda112``, ``mkl``).
        """
        minor = ".".join(python.split(".")[:2])
        wanted = tensorflow
        if not any(sign in tensorflow for sign in "<>=!~"):
            whole = tensorflow.count(".") > 1 or is_prerelease(tensorflow)
            wanted = f"=={tensorflow}" if whole else f"=={tensorflow}.*"
        found = []
        for version in self._all_versions():
            if tensorflow and not contains(wanted, version):
                continue
            for its_channel in [channel] if channel else self._channels(version):
                found += [
                    build
                    for build in map(self._build, self._rows(version, its_channel))
                    if (not platform or build.platform == platform)
                    and (not distribution or distribution in (build.distribution, *build.packages))
                    and (not variant or variant in (build.variant, build.variant_name))
                    and (not python or minor in build.python)
                    and (not cuda or (bool(build.cuda) and contains(build.cuda, cuda)))
                ]
        return found

    def newest_build(self, distribution: str, spec: str, platform: str = "") -> Build | None:
        """Return the row of a wheel's newest release within a range; ``None`` where there is none."""
        found = [v for v in self.versions(distribution, PYPI, platform) if contains(spec, v)]
        return self.builds(distribution, found[-1], PYPI, platform)[0] if found else None

    def resolve_stub(self, build: Build) -> Build:
        """Return the row that carries the binaries: the row itself, or what its stub stands for if that is known."""
        if build.kind != STUB or "==" not in build.stub_for:
            return build
        name, _, version = build.stub_for.partition("==")
        found = self.builds(name, version, build.channel, build.platform)
        return found[0] if found else build

    def table(self, name: str) -> Any:
        """Return a table (``drivers``, ``cudnn``, ``cuda_libraries``, ``vc_runtime``, ``works`` …); empty if unknown.

        It is the matrix's own copy: read it, do not change it.
        """
        if name not in self._tables:
            place = self._table_places.get(name)
            value = self._content.read(place) if place else {}
            if name in self._knowledge:
                value = {each: self._content.read(at) for each, at in self._knowledge[name].items()}
            if name in self._extended:
                value = extended(value, self._extended[name])
            self._tables[name] = value
        return self._tables[name]

    def names(self, table: str) -> Iterable[tuple[str, bool]]:
        """Yield the packages of which a table of knowledge tells, and whether it tells of their absence, too."""
        if table in self._extended:
            for name, entries in self.table(table).items():
                yield name, any("missing" in entry for entry in entries)
        else:
            for name, place in self._knowledge[table].items():
                yield name, bool(place[2])

    def entries(self, table: str, name: str) -> list[dict[str, Any]]:
        """Return what a table of knowledge (:data:`KNOWLEDGE`) tells of a package; it is the matrix's own copy."""
        if table in self._tables or table in self._extended:
            found: list[dict[str, Any]] = self.table(table).get(name, [])
            return found
        if (table, name) not in self._entries:
            place = self._knowledge[table].get(name)
            self._entries[table, name] = self._content.read(place) if place else []
        return self._entries[table, name]

    def overlay(self, rows: list[Row], tables: dict[str, Any]) -> None:
        """Lay rows and tables over the matrix: a row with the id of an existing one changes the fields it names."""
        known = self.ids()
        self._raw.clear()
        self._built.clear()
        self._found.clear()
        for row in rows:
            if row["id"] in known:
                self._changed[row["id"]] = row
            elif "tensorflow" in row:
                self._added.setdefault((canonical(row["tensorflow"]), row["channel"]), []).append(row)
        self._extended = tables
        self._tables.clear()
        self._lists.clear()
        self._wheels = None


def _is_named(row: Row, distribution: str) -> bool:
    return not distribution or distribution == row["distribution"] or distribution in row.get("packages", ())


def extended(base: Any, extra: Any) -> Any:
    """Return a table with another over it: mappings merge, lists grow, anything else is replaced."""
    if isinstance(base, dict) and isinstance(extra, dict):
        return {**base, **{name: extended(base.get(name), value) for name, value in extra.items()}}
    if isinstance(base, list) and isinstance(extra, list):
        return base + extra
    return extra

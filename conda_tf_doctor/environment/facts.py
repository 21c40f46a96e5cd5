"""The facts about an environment, whatever they were read from.

Readers (prefix, report, files, planned solve) fill these classes; rules read them. Nothing here knows a rule, opens
a file by itself, or imports conda.
"""

from __future__ import annotations

from .. import versions
from .._typing import TYPE_CHECKING, Any, NamedTuple
from ..names import PIP_TO_CONDA, normalise
from .channels import channel_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..findings import Finding

CONDA = "conda"
PIP = "pip"
# What a repair is about to do; not *.json, for conda takes every such file in conda-meta for a package.
JOURNAL = "tf-doctor-journal"
# Where conda keeps the variables that an environment sets when it is activated.
STATE = "conda-meta/state"
# Where a file's versions are written by hand: `fix` edits it, or it is edited itself.
NOT_NEEDED = ("", "")
IN_ITSELF = ("the file", "")


def reader_of(manager: str) -> Callable[[str, str], bool]:
    """Return what tells whether a version lies in a range, in the notation of one who installs packages."""
    return versions.contains if manager == PIP else versions.conda_contains


class Package:
    """One installed (or planned) package.

    ``channel``, ``depends`` and ``constrains`` are read from the record only when asked for: a record of TensorFlow is
    megabytes of JSON, its file name already tells name, version and build.

    Attributes:
        name: Normalised name.
        version: Version as written; empty where unknown.
        manager: ``conda``, ``pip``, or empty where unknown.
        build: Conda build string, or the wheel tag of a report; empty where unknown.
        source: The file it was read from, relative to the prefix.
        spec: The range that a file asks for where that is no single version (conda's notation for conda's packages,
            PEP 440 for pip's); ``version`` is then the minor it leaves, or empty.
        picked_from: The range that ``version`` was picked from (``*`` for any), where that leaves no single minor.
    """

    __slots__ = ("_channel", "_metadata", "build", "manager", "name", "picked_from", "source", "spec", "version")

    def __init__(
        self,
        name: str,
        version: str = "",
        manager: str = "",
        build: str = "",
        channel: str | None = "",
        source: str = "",
        metadata: dict[str, Any] | Callable[[], dict[str, Any]] | None = None,
        spec: str = "",
    ) -> None:
        self.name = normalise(name)
        self.version = version
        self.manager = manager
        self.build = build
        self._channel = channel
        self.source = source
        self._metadata = metadata
        self.spec = spec
        self.picked_from = ""

    def at(self, version: str, channel: str | None = None) -> Package:
        """Return this package at one version (of one channel), for a range that was narrowed to it."""
        channel = self._channel if channel is None else channel
        found = Package(self.name, version, self.manager, self.build, channel, self.source, self._metadata)
        found.picked_from = "" if self.version else self.spec or "*"
        return found

    def without_extras(self) -> Package:
        """Return this package as a requirement without its extras asks for it."""
        metadata = {key: value for key, value in self.metadata.items() if key != "extras"}
        return Package(
            self.name, self.version, self.manager, self.build, self._channel, self.source, metadata, self.spec
        )

    @property
    def where(self) -> tuple[str, ...]:
        """Where it was read from, as a finding's evidence: nothing for what nobody wrote down."""
        return (self.source,) if self.source else ()

    @property
    def is_asked_in_vain(self) -> bool:
        """Whether a file asks for what no version is (``>=3,<2``)."""
        if not self.spec:
            return False
        from ..specifiers import is_empty

        return is_empty(self.spec, reader_of(self.manager))

    @property
    def conda_name(self) -> str:
        """Its name as conda writes it, which its record's file tells; the facts have it as pip does."""
        name, ending, _ = self.source.rpartition("/")[2].rpartition(f"-{self.version}-{self.build}.json")
        return name if ending and self.manager != PIP else PIP_TO_CONDA.get(self.name, self.name)

    @property
    def metadata(self) -> dict[str, Any]:
        """The record's own fields, without its file list; empty where there is none."""
        if callable(self._metadata):
            self._metadata = self._metadata()
        return self._metadata or {}

    @property
    def channel(self) -> str:
        """Canonical name of its channel, read from the record where it was not given."""
        if self._channel is None:
            record = self.metadata
            self._channel = channel_name(str(record.get("channel") or ""), str(record.get("subdir") or ""))
        return self._channel

    @property
    def depends(self) -> tuple[str, ...]:
        """What the record depends on (MatchSpecs for conda, PEP 508 requirements for pip)."""
        return tuple(self.metadata.get("depends") or ())

    @property
    def constrains(self) -> tuple[str, ...]:
        """The MatchSpecs by which the record constrains what is installed beside it."""
        return tuple(self.metadata.get("constrains") or ())

    def __repr__(self) -> str:
        return f"Package({self.name} {self.version} {self.build} {self.manager}:{self.channel})"


class Python(NamedTuple):
    """The environment's Python; every field is empty (or 0) where unknown.

    Attributes:
        version: ``3.9.18``.
        bits: 32, 64, or 0.
        machine: ``x86``, ``x86_64``, ``arm64``, ``aarch64`` …, of the executable itself.
        source: The file that tells.
    """

    version: str = ""
    bits: int = 0
    machine: str = ""
    source: str = ""

    @property
    def where(self) -> tuple[str, ...]:
        """Where it was read from, as a finding's evidence: nothing where nothing tells."""
        return (self.source,) if self.source else ()

    @property
    def minor(self) -> str:
        """``3.9`` of ``3.9.18``; empty where unknown."""
        return ".".join(self.version.split(".")[:2]) if "." in self.version else ""


class System(NamedTuple):
    """The machine around the environment; ``None``, empty or absent means unknown.

    Attributes:
        os: Free text (``Windows 10``).
        machine: The CPU's architecture, whatever Python runs on it.
        cpu_model: Free text.
        cpu_features: Such as ``{"avx": False}``.
        gpu: Free text.
        cuda_driver: The display driver's version (``456.71``).
        cuda_installed: Versions of system-wide CUDA toolkits.
        cudnn_installed: Versions of system-wide cuDNN.
        vc_runtime: Version of the system's Visual C++ runtime, or ``missing``; empty where unknown.
        vc_redistributable: Version of it that the registry has as installed, whatever became of the files.
    """

    os: str = ""
    machine: str = ""
    cpu_model: str = ""
    cpu_features: dict[str, bool] = {}
    gpu: str = ""
    cuda_driver: str = ""
    cuda_installed: tuple[str, ...] = ()
    cudnn_installed: tuple[str, ...] = ()
    vc_runtime: str = ""
    vc_redistributable: str = ""


class Binary(NamedTuple):
    """An image of the stack as a report carries it.

    Attributes:
        path: Relative to the prefix.
        machine: Such as ``x86_64``.
        bits: 32, 64 or 0.
        imports: Names of imported DLLs or shared objects.
        missing: Those of them that are nowhere on the search path.
        problem: ``truncated``, ``not an image`` …, or empty.
        version: File version; empty where it has none.
    """

    path: str
    machine: str = ""
    bits: int = 0
    imports: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    problem: str = ""
    version: str = ""


class Note(NamedTuple):
    """Something that could not be read; becomes an ``info`` finding, the rest is still checked.

    Attributes:
        path: What it is about.
        message: What is the matter, in a sentence.
        hides: Whether a package that is there may be unknown because of it.
    """

    path: str
    message: str
    hides: bool = False


class Environment:
    """Everything known about one environment.

    Attributes:
        kind: ``prefix``, ``file``, ``report`` or ``solve``.
        path: Where it was read from.
        platform: Conda subdir (``win-64``); empty where unknown.
        prefix: Folder of the environment where it is on this disk, else empty.
        site_packages: Folder that its Python imports from, empty where it has none; ``None`` until it is looked for.
        remember: Whether hashes of files may be taken from, and kept for, other runs.
        thorough: Whether to take the time that it takes to hash every binary.
        location: Its folder as a report has it, on whatever machine that was.
        python: The environment's Python.
        packages: Conda's records and pip's distributions; one name may appear once for each.
        requested: What the user tried to install, or asked the solver for.
        virtual_packages: ``{"__cuda": "11.4"}``.
        system: The machine around it.
        env_vars: Variables of the process or the report.
        binaries: Images of a report; a prefix on disk is read by the binaries package instead.
        working_folder: Names of files in the working folder or on PYTHONPATH that are named like modules.
        started_here: Whether Python is meant to be started in that folder, so that what lies there is imported.
        error_text: What the user saw.
        notes: What could not be read.
        overwritten: Names of conda packages whose files pip has overwritten.
        user_site: Packages in the user site, which come before the environment's own.
        path_packages: Packages in folders of PYTHONPATH, which come before all others.
        is_venv: Whether it is a Python without conda's records (a venv), in which only pip can change anything.
        this_machine: Whether the facts about the system are those of the machine this runs on.
        collected: Whether a report was written by ``report``, and so names every package there is.
        generated_code: Of a report, what protobuf's generated code in packages asks for: a range, and the file.
        interrupted: Journal of a repair that did not come to its end, relative to the prefix; else empty.
        contradicted: Of which packages the error text met another version than is recorded: both, the record first.
        seen: What a report says was found on its disk; ``None`` where it says nothing of that.
        partial: Whether ``packages`` is only what was asked for: what a solver or pip adds is not in it, so nothing
            is missing because it is absent.
        by_hand: Where `fix` does not edit a file: where its versions are written, and the command that then makes the
            file again; both empty where it does.
        asked_of_pip: Names that a file has pip install once a transaction is done.
        overrides: Whether a file has its installer leave aside what packages declare.
        strict: Whether of several channels only the first that has a package counts (conda's channel priority).
        listed: Whether a file lists what is installed somewhere: that is repaired, and not the file.
    """

    def __init__(self, kind: str, path: str = "", platform: str = "") -> None:
        self.kind = kind
        self.path = path
        self.platform = platform
        self.prefix = ""
        self.site_packages: str | None = None
        self.location = ""
        self.thorough = False
        self.remember = False
        self.python = Python()
        self.packages: list[Package] = []
        self.requested: list[Package] = []
        self.virtual_packages: dict[str, str] = {}
        self.system = System()
        self.env_vars: dict[str, str] = {}
        self.binaries: list[Binary] = []
        self.working_folder: list[str] = []
        self.started_here = False
        self.error_text = ""
        self.notes: list[Note] = []
        self.overwritten: set[str] = set()
        self.user_site: list[Package] = []
        self.path_packages: list[Package] = []
        self.is_venv = False
        self.this_machine = False
        self.collected = False
        self.generated_code: dict[str, tuple[str, str]] = {}
        self.interrupted = ""
        self.partial = False
        self.by_hand = NOT_NEEDED
        self.asked_of_pip: frozenset[str] = frozenset()
        self.overrides = False
        self.strict = False
        self.listed = False
        self.contradicted: dict[str, tuple[str, str]] = {}
        self.seen: list[Finding] | None = None
        self._index: dict[str, list[Package]] = {}
        self._beginning: dict[str, list[Package]] = {}

    def add(self, packages: Iterable[Package]) -> None:
        """Add packages to those that are there."""
        self.put([*self.packages, *packages])

    def put(self, packages: list[Package]) -> None:
        """Have these packages in the place of those that are there."""
        self.packages = packages
        # A copy shares what it has not got anew.
        self._index, self._beginning = {}, {}

    def having(self, packages: list[Package]) -> Environment:
        """Return a copy with other packages; everything else it shares with this one."""
        from copy import copy

        new = copy(self)
        new.put(packages)
        return new

    def all_named(self, name: str) -> list[Package]:
        """Return every package of that normalised name, conda's and pip's."""
        if not self._index:
            self._index = {package.name: [] for package in self.packages}
            for package in self.packages:
                self._index[package.name].append(package)
        return self._index.get(name, [])

    def beginning(self, text: str) -> list[Package]:
        """Return every package whose normalised name begins so."""
        if text not in self._beginning:
            self._beginning[text] = [package for package in self.packages if package.name.startswith(text)]
        return self._beginning[text]

    def package(self, name: str) -> Package | None:
        """Return the package of that name that Python imports: pip's where both have one."""
        found = self.all_named(name)
        # Most that are asked for are not there: a fleet asks for two hundred names of each report.
        return next((p for p in found if p.manager == PIP), found[0]) if found else None

    def conda(self, name: str) -> Package | None:
        """Return conda's record of that name (one of unknown manager counts)."""
        return next((p for p in self.all_named(name) if p.manager != PIP), None)

    def pip(self, name: str) -> Package | None:
        """Return pip's distribution of that name."""
        return next((p for p in self.all_named(name) if p.manager == PIP), None)

    @property
    def whole(self) -> bool:
        """Whether ``packages`` is known to be everything there is."""
        return self.kind in ("prefix", "solve") or self.collected

    @property
    def is_request(self) -> bool:
        """Whether an installer has to find versions for it: a file that asks, neither a lock nor a list."""
        return (
            self.kind == "file" and not self.listed and not self.overrides and self.by_hand in (NOT_NEEDED, IN_ITSELF)
        )

    @property
    def os(self) -> str:
        """``win``, ``linux``, ``osx`` of the platform; empty where unknown."""
        return self.platform.split("-")[0]

"""What every kind of binary has in common: one model for PE, ELF and Mach-O images.

An image holds what a loader looks at, nothing else. What costs a second look at the file (exports, the version
resource, a symbol table) is read when first asked for, so that a closure over a gigabyte of DLLs touches only the
pages it needs.
"""

from __future__ import annotations

from collections.abc import Callable

from .._typing import NamedTuple
from .header import Header

# Bounds for what is read of a single file. Real ones stay an order of magnitude below (TensorFlow's largest DLL exports
# 45,000 names and imports 2,000); a hostile file must not take the machine's memory.
MAX_LIBRARIES = 4096
MAX_SYMBOLS = 600_000
MAX_NAME = 65_536
MAX_NAME_BYTES = 48 * 1024 * 1024

NO_HEADER = Header()

Symbol = str | int


class Import(NamedTuple):
    """One library that an image asks for.

    Attributes:
        name: As the image spells it (``VCRUNTIME140.dll``, ``libm.so.6``, ``@rpath/libfoo.dylib``).
        symbols: Names, or ordinals as numbers; empty for ELF and Mach-O, whose symbols name no library.
        delayed: Loaded at the first call only (PE delay import): its absence does not stop the importer.
        weak: May be absent (Mach-O weak dylib).
    """

    name: str
    symbols: tuple[Symbol, ...] = ()
    delayed: bool = False
    weak: bool = False


class Ordinals:
    """What a PE image offers by number: the forwarder of each that leads elsewhere, an empty text for the others."""

    def __init__(
        self, base: int = 0, addresses: tuple[int, ...] = (), forwarders: dict[int, str] | None = None
    ) -> None:
        self._base, self._addresses, self._forwarders = base, addresses, forwarders or {}

    def get(self, ordinal: int) -> str | None:
        """Return the forwarder of an ordinal, ``None`` where there is no such one."""
        place = ordinal - self._base
        there = 0 <= place < len(self._addresses) and self._addresses[place]
        return self._forwarders.get(place, "") if there else None


class Exports:
    """What a PE image offers to others.

    Attributes:
        names: Exported names; the value is a forwarder (``NTDLL.RtlAllocateHeap``, ``OTHER.#12``) or empty.
        ordinals: Exported ordinals with the same values.
    """

    __slots__ = ("names", "ordinals")

    def __init__(self, names: dict[str, str] | None = None, ordinals: Ordinals | None = None) -> None:
        self.names = names or {}
        self.ordinals = ordinals or Ordinals(0, (), {})

    def find(self, symbol: Symbol) -> str | None:
        """Return the forwarder of a symbol, an empty string where it is there itself, ``None`` where it is not."""
        return self.ordinals.get(symbol) if isinstance(symbol, int) else self.names.get(symbol)


class Symbols:
    """The dynamic symbols of an ELF image, as bytes.

    Attributes:
        undefined: Names it needs (weak ones, which may stay undefined, are left out).
        whole: Whether the table was read to its end; what is not in part of one may be in the rest.
        count: About how many names it offers.
    """

    def __init__(
        self, defined: frozenset[bytes] = frozenset(), undefined: frozenset[bytes] = frozenset(), whole: bool = True
    ) -> None:
        self._defined = defined
        self.undefined = undefined
        self.whole = whole
        self.count = len(defined)

    def among(self, names: set[bytes]) -> set[bytes]:
        """Return those of the names that the image offers to others."""
        return names & self._defined


class Image:
    """A PE, ELF or Mach-O file as its loader sees it.

    Attributes:
        path: Where it was read from.
        format: ``pe``, ``elf``, ``macho``, or empty where it is no image.
        machine: Such as ``x86_64``; of a universal binary the slice's that was read.
        bits: 32, 64 or 0.
        machines: Every slice's machine.
        linker_version: PE only (``14.29``); for binaries of MSVC the toolset's version.
        soname: ELF ``DT_SONAME`` or Mach-O install name.
        rpath: ELF ``DT_RPATH`` entries, or Mach-O ``LC_RPATH`` ones.
        runpath: ELF ``DT_RUNPATH`` entries.
        minimum_system: Mach-O: the macOS that it was built for (``12.0``); empty where it does not say.
        version_needs: ELF symbol versions asked of each library: ``{"libc.so.6": ("GLIBC_2.27",)}``.
        version_defs: ELF symbol versions that it defines.
        problem: What is wrong with the file in a few words; empty where nothing is.
    """

    __slots__ = (
        "_exports",
        "_imports",
        "_read_exports",
        "_read_imports",
        "_read_symbols",
        "_read_version",
        "_symbols",
        "_version",
        "bits",
        "format",
        "linker_version",
        "machine",
        "machines",
        "minimum_system",
        "path",
        "problem",
        "rpath",
        "runpath",
        "soname",
        "version_defs",
        "version_needs",
    )

    def __init__(self, path: str, header: Header = NO_HEADER, problem: str = "") -> None:
        self.path = path
        self.format = header.format
        self.machine = header.machine
        self.bits = header.bits
        self.machines = header.machines
        self.problem = problem
        self._imports: tuple[Import, ...] | None = ()
        self.linker_version = ""
        self.soname = ""
        self.rpath: tuple[str, ...] = ()
        self.runpath: tuple[str, ...] = ()
        self.minimum_system = ""
        self.version_needs: dict[str, tuple[str, ...]] = {}
        self.version_defs: frozenset[str] = frozenset()
        self._read_imports: Callable[[], tuple[Import, ...]] = tuple
        self._read_exports: Callable[[], Exports] = Exports
        self._read_version: Callable[[], str] = str
        self._read_symbols: Callable[[], Symbols] = Symbols
        self._exports: Exports | None = None
        self._version: str | None = None
        self._symbols: Symbols | None = None

    def later(
        self,
        exports: Callable[[], Exports] | None = None,
        version: Callable[[], str] | None = None,
        symbols: Callable[[], Symbols] | None = None,
        imports: Callable[[], tuple[Import, ...]] | None = None,
    ) -> None:
        """Say how to read what is read on demand: by functions that can be pickled."""
        self._read_exports = exports or self._read_exports
        self._read_version = version or self._read_version
        self._read_symbols = symbols or self._read_symbols
        if imports:
            self._read_imports, self._imports = imports, None

    @property
    def imports(self) -> tuple[Import, ...]:
        """The libraries that it asks for."""
        if self._imports is None:
            self._imports = self._read_imports()
        return self._imports

    @imports.setter
    def imports(self, imports: tuple[Import, ...]) -> None:
        self._imports = imports

    @property
    def exports(self) -> Exports:
        """What it exports (PE)."""
        if self._exports is None:
            self._exports = self._read_exports()
        return self._exports

    @property
    def version(self) -> str:
        """The file version of its resources (``14.29.30133.0``); empty where it has none."""
        if self._version is None:
            self._version = self._read_version()
        return self._version

    @property
    def symbols(self) -> Symbols:
        """Its dynamic symbols (ELF)."""
        if self._symbols is None:
            self._symbols = self._read_symbols()
        return self._symbols

    def __repr__(self) -> str:
        return f"Image({self.path} {self.format} {self.machine} {self.problem})"

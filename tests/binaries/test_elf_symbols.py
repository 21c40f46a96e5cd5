"""Symbols looked up through the linker's hash tables, against what pyelftools reads out of the symbol table."""

from __future__ import annotations

import re
import struct
import sys
import sysconfig
from pathlib import Path

import pytest

from conda_tf_doctor.binaries.elf import read_elf
from conda_tf_doctor.binaries.elf_file import DT_GNU_HASH
from conda_tf_doctor.binaries.elf_symbols import MAX_CHAIN, SMALL_TEXT, HashedSymbols, gnu_hash
from conda_tf_doctor.binaries.header import read_header
from conda_tf_doctor.binaries.image import Symbols
from conda_tf_doctor.binaries.read import read_image
from tools.tiny_elf import make_so

NAMES = [f"name_{number}" for number in range(40)] + ["_ZN10tensorflow4core3fooEv", "x", "ümlaut"]


def installed() -> list[Path]:
    """Return libraries and modules of this machine, as its own linkers made them."""
    if not sys.platform.startswith("linux"):
        return []
    modules = sorted(Path(sysconfig.get_path("platstdlib"), "lib-dynload").glob("*.so"))[:8]
    mapped = Path("/proc/self/maps").read_text(encoding="utf-8")
    return [*modules, *(Path(path) for path in sorted(set(re.findall(r"/.+\.so(?:\.\d+)*$", mapped, re.M))))]


def by_pyelftools(path: Path) -> tuple[set[bytes], set[bytes]]:
    """Return what a library offers and what it needs, symbol by symbol."""
    from elftools.elf.elffile import ELFFile

    offers, needs = set(), set()
    with path.open("rb") as stream:
        segment = next(s for s in ELFFile(stream).iter_segments() if s.header.p_type == "PT_DYNAMIC")
        for symbol in segment.iter_symbols():
            binding, name = symbol.entry.st_info.bind, symbol.name.encode()
            if not name or binding == "STB_LOCAL":
                continue
            if symbol.entry.st_shndx != "SHN_UNDEF":
                offers.add(name)
            elif binding != "STB_WEAK":
                needs.add(name)
    return offers, needs


def symbols(path: Path) -> Symbols:
    image = read_image(str(path))
    assert not image.problem
    return image.symbols


@pytest.mark.skipif(not installed(), reason="needs the libraries of a Linux")
def test_libraries_of_this_machine() -> None:
    hashed = 0
    for path in installed():
        offers, needs = by_pyelftools(path)
        table = symbols(path)
        hashed += isinstance(table, HashedSymbols)
        assert (table.undefined, table.whole) == (needs, True), path
        others = {name + b"_" for name in offers} | {name[1:] for name in offers} | needs
        assert table.among(offers | others) == offers, path
    assert hashed > 8


@pytest.mark.parametrize("hashes", ["gnu", "sysv"])
@pytest.mark.parametrize("count", [0, 1, 2, 3, len(NAMES)])
def test_what_is_offered_and_what_is_needed(count: int, hashes: str, tmp_path: Path) -> None:
    path = make_so(tmp_path / "a.so", defines=NAMES[:count], undefined=["needed"], weak=["weak"], hashes=hashes)
    table = symbols(path)
    asked = {name.encode() for name in (*NAMES, "needed", "weak", "nam", "name_1 ", "")}
    assert table.among(asked) == {name.encode() for name in NAMES[:count]}
    assert table.among({b"name_0"}) == ({b"name_0"} if count else set())  # the second time from memory
    assert (table.undefined, table.whole) == ({b"needed"}, True)


def test_hashes_are_those_of_the_linker() -> None:
    # The values of glibc's own tst-dl-hash.
    for text, value in {"": 0x1505, "printf": 0x156B2BB8, "exit": 0x7C967E3F, "syscall": 0xBAC212A0}.items():
        assert gnu_hash(text.encode()) == value


def rewritten(path: Path, offset: int, words: list[int]) -> Symbols:
    """Overwrite numbers of the hash table and read the file anew."""
    image = read_elf(str(path), read_header(str(path)))
    assert isinstance(image.symbols, HashedSymbols)
    data = bytearray(path.read_bytes())
    table = data.index(struct.pack("<Q", DT_GNU_HASH))
    (place,) = struct.unpack_from("<Q", data, table + 8)
    struct.pack_into(f"<{len(words)}I", data, place + offset, *words)
    path.write_bytes(data)
    return symbols(path)


@pytest.mark.parametrize(
    ("offset", "words"),
    [(0, [0]), (0, [0xFFFFFFFF]), (0, [100_000]), (4, [0xFFFFFFFF]), (8, [0]), (8, [3]), (8, [0x80000000])],
    ids=["no-bucket", "all-buckets", "more-buckets", "first-is-last", "no-bloom", "odd-bloom", "huge-bloom"],
)
def test_a_damaged_table_proves_nothing(offset: int, words: list[int], tmp_path: Path) -> None:
    path = make_so(tmp_path / "a.so", defines=NAMES, undefined=["needed"])
    assert not rewritten(path, offset, words).whole


def test_a_bloom_filter_that_says_no_is_believed_as_by_ld_so(tmp_path: Path) -> None:
    path = make_so(tmp_path / "a.so", defines=["wanted"])
    assert rewritten(path, 16, [0, 0]).among({b"wanted"}) == set()


def test_a_chain_without_an_end_proves_nothing(tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(4 * MAX_CHAIN)]
    path = make_so(tmp_path / "a.so", defines=names)
    buckets = len(names) // 2
    chain = [2] * (len(names) - 1) + [1]
    table = rewritten(path, 24, [1] * (buckets - 1) + [len(names)] + chain)
    assert table.whole
    assert table.among({b"n0", b"n1", b"n2"}) == {b"n0", b"n1", b"n2"}


def test_a_file_that_is_gone_when_names_are_compared_proves_nothing(tmp_path: Path) -> None:
    path = make_so(tmp_path / "a.so", defines=["wanted"])
    table = symbols(path)
    path.unlink()
    assert table.among({b"wanted"}) == {b"wanted"}
    assert not table.whole


def test_names_of_a_large_library_are_read_one_by_one(tmp_path: Path) -> None:
    long = "_ZN10tensorflow" + "9Namespace" * 100
    path = make_so(tmp_path / "a.so", defines=[f"{long}{number}" for number in range(4_500)], undefined=["needed"])
    assert path.stat().st_size > SMALL_TEXT
    table = symbols(path)
    assert (table.undefined, table.whole) == ({b"needed"}, True)
    asked = {f"{long}{number}".encode(): number < 4_500 for number in (0, 7, 4_499, 4_500)}
    assert table.among(set(asked)) == {name for name, there in asked.items() if there}

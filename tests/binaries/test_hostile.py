"""Damaged and hostile files: no crash, no hang, little memory, and no read outside."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from conda_tf_doctor.binaries.read import read_image
from conda_tf_doctor.binaries.resolve import resolve
from tests.binaries.oracle import named, verdict
from tools.tiny_elf import make_so
from tools.tiny_macho import make_dylib
from tools.tiny_pe import make_dll

SEED, FILES, PARTS = 20_260_101, 5_000, 4


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="measures memory with getrusage")
@pytest.mark.parametrize("part", range(PARTS))
def test_mutated_files(part: int, tmp_path: Path) -> None:
    script = Path(__file__).with_name("mutations.py")
    command = [sys.executable, str(script), str(SEED + part), str(FILES // PARTS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["slowest"] < 2, told
    assert told["peak"] < 200, told
    assert told["outside"] == []
    assert sum(told["read"].values()) == FILES // PARTS
    # A mutation that nothing notices is as telling as one that is: both kinds have to be among them.
    assert {name.rsplit(" ", 1)[1] for name in told["read"]} >= {"good", "corrupt"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"M",
        b"MZ",
        b"MZ" + bytes(58) + struct.pack("<I", 0xFFFFFFF0),
        b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0",
        b"\x7fELF",
        b"\x7fELF\x02\x01\x01" + bytes(57),
        b"\xcf\xfa\xed\xfe" + struct.pack("<I", 0x01000007),
        b"\xca\xfe\xba\xbe" + struct.pack(">I", 0),
        b"\xca\xfe\xba\xbe" + struct.pack(">I", 30) + bytes(8),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n",
        bytes(4096),
        b"<!DOCTYPE html>" * 100,
        b"\xff" * 10_000,
    ],
    ids=lambda data: repr(data[:12]),
)  # fmt: skip
@pytest.mark.parametrize("platform", ["win-64", "linux-64", "osx-arm64"])
def test_files_that_are_no_images(data: bytes, platform: str, tmp_path: Path) -> None:
    path = tmp_path / "module.so"
    path.write_bytes(data)
    closure = resolve(str(tmp_path), platform, [str(path)])
    assert verdict(closure) == 193
    assert closure.roots[0].problem


@pytest.mark.parametrize(
    "name", ["..\\secret.dll", "../secret.dll", "C:\\Windows\\secret.dll", "/etc/passwd.dll", "a\\b.dll"]
)
def test_import_names_lead_nowhere_else(name: str, tmp_path: Path) -> None:
    make_dll(tmp_path / "secret.dll", ["x"])
    top = make_dll(tmp_path / "env" / "top.dll", imports={name: ["x"]})
    closure = resolve(str(tmp_path / "env"), "win-64", [str(top)])
    assert [(module.name, module.path) for module in closure.failures] == [(name, "")]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for a file of Linux")
def test_a_needed_path_outside_is_not_read(tmp_path: Path) -> None:
    secret = make_so(tmp_path / "outside" / "lib.so", needed=["libgone.so"])
    top = make_so(tmp_path / "env" / "module.so", needed=[str(secret), "/no/such/lib.so"])
    closure = resolve(str(tmp_path / "env"), "linux-64", [str(top)])
    outside = named(closure, str(secret))
    assert outside is not None
    assert (outside.image, outside.kind) == (None, "")
    assert [module.name for module in closure.failures] == ["/no/such/lib.so"]


def test_an_install_name_outside_is_not_read(tmp_path: Path) -> None:
    secret = make_dylib(tmp_path / "outside" / "lib.dylib", ["@rpath/gone.dylib"])
    top = make_dylib(tmp_path / "env" / "module.so", [str(secret)])
    closure = resolve(str(tmp_path / "env"), "osx-64", [str(top)])
    assert [module.image for module in closure.modules[1:]] == [None]
    assert verdict(closure) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="makes a named pipe")
def test_a_pipe_of_the_right_name_does_not_hang(tmp_path: Path) -> None:
    top = make_dll(tmp_path / "top.dll", imports={"pipe.dll": ["x"]})
    os.mkfifo(tmp_path / "pipe.dll")
    closure = resolve(str(tmp_path), "win-64", [str(top)])
    assert [module.name for module in closure.failures] == ["pipe.dll"]


def test_names_cannot_drive_a_terminal(tmp_path: Path) -> None:
    from conda_tf_doctor.render.text import Style
    from conda_tf_doctor.render.tree import Tree, dot

    top = make_dll(tmp_path / "top.dll", imports={"\x1b[31mred\x07.dll": ["x"], 'quo"te.dll': ["y"]})
    closure = resolve(str(tmp_path), "win-64", [str(top)])
    text = "\n".join(Tree(closure, str(tmp_path), Style(sys.stdout, False)).problems())
    assert "\x1b" not in text + dot(closure, True)
    assert 'quo\\"te.dll' in dot(closure, True)


def test_a_section_table_that_points_everywhere(tmp_path: Path) -> None:
    path = make_dll(tmp_path / "a.dll", ["x"], imports={"KERNEL32.dll": ["Sleep"]})
    data = bytearray(path.read_bytes())
    section = data.index(b".all")
    struct.pack_into("<IIII", data, section + 8, 0xFFFFFFFF, 0, 0xFFFFFFFF, 0)
    path.write_bytes(data)
    image = read_image(str(path))
    assert image.problem.startswith("truncated")

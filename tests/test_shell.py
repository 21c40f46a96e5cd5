"""Command lines are what the shell they are pasted into hands to the program."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys

import pytest
import tree_sitter_powershell
from hypothesis import given
from hypothesis import strategies as st
from tree_sitter import Language, Parser

from conda_tf_doctor.codes import RULES
from conda_tf_doctor.explain.pages import read_page
from conda_tf_doctor.shell import command_line, quoted
from tests.printed import printed_lines
from tests.shells import received

WINDOWS = "win-64"


@pytest.mark.parametrize(
    ("command", "windows", "posix"),
    [
        (["conda", "install", "vc>=14.4"], 'conda install "vc>=14.4"', "conda install 'vc>=14.4'"),
        (["conda", "install", "numpy=1.26", "-y"], "conda install numpy=1.26 -y", "conda install numpy=1.26 -y"),
        (["conda", "install", "-p", r"C:\R&D\tf"], r'conda install -p "C:\R&D\tf"', r"conda install -p 'C:\R&D\tf'"),
        (["conda", "run", "-p", "C:\\a b\\"], 'conda run -p "C:\\a b\\\\"', "conda run -p 'C:\\a b\\'"),
        ([r"C:\a b\python.exe", "-m", "pip"], r'C:\"a b"\python.exe -m pip', r"'C:\a b\python.exe' -m pip"),
        ([r"\\server\a b\python.exe", "-V"], r'\\server\"a b"\python.exe -V', r"'\\server\a b\python.exe' -V"),
        (["pip", "install", "numpy>=1,<2", ""], 'pip install "numpy>=1,<2" ""', "pip install 'numpy>=1,<2' ''"),
        (["conda", "run", "-p", "C:\\Büro\\tf"], "conda run -p C:\\Büro\\tf", "conda run -p 'C:\\Büro\\tf'"),
    ],
)  # fmt: skip
def test_a_command_is_written_for_its_shell(command: list[str], windows: str, posix: str) -> None:
    assert (command_line(command, WINDOWS), command_line(command, "linux-64")) == (windows, posix)
    assert command_line(command) == (windows if sys.platform == "win32" else posix)
    assert [quoted(word, WINDOWS) for word in command[1:]] == [command_line(["x", w], WINDOWS)[2:] for w in command[1:]]


_words = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


@given(st.lists(_words, min_size=1, max_size=4))
def test_every_word_arrives(words: list[str]) -> None:
    assert received(command_line(["conda", *words], WINDOWS)) == ["conda", *words]
    assert shlex.split(command_line(["conda", *words], "linux-64")) == ["conda", *words]


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    "word", ["a\nb c", "it's\n7", "back\\slash\t\r", "\x1b[31m7", "\u202eabc", "caf\u00e9\u200b", "x\udcff1", "\ud800"]
)
def test_what_cannot_be_seen_arrives_out_of_a_line_that_can(word: str) -> None:
    line = command_line(["printf", "%s", word], "linux-64")
    assert line.isprintable() and line == f"printf %s {quoted(word, 'osx-arm64')}"
    kind = "surrogateescape" if "\udcff" in word else "surrogatepass"
    assert subprocess.run(["bash", "-c", line], stdout=subprocess.PIPE, check=True).stdout == word.encode("utf-8", kind)


@given(st.lists(st.text(st.sampled_from("ab &<%^(' -.=,"), min_size=1), min_size=1, max_size=4))
def test_a_program_is_never_a_string_of_powershell(parts: list[str]) -> None:
    program = "\\".join(["C:", *parts])
    line = command_line([program, "-m"], WINDOWS)
    assert not line.startswith(('"', "'")) and received(line) == [program, "-m"]


def commands_of_pages() -> list[str]:
    found = []
    for code in RULES:
        for _, text in read_page(code).sections:
            for place, block in enumerate(text.split("```")):
                found += [line for line in block.split("\n")[1:] if line] if place % 2 else []
    return sorted(set(found))


@pytest.mark.parametrize("line", commands_of_pages())
def test_a_command_of_a_page_is_read_alike_by_every_shell(line: str) -> None:
    if "$CONDA_PREFIX" not in line:  # that is Linux's
        assert received(line) == shlex.split(line)


def _of_powershell(line: str) -> tuple[str, list[str]]:
    """Return the program and the arguments of the one command that PowerShell's grammar finds in a line."""
    tree = Parser(Language(tree_sitter_powershell.language())).parse(line.encode())
    assert not tree.root_node.has_error, line
    node = tree.root_node
    # A program holds one statement, that one pipeline, that one command.
    while node.type != "command":
        assert len(node.named_children) == 1, f"{line}: {node.type}"
        node = node.named_children[0]
    name, *rest = node.named_children
    parts = [part for each in rest for part in each.named_children if part.type != "command_argument_sep"]
    for part in parts:
        kinds = {part.type, *(child.type for child in part.named_children)}
        assert kinds <= {"generic_token", "command_parameter", "array_literal_expression", "unary_expression"}, line
    return name.text.decode(), [part.text.decode() for part in parts]


@pytest.mark.parametrize("line", printed_lines())
def test_powershell_reads_a_printed_command_as_it_is_meant(line: str) -> None:
    program, arguments = _of_powershell(line)
    assert received(" ".join([program, *arguments])) == received(line)
    # In double quotes PowerShell looks at `$` and at a backtick alone.
    assert not any(sign in argument for argument in arguments for sign in "$`")

"""Prefixes of every platform, whole and broken, read as files."""

from __future__ import annotations

import ctypes
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.site import find_site_packages
from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.screen import render
from conda_tf_doctor.render.text import Style
from conda_tf_doctor.subdirs import this_platform
from tests.wine import no_junctions
from tools.prefixes import add_dist, add_record, link_folder, make_prefix, record
from tools.tiny_macho import make_dylib


def names(env: Environment) -> dict[str, tuple[str, str]]:
    return {package.name: (package.version, package.manager) for package in env.packages}


def noted(env: Environment) -> dict[str, str]:
    return {note.path: note.message for note in env.notes}


@pytest.mark.parametrize(
    ("platform", "bits", "machine"),
    [
        ("win-64", 64, "x86_64"),
        ("win-32", 32, "x86"),
        ("win-arm64", 64, "arm64"),
        ("linux-64", 64, "x86_64"),
        ("linux-aarch64", 64, "aarch64"),
        ("osx-64", 64, "x86_64"),
        ("osx-arm64", 64, "arm64"),
    ],
)
def test_the_executable_tells_platform_machine_and_bits(tmp_path: Path, platform: str, bits: int, machine: str) -> None:
    prefix = make_prefix(tmp_path / "env", platform, "3.9.18")
    add_record(prefix, platform, "numpy", "1.26.4", "py39_0", distribution="numpy")
    add_dist(prefix, "tensorflow", "2.10.0", requires=["numpy>=1.20"])
    env = read_prefix(str(prefix))
    assert (env.platform, env.python.version, env.python.bits, env.python.machine) == (
        platform,
        "3.9.18",
        bits,
        machine,
    )
    assert names(env) == {
        "python": ("3.9.18", "conda"), "numpy": ("1.26.4", "conda"), "tensorflow": ("2.10.0", "pip"),
    }  # fmt: skip
    here = this_platform()
    # Windows and macOS run what is for another processor, too.
    runs = platform == here or (here[:3] in ("win", "osx") and platform[:3] == here[:3])
    assert env.notes == [] and env.this_machine == runs
    tensorflow = env.package("tensorflow")
    assert tensorflow is not None
    assert (tensorflow.depends, tensorflow.channel) == (("numpy>=1.20",), "pypi")
    assert tensorflow.source.endswith("site-packages/tensorflow-2.10.0.dist-info") and "\\" not in tensorflow.source


@pytest.mark.parametrize("platform", ["win-64", "linux-aarch64"])
def test_without_an_executable_the_records_tell_the_platform(tmp_path: Path, platform: str) -> None:
    prefix = make_prefix(tmp_path / "env", platform, "")
    add_record(prefix, platform, "python", "3.10.13", "h0_0", files=["x"] * 3000)
    assert read_prefix(str(prefix)).platform == platform


def test_a_channel_url_tells_the_platform_of_a_record_without_a_subdir(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "osx-arm64", "")
    document = record("osx-arm64", "python", "3.10.13", "h0_0")
    del document["subdir"]
    (prefix / "conda-meta" / "python-3.10.13-h0_0.json").write_text(json.dumps(document), encoding="utf-8")
    assert read_prefix(str(prefix)).platform == "osx-arm64"


def test_records_name_channel_and_dependencies(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    add_record(prefix, "linux-64", "cudnn", "8.1.0.77", "h90431f1_0", depends=["cudatoolkit 11.*"], constrains=["x <1"])
    add_record(prefix, "linux-64", "six", "1.16.0", "pyhd3eb1b0_1", "defaults", noarch="python", distribution="six")
    env = read_prefix(str(prefix))
    cudnn, six = env.conda("cudnn"), env.conda("six")
    assert cudnn is not None and six is not None
    assert (cudnn.build, cudnn.channel, cudnn.depends) == ("h90431f1_0", "conda-forge", ("cudatoolkit 11.*",))
    assert (cudnn.constrains, six.channel) == (("x <1",), "defaults")
    assert len(env.all_named("six")) == 1, "a noarch package's dist-info is conda's"


def rattler(document: dict) -> dict:
    """The order in which rattler (pixi) writes a record: the package's own fields first, lists of files last."""
    first = ("build", "build_number", "depends", "constrains", "name", "subdir", "version", "fn", "channel")
    return {**{key: document[key] for key in first}, **document}


def files_first(document: dict) -> dict:
    return {"files": document["files"], "name": document["name"], "version": document["version"], **document}


def files_in_the_middle(document: dict) -> dict:
    order = ("name", "version", "channel", "files", "depends", "constrains", "subdir")
    return {**{key: document[key] for key in order}, **document}


def constrains_last(document: dict) -> dict:
    head = {key: document[key] for key in ("depends", "channel", "files")}
    return {**head, **{k: v for k, v in document.items() if k != "constrains"}, "constrains": document["constrains"]}


@pytest.mark.parametrize("indent", [None, 2, 4])
@pytest.mark.parametrize("order", [dict, rattler, files_first, files_in_the_middle, constrains_last])
def test_the_order_of_a_records_keys_does_not_matter(tmp_path: Path, order: Callable, indent: int | None) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    files = [f"lib/python3.10/site-packages/tensorflow/include/header_{number}.h" for number in range(4000)]
    document = record(
        "linux-64", "tensorflow-base", "2.15.0", "cuda120py310h_0",
        depends=["cudnn >=8.8,<9"], constrains=["tensorflow-gpu ==2.15"], files=files,
    )  # fmt: skip
    path = prefix / "conda-meta" / "tensorflow-base-2.15.0-cuda120py310h_0.json"
    path.write_text(json.dumps(order(document), indent=indent), encoding="utf-8")
    assert path.stat().st_size > 1 << 17
    env = read_prefix(str(prefix))
    package = env.conda("tensorflow-base")
    assert package is not None
    assert package.depends == ("cudnn >=8.8,<9",)
    assert package.constrains == ("tensorflow-gpu ==2.15",)
    assert (package.channel, env.notes) == ("conda-forge", [])


def test_a_record_that_starts_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    text = json.dumps(record("linux-64", "numpy", "1.26.4", "py310_0", depends=["libblas"]), indent=2)
    (prefix / "conda-meta" / "numpy-1.26.4-py310_0.json").write_text(text, encoding="utf-8-sig")
    (prefix / "conda-meta" / "odd.json").write_text(text.replace("numpy", "odd"), encoding="utf-8-sig")
    env = read_prefix(str(prefix))
    assert env.packages and env.conda("numpy").depends == ("libblas",)  # type: ignore[union-attr]
    assert "odd" in names(env) and env.notes == []


# What breaks a record, the note it leaves, and whether the package is still there.
BROKEN: dict[str, tuple[Callable[[Path], object], str, bool]] = {
    "half-written": (lambda path: path.write_bytes(path.read_bytes()[:200]), "broken JSON", True),
    "not UTF-8": (lambda path: path.write_bytes(b'{"name": "\xff\xfe"}'), "broken JSON", True),
    "a list": (lambda path: path.write_text("[]"), "not a JSON object", True),
    "nested too deeply": (lambda path: path.write_text("[" * 200_000), "broken JSON", True),
    "empty": (lambda path: path.write_text(""), "empty", False),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "no file", False),
}
# What a folder of Windows does not have, or not everybody may put there.
ON_POSIX: dict[str, tuple[Callable[[Path], object], str, bool]] = {
    "a pipe": (lambda path: (path.unlink(), os.mkfifo(path)), "no file", False),
    "a dangling link": (lambda path: (path.unlink(), path.symlink_to(path.with_name("gone"))), "leads nowhere", False),
    "a link to itself": (lambda path: (path.unlink(), path.symlink_to(path)), "", False),
}
if os.name != "nt":
    BROKEN |= ON_POSIX


@pytest.mark.parametrize("breakage", BROKEN)
def test_a_broken_record_is_noted_and_the_rest_checked(tmp_path: Path, breakage: str) -> None:
    apply, words, there = BROKEN[breakage]
    prefix = make_prefix(tmp_path / "env", "win-64", "3.12.1")
    path = add_record(prefix, "win-64", "tensorflow", "2.10.0", "mkl_py310_0", "defaults")
    add_dist(prefix, "tensorflow", "2.10.0")
    numpy = add_record(prefix, "win-64", "h5py", "3.10.0", "py312_0")
    apply(numpy)
    path.unlink()
    env = read_prefix(str(prefix))
    diagnosis = diagnose(env, load_matrix())
    for package in env.packages:
        assert isinstance(package.depends, tuple) and isinstance(package.channel, str)
    source = "conda-meta/h5py-3.10.0-py312_0.json"
    assert words in noted(env)[source]
    assert (env.conda("h5py") is not None) == there
    assert "TFD201" in {finding.code for finding in diagnosis.findings}, "the rest is still checked"
    if not there:
        told = [finding for finding in diagnosis.findings if finding.code == "TFD901"]
        assert [(finding.severity, finding.evidence) for finding in told] == [("info", (source,))]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"version": "1.0"}', "'name'"),
        ('{"name": "odd"}', "'version'"),
        ('{"name": 3, "version": "1"}', "not text"),
        ("[1]", "broken"),
        ("{", "broken"),
    ],
)
def test_a_record_whose_file_name_does_not_tell_is_read_whole_or_left_out(
    tmp_path: Path, text: str, reason: str
) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    (prefix / "conda-meta" / "odd.json").write_text(text, encoding="utf-8")
    env = read_prefix(str(prefix))
    assert reason in noted(env)["conda-meta/odd.json"] and "odd" not in names(env)


def test_two_records_of_one_package_are_noted(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    add_record(prefix, "linux-64", "numpy", "1.26.4", "py310_0")
    add_record(prefix, "linux-64", "numpy", "2.0.0", "py310_0")
    env = read_prefix(str(prefix))
    assert "interrupted" in noted(env)["conda-meta/numpy-2.0.0-py310_0.json"]
    assert len(env.all_named("numpy")) == 2


def test_a_free_threaded_python_has_its_own_site_packages(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.13.0", "h0_0_cp313t")
    add_dist(prefix, "numpy", "2.1.3")
    (prefix / "lib" / "python3.13" / "site-packages" / "numpy-1.0.dist-info").mkdir(parents=True)
    env = read_prefix(str(prefix))
    assert env.python.minor == "3.13" and env.package("numpy").version == "2.1.3"  # type: ignore[union-attr]


def test_a_folder_of_another_python_does_not_count(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.9.18")
    (prefix / "lib" / "python3.10" / "site-packages" / "numpy-2.0.0.dist-info").mkdir(parents=True)
    (prefix / "lib" / "site-packages").mkdir()
    assert find_site_packages(str(prefix), "3.9").endswith("python3.9/site-packages".replace("/", os.sep))
    assert find_site_packages(str(prefix), "").endswith("python3.10/site-packages".replace("/", os.sep))


@pytest.mark.parametrize("key", ["version", "version_info"])
def test_a_venv_is_an_environment(tmp_path: Path, key: str) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.11.7")
    for path in (prefix / "conda-meta").iterdir():
        path.unlink()
    (prefix / "conda-meta").rmdir()
    (prefix / "pyvenv.cfg").write_text(f"home = /usr/bin\n{key} = 3.11.7.final.0\n")
    add_dist(prefix, "tensorflow", "2.15.0")
    env = read_prefix(str(prefix))
    assert (env.python.version, env.platform, names(env)) == ("3.11.7", "linux-64", {"tensorflow": ("2.15.0", "pip")})


@pytest.mark.parametrize(("platform", "marker"), [("win-64", "python39.dll"), ("linux-64", "")])
def test_a_python_that_nobody_recorded_shows_its_minor(tmp_path: Path, platform: str, marker: str) -> None:
    prefix = make_prefix(tmp_path / "env", platform, "3.9.18")
    for path in (prefix / "conda-meta").iterdir():
        path.unlink()
    if marker:
        (prefix / marker).write_text("")
    assert read_prefix(str(prefix)).python.version == "3.9"


@no_junctions
def test_a_prefix_reached_through_a_link_is_the_same(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "real env ü", "win-64")
    add_dist(prefix, "tensorflow", "2.10.0")
    link = tmp_path / "link"
    link_folder(link, prefix)
    one, other = read_prefix(str(prefix)), read_prefix(str(link) + os.sep)
    assert names(one) == names(other)
    assert [p.source for p in one.packages] == [p.source for p in other.packages]


def test_an_executable_that_is_none_is_noted(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "win-64")
    (prefix / "python.exe").write_text("#!/bin/sh\n")
    env = read_prefix(str(prefix))
    assert "no executable image" in noted(env)["python.exe"]
    assert (env.platform, env.python.bits) == ("win-64", 0), "the records still tell the platform"


no_links = pytest.mark.skipif(
    os.name == "nt", reason="not everybody may make links on Windows, and no Python comes with one"
)


@no_links
def test_a_python_whose_link_leads_nowhere_is_noted(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    (prefix / "bin" / "python3.10").unlink()
    env = read_prefix(str(prefix))
    assert "leads nowhere" in noted(env)["bin/python"] and env.platform == "linux-64"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.write_text(""), "is a file"),
        (lambda path: path.mkdir(), "not an environment"),
    ],
    ids=["nothing", "a file", "an empty folder"],
)
def test_what_is_no_environment_is_one_sentence(tmp_path: Path, make: Callable, words: str) -> None:
    make(tmp_path / "env")
    with pytest.raises(UsageError) as caught:
        read_prefix(str(tmp_path / "env"))
    assert words in str(caught.value) and str(tmp_path / "env") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reading_does_not_write(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64")
    add_dist(prefix, "tensorflow", "2.15.0")
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in prefix.rglob("*"))
    diagnose(read_prefix(str(prefix)), load_matrix())
    assert sorted((str(path), path.lstat().st_mtime_ns) for path in prefix.rglob("*")) == before


@pytest.mark.parametrize("name", ["numpy", "python", "tensorflow-base", "cuda-nvcc"])
def test_a_half_written_record_of_the_stack_is_told_though_no_rule_reads_it(tmp_path: Path, name: str) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    add_dist(prefix, "tensorflow", "2.15.0")
    path = add_record(prefix, "linux-64", name, "1.26.4" if name == "numpy" else "3.10.13", "h0_0_cpython")
    path.write_bytes(path.read_bytes()[:-3])
    env = read_prefix(str(prefix))
    assert "cut off" in noted(env)[f"conda-meta/{path.name}"]
    package = env.conda(name)
    assert package is not None and package.depends == () and len(env.notes) == 1


@contextmanager
def powerless() -> Iterator[None]:
    """Take from root, for a while, what root may do beyond the files' permissions; it stays root, whose files we read.

    Another user would not do: nobody else may look into the folders of root.
    """
    if os.geteuid():
        yield
        return
    # capset(2): version 3 of the structure, for this thread; each kind of bits is in two words.
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    bits = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, bits) == 0, os.strerror(ctypes.get_errno())
    without = (ctypes.c_uint32 * 6)(*bits)
    without[0] &= ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, without) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        assert libc.capset(header, bits) == 0, os.strerror(ctypes.get_errno())


@pytest.mark.skipif(sys.platform != "linux", reason="takes root's capabilities away, as Linux has them")
@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("conda-meta/numpy-1.26.4-py310_0.json", "cannot be read: Permission denied; its dependencies are unknown"),
        ("lib/python3.10/site-packages/tensorflow-2.15.0.dist-info", "cannot be read: Permission denied"),
    ],
)
def test_what_may_not_be_read_is_told(tmp_path: Path, what: str, words: str) -> None:
    def screen() -> str:
        text = render(diagnose(read_prefix(str(prefix)), load_matrix()), Style(io.StringIO(), False), verbose=1)
        return " ".join(text.split())

    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    add_dist(prefix, "tensorflow", "2.15.0")
    add_record(prefix, "linux-64", "numpy", "1.26.4", "py310_0")
    assert words not in screen()
    (prefix / what).chmod(0)
    try:
        with powerless():
            assert words in screen()
    finally:
        (prefix / what).chmod(0o755)


@pytest.mark.skipif(sys.platform != "linux", reason="takes root's capabilities away, as Linux has them")
@pytest.mark.parametrize("closed", ["lib", "lib/python3.10", "lib/python3.10/site-packages", "conda-meta"])
def test_a_folder_that_may_not_be_read_is_not_absent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], closed: str
) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    add_dist(prefix, "tensorflow", "2.15.0")
    (prefix / closed).chmod(0)
    try:
        with powerless():
            assert console(["check", "-p", str(prefix)]) == 2
    finally:
        (prefix / closed).chmod(0o755)
    told = capsys.readouterr()
    assert told.out == "" and len(told.err.splitlines()) == 1
    assert f"The folder {prefix / closed}" in told.err and "cannot be read: " in told.err


def test_a_half_written_record_that_rules_read_is_told(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    path = add_record(prefix, "linux-64", "tensorflow", "2.15.0", "cpu_py310h0_0", depends=["numpy >=1.22.4,<2.0a0"])
    path.write_bytes(path.read_bytes()[:150])
    findings = diagnose(read_prefix(str(prefix)), load_matrix()).findings
    told = [finding for finding in findings if finding.code == "TFD901"]
    assert [finding.evidence for finding in told] == [("conda-meta/tensorflow-2.15.0-cpu_py310h0_0.json",)]
    assert told[0].severity == "info" and "broken JSON" in told[0].message


@pytest.mark.parametrize("order", [("x86_64", "arm64"), ("arm64", "x86_64")])
@pytest.mark.parametrize("installed", ["x86_64", "arm64", ""])
def test_a_universal_python_runs_as_what_is_installed_for_it(
    tmp_path: Path, order: tuple[str, str], installed: str
) -> None:
    prefix = tmp_path / "env"
    make_dylib(prefix / "bin/python", machines=order)
    (prefix / "pyvenv.cfg").write_text("version = 3.11.9\n")
    site_packages = prefix / "lib/python3.11/site-packages"
    site_packages.mkdir(parents=True)
    if installed:
        make_dylib(site_packages / "tensorflow/python/_pywrap_tensorflow_internal.so", machines=[installed])
    env = read_prefix(str(prefix))
    machine = installed or order[0]
    assert (env.platform, env.python.machine) == ({"x86_64": "osx-64", "arm64": "osx-arm64"}[machine], machine)
    assert read_prefix(str(prefix), "osx-arm64").platform == "osx-arm64"


def _script_for_python(prefix: Path) -> None:
    (prefix / "bin" / "python3.10").write_text("#!/bin/sh\n")


def _two_of_numpy(prefix: Path) -> None:
    add_record(prefix, "linux-64", "numpy", "1.24.3", "py310_0")


def _numpy_cut_off(prefix: Path) -> None:
    path = prefix / "conda-meta" / "numpy-1.26.4-py310_0.json"
    path.write_bytes(path.read_bytes()[:150])


def _gutted(*folders: str) -> Callable[[Path], None]:
    def gut(prefix: Path) -> None:
        for folder in folders:
            (prefix / "lib/python3.10/site-packages" / folder).mkdir()

    return gut


def _record(name: str, text: str) -> Callable[[Path], None]:
    return lambda prefix: (prefix / "conda-meta" / name).write_text(text) and None


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_script_for_python, True),
        pytest.param(lambda prefix: (prefix / "bin" / "python3.10").unlink(), True, marks=no_links),
        (_two_of_numpy, True),
        (_numpy_cut_off, True),
        (_gutted("gast-0.5.5.dist-info"), True),
        # The package that is missing may be what could not be read.
        (_gutted("wrapt-1.14.1.dist-info", "wrapt-1.14.0.dist-info"), False),
        (_record("odd.json", "{}"), False),
        (_record("wrapt-1.14.1-py310_0.json", ""), False),
    ],
    ids=["script", "link", "two", "cut off", "no metadata", "no metadata twice", "odd record", "empty record"],
)
def test_what_is_unreadable_hides_a_missing_package_only_where_it_may_be_that(
    tmp_path: Path, spoil: Callable[[Path], None], told: bool
) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    depends = ["wrapt >=1.11.0,<1.15"]
    add_record(prefix, "linux-64", "tensorflow-base", "2.15.0", "cpu_py310h0_0", depends=depends)
    add_record(prefix, "linux-64", "numpy", "1.26.4", "py310_0")
    (prefix / "lib/python3.10/site-packages/tensorflow").mkdir()
    spoil(prefix)
    env = read_prefix(str(prefix))
    found = [f.package for f in diagnose(env, load_matrix()).findings if f.code == "TFD611" and f.severity == "error"]
    assert env.notes and found == ["wrapt"] * told

"""Which Python files records list, which of them are held to it, and what an import reads."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from conda_tf_doctor.binaries.remembered import Remembered
from conda_tf_doctor.context import sources
from conda_tf_doctor.context.context import Context
from conda_tf_doctor.context.sources import damaged_sources, read_by
from conda_tf_doctor.environment.facts import CONDA, PIP, Environment
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix
from tools.prefixes import add_dist, add_record, make_prefix


def lines(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()


def test_the_lines_of_a_record_of_pip_s() -> None:
    listed = lines(
        "wrapt/__init__.py,sha256=abc-_1,12", "wrapt/bare.py,,7\r", "wrapt/x.so,sha256=abc,9", "../../bin/a.py,,3",
        "/usr/b.py,,4", "C:/c.py,,5", "wrapt/unsized.py,sha256=abc,", "wrapt.dist-info/RECORD,,",
    )  # fmt: skip
    assert list(sources._of_pip(listed)) == [("wrapt/__init__.py", "12"), ("wrapt/bare.py", "7")]


def entry(path: str, rest: str = '"size_in_bytes": 5') -> str:
    return f'{{"_path": "{path}", {rest}}}'


def test_the_entries_of_a_record_of_conda_s() -> None:
    site = "lib/python3.10/site-packages"
    written = [
        entry(f"{site}/six.py"), entry("site-packages/wrapt/__init__.py", '"sha256": "0", "size_in_bytes": 12'),
        entry(f"{site}/x.so"), entry("bin/a.py"), entry(f"{site}/unsized.py", '"sha256": "0"'),
        entry(f"{site}/moved.py", '"prefix_placeholder": "/opt", "size_in_bytes": 9'),
    ]  # fmt: skip
    found = list(sources._of_conda(f"[{', '.join(written)}]".encode()))
    assert found == [(f"{site}/six.py", "5"), ("site-packages/wrapt/__init__.py", "12")]
    assert list(sources._of_conda(b"[]")) == []
    # At the very beginning, too, there may be one.
    assert list(sources._of_conda(b'.py"')) == []


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return make_prefix(tmp_path / "env", "linux-64", "3.10.13")


def of_conda(prefix: Path, name: str, version: str, files: dict[str, str], build: str = "py310h0_0") -> None:
    """Add a record of conda's that lists files, which are there."""
    paths = []
    for file, text in files.items():
        path = f"lib/python3.10/site-packages/{file}"
        (prefix / path).parent.mkdir(parents=True, exist_ok=True)
        (prefix / path).write_bytes(text.encode())
        paths.append({"_path": path, "path_type": "hardlink", "size_in_bytes": len(text)})
    listed = {"files": [each["_path"] for each in paths], "paths_data": {"paths": paths, "paths_version": 1}}
    add_record(prefix, "linux-64", name, version, build, **listed)


def read(prefix: Path) -> tuple[Environment, str]:
    return read_prefix(str(prefix), "linux-64"), str(prefix / "lib" / "python3.10" / "site-packages")


def inside(path: str, folder: str) -> str:
    return os.path.relpath(path, folder).replace(os.sep, "/")


def told(prefix: Path, kept: Remembered | None = None) -> list[tuple[str, str, str, int, str]]:
    """Return kind, owner, manager, recorded size and file of each damage."""
    env, site = read(prefix)
    return sorted(
        (d.kind, d.recorded.owner, d.recorded.manager, d.recorded.size, inside(d.recorded.path, site))
        for d in damaged_sources(env, site, kept)
    )


def test_conda_s_files_are_held_to_conda_s_record(prefix: Path) -> None:
    of_conda(prefix, "wrapt", "1.14.1", {"wrapt/__init__.py": "a = 1\n", "wrapt/deep.py": "b = 22\n"})
    of_conda(prefix, "requests", "2.31.0", {"requests/__init__.py": "c = 3\n"})
    assert told(prefix) == []
    site = prefix / "lib" / "python3.10" / "site-packages"
    (site / "wrapt" / "deep.py").unlink()
    (site / "wrapt" / "__init__.py").write_text("")
    (site / "requests" / "__init__.py").write_text("")
    assert [entry[1:] for entry in told(prefix)] == [
        ("wrapt", CONDA, 7, "wrapt/deep.py"),
        ("wrapt", CONDA, 6, "wrapt/__init__.py"),
    ]


def test_what_pip_put_over_conda_s_counts_alone(prefix: Path) -> None:
    of_conda(prefix, "wrapt", "1.14.1", {"wrapt/__init__.py": "a = 1\n"})
    add_dist(prefix, "wrapt", "1.16.0", files={"wrapt/__init__.py": "longer = 1\n"})
    assert told(prefix) == []
    (prefix / "lib" / "python3.10" / "site-packages" / "wrapt" / "__init__.py").write_text("")
    assert [entry[1:4] for entry in told(prefix)] == [("wrapt", PIP, 11)]


def test_numpy_s_base_is_pip_s_where_numpy_is(prefix: Path) -> None:
    of_conda(prefix, "numpy-base", "1.26.4", {"numpy/__init__.py": "a = 1\n"})
    assert told(prefix) == []
    (prefix / "lib" / "python3.10" / "site-packages" / "numpy" / "__init__.py").write_text("")
    assert [entry[1:3] for entry in told(prefix)] == [("numpy-base", CONDA)]
    add_dist(prefix, "numpy", "1.26.4", files={"numpy/__init__.py": "other = 1\n"})
    assert told(prefix) == []


def test_no_record_of_conda_s_tensorflow_counts_where_pip_s_is(prefix: Path) -> None:
    of_conda(prefix, "tensorflow-base", "2.10.0", {"tensorflow/__init__.py": "a = 1\n"}, "cpu_py310h0_0")
    (prefix / "lib" / "python3.10" / "site-packages" / "tensorflow" / "__init__.py").write_text("")
    assert [entry[1:3] for entry in told(prefix)] == [("tensorflow-base", CONDA)]
    add_dist(prefix, "tensorflow-cpu", "2.10.0", files={"tensorflow/__init__.py": "other = 1\n"})
    assert told(prefix) == []


def test_of_several_dist_infos_the_newest_counts(prefix: Path) -> None:
    site = add_dist(prefix, "wrapt", "1.14.1", files={"wrapt/__init__.py": "a = 1\n"}).parent
    add_dist(prefix, "wrapt", "1.16.0", files={"wrapt/__init__.py": "longer = 1\n"})
    for place, version in enumerate(("1.14.1", "1.16.0")):
        os.utime(site / f"wrapt-{version}.dist-info", (1000 + place, 1000 + place))
    assert told(prefix) == []
    (site / "wrapt" / "__init__.py").write_bytes(b"a = 1\n")
    assert [entry[1:4] for entry in told(prefix)] == [("wrapt", PIP, 11)]


def test_tests_that_somebody_took_away_are_no_damage(prefix: Path) -> None:
    files = {"wrapt/__init__.py": "a = 1\n", "wrapt/tests/test_a.py": "b = 1\n", "wrapt/conftest.py": "c = 1\n"}
    site = add_dist(prefix, "wrapt", "1.14.1", files=files).parent
    for name in ("wrapt/tests/test_a.py", "wrapt/conftest.py"):
        (site / name).unlink()
    assert told(prefix) == []


def test_a_file_that_two_record_is_whole_as_any_of_them_says(prefix: Path) -> None:
    add_dist(prefix, "tensorflow", "2.10.0", files={"tensorflow/__init__.py": "a = 1\n"})
    add_dist(prefix, "tensorflow-cpu", "2.10.0", files={"tensorflow/__init__.py": "longer = 1\n"})
    assert told(prefix) == []


def test_a_record_is_opened_once_and_remembered(prefix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    add_dist(prefix, "wrapt", "1.14.1", files={"wrapt/__init__.py": "a = 1\n"})
    of_conda(prefix, "six", "1.16.0", {"six.py": "b = 1\n"})
    kept = Remembered(str(prefix))
    time.sleep(2.1)  # what was written just now is not remembered
    assert told(prefix, kept) == []
    kept.save()
    kept = Remembered(str(prefix))
    opened: list[str] = []
    real = sources.read_bytes
    monkeypatch.setattr(sources, "read_bytes", lambda path, limit: (opened.append(path), real(path, limit))[1])
    assert (told(prefix), len(opened)) == ([], 2)
    # What is remembered is held to the disk all the same.
    (prefix / "lib" / "python3.10" / "site-packages" / "six.py").unlink()
    assert [entry[:2] for entry in told(prefix, kept)] == [("gone", "six")] and len(opened) == 2


def test_the_files_of_what_has_no_platform_lie_beside_site_packages(prefix: Path) -> None:
    site = prefix / "lib" / "python3.10" / "site-packages"
    (site / "gast").mkdir()
    (site / "gast" / "__init__.py").write_bytes(b"a = 1\n")
    paths = [{"_path": "site-packages/gast/__init__.py", "size_in_bytes": 6}]
    listed = {"files": [paths[0]["_path"]], "paths_data": {"paths": paths, "paths_version": 1}}
    add_record(prefix, "linux-64", "gast", "0.5.4", "pyhd8ed1ab_0", **listed)
    assert told(prefix) == []
    (site / "gast" / "__init__.py").write_text("")
    assert [entry[1:] for entry in told(prefix)] == [("gast", CONDA, 6, "gast/__init__.py")]


@pytest.mark.parametrize(
    ("text", "everywhere", "names"),
    [
        ("import os, sys as s  # and re\n", False, ["os", "sys"]),
        ("    import os\n", False, []),
        ("    import os\n", True, ["os"]),
        ("from a.b import c as d, e\n", False, ["a.b", "a.b.c", "a.b.e"]),
        ("from . import c\n", False, ["p.q", "p.q.c"]),
        ("from .x import c\n", False, ["p.q.x", "p.q.x.c"]),
        ("from ..x import (c,  # one\n    d)\n", False, ["p.x", "p.x.c", "p.x.d"]),
        ("x = 'import os'\n", True, []),
    ],
)
def test_what_the_statements_of_a_module_import(text: str, everywhere: bool, names: list[str]) -> None:
    assert [".".join(parts) for parts in sources._imported(text, ["p", "q"], everywhere)] == names


def test_what_a_module_beside_a_package_imports_is_relative_to_where_it_lies(tmp_path: Path) -> None:
    files = {
        "a/__init__.py": "from . import one\n", "a/one.py": "from .two import x\nimport b\n", "a/two.py": "",
        "b.py": "from c import d\n", "c/__init__.py": "import a.one\n", "c/d.py": "", "c/e.py": "",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    asked = [str(tmp_path / name) for name in files]
    assert read_by(["a"], str(tmp_path), asked) == set(asked) - {str(tmp_path / "c" / "e.py")}
    # A file that is asked for need not be there; nothing is read of a root that is not.
    gone = str(tmp_path / "c" / "gone.py")
    (tmp_path / "c" / "d.py").write_text("import c.gone\n")
    assert read_by(["b"], str(tmp_path), [gone]) == {gone} and read_by(["nothing"], str(tmp_path), asked) == set()


def test_the_damages_of_a_context_are_those_of_its_own_disk(prefix: Path, tmp_path: Path) -> None:
    add_dist(prefix, "tensorflow", "2.10.1", files={"tensorflow/__init__.py": "a = 1\n", "tensorflow/x.py": "b = 1\n"})
    (prefix / "lib" / "python3.10" / "site-packages" / "tensorflow" / "x.py").write_text("")
    env, _ = read(prefix)
    assert [damage.kind for damage in Context(env, load_matrix()).sources] == ["shorter"]
    other = env.having([package for package in env.packages if package.name != "tensorflow"])
    assert Context(other, load_matrix()).sources == []
    env.kind = "solve"
    assert Context(env, load_matrix()).sources == []


def test_what_was_read_is_kept_where_it_may_be(prefix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    monkeypatch.setattr("conda_tf_doctor.binaries.remembered.cache_folder", lambda: str(tmp_path / "cache"))
    add_dist(prefix, "tensorflow", "2.10.1", files={"tensorflow/__init__.py": "a = 1\n"})
    time.sleep(2.1)  # what was written just now is not remembered
    env, _ = read(prefix)
    unasked = Context(env, load_matrix())
    assert unasked.sources == [] and unasked.remembered is None
    unasked.keep()
    assert not (tmp_path / "cache").exists()
    env.remember = True
    asked = Context(env, load_matrix())
    assert asked.sources == []
    asked.keep()
    assert len(list((tmp_path / "cache").iterdir())) == 1
    env.prefix = ""
    assert Context(env, load_matrix()).remembered is None

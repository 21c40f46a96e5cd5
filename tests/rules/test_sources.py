"""TFD501 and TFD503: Python's own files of the stack that are gone, empty or cut off, by RECORD or conda."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.findings import Finding
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.repair.planner import Planner
from tests.repair.test_apply import OTHERS, STACK
from tests.wholes import said
from tools.prefixes import add_dist, add_record, make_prefix

MODULE = "tensorflow/__init__.py"
TENSORFLOW = {
    MODULE: "from tensorflow.python import dtypes\nimport wrapt\n",
    "tensorflow/python/__init__.py": "",
    "tensorflow/python/dtypes.py": "half = 16\n",
    "tensorflow/python/unused.py": "spare = 1\n",
    "tensorflow/python/dtypes_test.py": "assert True\n",
}
WRAPT = {"wrapt/__init__.py": "from .wrappers import ObjectProxy\n", "wrapt/wrappers.py": "class ObjectProxy: ...\n"}


def of_files(prefix: Path) -> list[Finding]:
    found = diagnose(read_prefix(str(prefix)), load_matrix()).findings
    return said(finding for finding in found if finding.code in ("TFD501", "TFD503"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The site-packages of an environment whose TensorFlow and wrapt are pip's, with files of theirs."""
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    site = add_dist(prefix, "tensorflow", "2.10.1", files=TENSORFLOW).parent
    add_dist(prefix, "wrapt", "1.14.1", files=WRAPT)
    for text in (*STACK["2.10.1"], *OTHERS):
        if not text.startswith("wrapt"):
            add_dist(prefix, *text.split("=="))
    assert of_files(prefix) == []
    return site


@pytest.mark.parametrize(
    ("package", "gone", "told"),
    [
        ("wrapt-1.14.1", "METADATA", "wrapt 1.14.1 without METADATA"),
        ("wrapt-1.14.1", "RECORD", "wrapt 1.14.1 without RECORD"),
        ("tensorflow-2.10.1", "METADATA", "tensorflow 2.10.1 without METADATA"),
        ("tensorflow-2.10.1", "RECORD", "tensorflow 2.10.1 without RECORD"),
        ("wrapt-1.14.1", "", "wrapt 1.14.1 without metadata"),
        # What nobody imports with TensorFlow may be as it likes, and so may what Linux' own packages lay out.
        ("click-8.1.7", "METADATA", ""),
        ("wrapt-1.14.1", "RECORD INSTALLER", ""),
    ],
)
def test_what_records_a_package_is_there(package: str, gone: str, told: str, site: Path) -> None:
    add_dist(prefix_of(site), "click", "8.1.7", files={"click/__init__.py": "a = 1\n"})
    info = site / f"{package}.dist-info"
    for name in gone.split():
        (info / name).unlink()
    if not gone:
        shutil.rmtree(info)
        (site / "wrapt" / "__init__.py").write_text('__version__ = "1.14.1"\n')
    found = [finding for finding in of_files(prefix_of(site)) if finding.severity == "warning"]
    assert [finding.found for finding in found] == ([told] if told else [])


def test_what_nothing_records_and_names_no_version(site: Path) -> None:
    for name in ("wrapt-1.14.1", "tensorflow-2.10.1"):
        shutil.rmtree(site / f"{name}.dist-info")
    add_dist(prefix_of(site), "tensorflow-cpu", "2.10.1", files={"tensorflow/x.py": "a = 1\n"})
    found = of_files(prefix_of(site))
    assert [finding.found for finding in found if "metadata" in finding.found] == ["wrapt without metadata"]
    shutil.rmtree(site / "tensorflow_cpu-2.10.1.dist-info")
    found = of_files(prefix_of(site))
    assert sorted(finding.found for finding in found) == ["tensorflow without metadata", "wrapt without metadata"]


def prefix_of(site: Path) -> Path:
    return site.parents[2]


@pytest.mark.parametrize(
    ("file", "content", "code", "severity"),
    [
        ("tensorflow/python/dtypes.py", None, "TFD501", "error"),
        ("tensorflow/python/dtypes.py", "", "TFD503", "error"),
        ("tensorflow/python/dtypes.py", "half =", "TFD503", "error"),
        # It can be read, so it may be somebody's own patch.
        ("tensorflow/python/dtypes.py", "half = 17  # patched\n", "TFD503", "warning"),
        ("wrapt/wrappers.py", None, "TFD501", "error"),
        ("wrapt/__init__.py", "", "TFD503", "error"),
        # Nothing that an import of TensorFlow reads.
        ("tensorflow/python/unused.py", None, "TFD501", "warning"),
    ],
)
def test_a_file_that_is_not_what_was_recorded(
    site: Path, file: str, content: str | None, code: str, severity: str
) -> None:
    (site / file).unlink() if content is None else (site / file).write_text(content, encoding="utf-8", newline="\n")
    (finding,) = of_files(prefix_of(site))
    owner, version = ("wrapt", "1.14.1") if file.startswith("wrapt") else ("tensorflow", "2.10.1")
    assert (finding.code, finding.severity, finding.package) == (code, severity, owner)
    assert finding.evidence == (f"lib/python3.10/site-packages/{file}",)
    assert finding.source.endswith("dist-info/RECORD")
    assert finding.fix.commands[0][-1] == f"{owner}=={version}"
    plan = Planner(read_prefix(str(prefix_of(site))), load_matrix()).plan()
    patched = content is not None and "patched" in content
    again = [(change.package, change.after) for change in plan.changes if change.reinstall]
    assert again == ([] if patched else [(owner, version)])


def test_a_folder_that_is_gone_with_its_record_left(site: Path) -> None:
    shutil.rmtree(site / "wrapt")
    (finding,) = of_files(prefix_of(site))
    assert (finding.severity, finding.package, finding.found) == ("error", "wrapt", "2 files not there")


def test_a_file_of_conda_s_package_of_no_platform_is_missed(site: Path) -> None:
    """Its record says where files lie below the folder of whatever Python there is."""
    prefix = prefix_of(site)
    paths = [{"_path": "site-packages/keras/__init__.py", "path_type": "hardlink", "size_in_bytes": 9}]
    paths_data = {"paths": paths, "paths_version": 1}
    add_record(prefix, "linux-64", "keras", "2.10.0", noarch="python", paths_data=paths_data)
    (finding,) = of_files(prefix)
    assert (finding.package, finding.evidence) == ("keras", ("lib/python3.10/site-packages/keras/__init__.py",))
    (site / "keras").mkdir(exist_ok=True)
    (site / "keras" / "__init__.py").write_text("whole = 1", encoding="utf-8")
    assert of_files(prefix) == []


def test_tests_and_legacy_bytecode_are_nobodys_loss(site: Path) -> None:
    (site / "tensorflow/python/dtypes_test.py").unlink()
    assert of_files(prefix_of(site)) == []


@pytest.mark.parametrize("platform", ["linux-64", "win-64"])
def test_the_shared_folder_was_taken_along(tmp_path: Path, platform: str) -> None:
    """`tensorflow` and `tensorflow-cpu` over each other, and one uninstalled: what only the other has stays."""
    prefix = make_prefix(tmp_path / "env", platform, "3.10.13")
    site = add_dist(prefix, "tensorflow", "2.10.1", files=TENSORFLOW).parent
    for path in (MODULE, "tensorflow/python/dtypes.py"):
        (site / path).unlink()
    (finding,) = of_files(prefix)
    assert (finding.severity, finding.package, finding.confidence) == ("error", "tensorflow", "certain")
    assert "another distribution that shares its folder was uninstalled" in finding.message
    assert finding.fix.commands[0][-1] == "tensorflow==2.10.1"


def test_what_a_rival_wrote_over_is_whole(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    add_dist(prefix, "tensorflow", "2.10.1", files=TENSORFLOW)
    add_dist(prefix, "tensorflow-cpu", "2.10.1", files={**TENSORFLOW, "tensorflow/python/dtypes.py": "half = 2\n"})
    assert of_files(prefix) == []


def test_a_wheel_that_never_had_the_module_lost_nothing(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "win-64", "3.10.13")
    add_dist(prefix, "tensorflow", "2.12.0", files={"tensorflow-2.12.0.dist-info/LICENSE": ""})
    add_dist(prefix, "tensorflow-intel", "2.12.0", files={MODULE: ""})
    assert of_files(prefix) == []


def test_conda_records_its_paths(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    below = "lib/python3.10/site-packages"
    paths = [
        {"_path": f"{below}/{file}", "path_type": "hardlink", "size_in_bytes": len(text)}
        for file, text in TENSORFLOW.items()
    ]
    # What conda wrote the prefix into has another size than it had in the package.
    (prefix / below / "tensorflow").mkdir()
    placed = {"_path": f"{below}/tensorflow/placed.py", "prefix_placeholder": "/opt/placehold", "size_in_bytes": 3}
    (prefix / below / "tensorflow/placed.py").write_text("prefix = '/home/me'\n", encoding="utf-8")
    for file, text in TENSORFLOW.items():
        (prefix / below / file).parent.mkdir(parents=True, exist_ok=True)
        (prefix / below / file).write_text(text, encoding="utf-8", newline="\n")
    fields = {"files": [], "paths_data": {"paths": [*paths, placed], "paths_version": 1}}
    add_record(prefix, "linux-64", "tensorflow", "2.10.0", "cpu_py310hd1aba9c_0")
    add_record(prefix, "linux-64", "tensorflow-base", "2.10.0", "cpu_py310hd1aba9c_0", **fields)
    assert of_files(prefix) == []
    (prefix / below / "tensorflow/python/dtypes.py").write_text("", encoding="utf-8")
    (finding,) = of_files(prefix)
    assert (finding.code, finding.severity, finding.package) == ("TFD503", "error", "tensorflow-base")
    assert finding.source == "conda-meta/tensorflow-base-2.10.0-cpu_py310hd1aba9c_0.json"
    plan = Planner(read_prefix(str(prefix)), load_matrix()).plan()
    assert {(change.package, change.where, change.reinstall) for change in plan.changes} >= {
        ("tensorflow-base", "conda", True)
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        # A file for each: what is gone, and what was cut off.
        ((None, ""), ("TFD501", "not there or cut off")),
        ((None, None), ("TFD501", "not there")),
        (("", "half ="), ("TFD503", "empty or cut off")),
    ],
)
def test_several_files_of_a_package_are_told_together(
    changes: tuple[str | None, ...], told: tuple[str, str], site: Path
) -> None:
    files = ("tensorflow/python/dtypes.py", "tensorflow/python/unused.py")
    for file, content in zip(files, changes, strict=True):
        (site / file).unlink() if content is None else (site / file).write_text(content, encoding="utf-8")
    (finding,) = of_files(prefix_of(site))
    assert (finding.code, finding.severity, finding.found) == (told[0], "error", f"2 files {told[1]}")
    shared = "another distribution that shares its folder was uninstalled" in finding.message
    assert shared is (changes == (None, None)), "a rival takes files along, and cuts none off"
    # What stops the import comes first.
    assert finding.evidence == tuple(f"lib/python3.10/site-packages/{file}" for file in files)


def test_several_files_that_somebody_patched(site: Path) -> None:
    files = ("tensorflow/python/dtypes.py", "tensorflow/python/unused.py")
    for file in files:
        (site / file).write_text("patched = 'by hand'\n", encoding="utf-8", newline="\n")
    (finding,) = of_files(prefix_of(site))
    assert (finding.code, finding.severity, finding.confidence) == ("TFD503", "warning", "likely")
    assert finding.message.startswith(f"{', '.join(files)} are not what tensorflow installed")


@pytest.mark.parametrize("layout", ["egg-info", "a venv over it"])
def test_other_layouts_of_metadata_lack_nothing(layout: str, tmp_path: Path, site: Path) -> None:
    prefix = prefix_of(site)
    if layout == "egg-info":
        shutil.rmtree(site / "wrapt-1.14.1.dist-info")
        (site / "wrapt-1.14.1-py3.10.egg-info").mkdir()
        (site / "wrapt-1.14.1-py3.10.egg-info" / "PKG-INFO").write_text("Name: wrapt\nVersion: 1.14.1\n")
    else:
        (site / "wrapt-1.14.1.dist-info" / "RECORD").unlink()
        prefix = tmp_path / "venv"
        (prefix / "lib" / "python3.10" / "site-packages").mkdir(parents=True)
        text = f"home = {prefix_of(site) / 'bin'}\ninclude-system-site-packages = true\nversion = 3.10.13\n"
        (prefix / "pyvenv.cfg").write_text(text)
        add_dist(prefix, "tensorflow", "2.10.1", files=TENSORFLOW)
    assert [finding for finding in of_files(prefix) if finding.package == "wrapt"] == []


def test_two_files_of_conda_s_are_nobody_else_s_doing(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    below = "lib/python3.10/site-packages"
    files = ["tensorflow/__init__.py", "tensorflow/python/__init__.py"]
    paths = [{"_path": f"{below}/{file}", "path_type": "hardlink", "size_in_bytes": 7} for file in files]
    fields = {"files": [], "paths_data": {"paths": paths, "paths_version": 1}}
    add_record(prefix, "linux-64", "tensorflow", "2.10.0", "cpu_py310hd1aba9c_0")
    add_record(prefix, "linux-64", "tensorflow-base", "2.10.0", "cpu_py310hd1aba9c_0", **fields)
    (finding,) = of_files(prefix)
    assert (finding.code, finding.severity) == ("TFD501", "error")
    assert "deleted or overwritten" in finding.message


def test_an_older_record_lacks_what_it_likes(site: Path) -> None:
    """Pip sometimes leaves one behind: the newest counts."""
    left = add_dist(prefix_of(site), "wrapt", "1.13.0", files=WRAPT)
    (left / "METADATA").unlink()
    assert of_files(prefix_of(site)) == []


def test_where_nobody_has_tensorflow_no_metadata_is_missed(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    (add_dist(prefix, "wrapt", "1.14.1", files=WRAPT) / "METADATA").unlink()
    assert of_files(prefix) == []

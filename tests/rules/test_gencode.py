"""Code that protobuf's compiler generated: which runtime it asks for is read from the files themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.gencode import asked_runtime
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import Finding
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.report import collect
from tests.wholes import said
from tools.prefixes import add_dist, make_prefix

OLD = "from google.protobuf import descriptor as _descriptor\nDESCRIPTOR = _descriptor.FileDescriptor(\n"
BUILDER = "from google.protobuf.internal import builder as _builder\n"
PLAIN = "DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(b'')\n"


def new(version: str) -> str:
    parts = "".join(f"    {part},\n" for part in version.split("."))
    return (
        f"# licence\n_runtime_version.ValidateProtobufRuntimeVersion(\n    _runtime_version.Domain.PUBLIC,\n{parts})\n"
    )


@pytest.mark.parametrize(
    ("texts", "spec"),
    [
        ([new("6.31.1")], ">=6.31.1"),
        # Few compilers made one folder: the newest counts.
        ([new("5.29.2"), new("6.31.1"), BUILDER], ">=6.31.1"),
        ([BUILDER], ">=3.20"),
        ([OLD], "<4"),
        ([OLD, BUILDER], ">=3.20"),
        ([PLAIN], ""),
        ([], ""),
    ],
)
def test_the_files_say_which_runtime_they_need(tmp_path: Path, texts: list[str], spec: str) -> None:
    folder = tmp_path / "tensorboard/compat/proto"
    folder.mkdir(parents=True)
    for place, text in enumerate(texts):
        (folder / f"x{place}_pb2.py").write_text(text)
    assert asked_runtime(str(tmp_path), "tensorboard")[0] == spec


def found(
    tmp_path: Path, protobuf: str, tensorflow: str = "2.20.0", code: str = "", name: str = "", text: str = ""
) -> list[Finding]:
    """Return what is said of protobuf in an environment with TensorFlow's own code and that of one more package."""
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.11.7")
    files = {"tensorflow/__init__.py": "", "tensorflow/core/framework/attr_value_pb2.py": code or BUILDER}
    add_dist(prefix, "tensorflow", tensorflow, files=files)
    add_dist(prefix, "protobuf", protobuf)
    if name:
        add_dist(prefix, name, "99.0", files={f"{name.replace('-', '_')}/proto/a_pb2.py": text})
    env, matrix = read_prefix(str(prefix)), load_matrix()
    again = diagnose(environment_of(collect(env, matrix), "report.json"), matrix).findings
    findings = said(f for f in diagnose(env, matrix).findings if f.code == "TFD604" and f.severity != "info")
    # A report loses nothing of it.
    assert [f.message for f in again if f.code == "TFD604" and f.severity != "info"] == [f.message for f in findings]
    return findings


def test_a_release_that_no_table_knows_is_read(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, "6.33.0", name="tensorflow-hub", text=new("7.36.0"))
    assert (finding.severity, finding.package, finding.evidence[0]) == (
        "warning",
        "protobuf",
        "tensorflow_hub/proto/a_pb2.py",
    )
    assert finding.fix.pip[0].endswith(">=7.36.0")


def test_where_tensorflow_forbids_that_runtime_the_package_has_to_change(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, "4.25.9", tensorflow="2.17.1", name="tensorflow-hub", text=new("6.31.1"))
    assert not finding.fix.commands
    assert "another release of tensorflow-hub" in finding.fix.note


def test_a_fitting_runtime_is_nothing_to_tell(tmp_path: Path) -> None:
    assert not found(tmp_path, "7.36.2", code=new("5.28.3"), name="tensorflow-hub", text=new("6.31.1"))


def test_a_future_tensorflow_speaks_for_itself(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, "7.36.2", tensorflow="2.30.0", code=new("8.1.0"))
    assert (finding.severity, finding.found) == ("error", "7.36.2")

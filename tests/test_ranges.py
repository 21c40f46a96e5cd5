"""What a file leaves open must make no error as long as one pick works, and one where none does."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.engine import ranges
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.engine.diagnosis import Diagnosis
from conda_tf_doctor.engine.ranges import admits
from conda_tf_doctor.environment.facts import CONDA, PIP, Package
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.matrix.load import load_matrix


def check(folder: Path, specs: str, pip: str, platform: str, channels: str = "conda-forge") -> Diagnosis:
    lines = [f"channels: [{channels}]", "dependencies:", *(f"- {spec}" for spec in specs.split(" ; ") if spec)]
    if pip:
        lines += ["- pip:", *(f'  - "{line}"' for line in pip.split(" ; "))]
    path = folder / "environment.yml"
    path.write_text("\n".join(lines) + "\n")
    return diagnose(read_file(str(path), platform), load_matrix())


def errors(diagnosis: Diagnosis) -> set[str]:
    return {finding.code for finding in diagnosis.findings if finding.severity == "error"}


# conda's specs, pip's requirements, platform, errors
CASES = [
    # Its newest release refuses to be installed, and pip takes no other one instead.
    ("python=3.8", "tensorflow-gpu", "linux-64", {"TFD103"}),
    ("python=3.8", "tensorflow-gpu>=2.4", "linux-64", {"TFD103"}),
    ("python=3.8", "tensorflow-gpu==2.12.0", "linux-64", {"TFD103"}),
    ("python=3.8", "tensorflow-gpu<2.12", "linux-64", set()),
    ("python=3.8 ; tensorflow-gpu", "", "linux-64", set()),
    ("python=3.12 ; tensorflow=2.10", "", "linux-64", {"TFD201"}),
    ("python=3.10 ; tensorflow=2.10", "", "linux-64", set()),
    ("python=3.12", "tensorflow==2.10.*", "win-64", {"TFD201"}),
    ("python=3.12", "tensorflow>=2.10", "linux-64", set()),
    ("python=3.12", "tensorflow>=2.10,<2.13", "linux-64", {"TFD201"}),
    ("python>=3.12", "tensorflow==2.10.1", "linux-64", {"TFD201"}),
    ("python>=3.8", "tensorflow==2.10.1", "linux-64", set()),
    ("python", "tensorflow==2.10.1", "linux-64", set()),
    ("python=3.6 ; tensorflow", "", "linux-64", set()),
    ("python=3.10 ; numpy=2", "tensorflow==2.15", "linux-64", {"TFD603"}),
    ("python=3.10 ; numpy>=2", "tensorflow==2.15", "linux-64", {"TFD603"}),
    ("python=3.10 ; numpy>=1.20", "tensorflow==2.15", "linux-64", set()),
    ("python=3.10 ; numpy", "tensorflow==2.15", "linux-64", set()),
    ("python=3.10", "tensorflow==2.15 ; numpy>=2", "linux-64", {"TFD603"}),
    ("python=3.10", "tensorflow==2.15 ; numpy>=1.26,<3", "linux-64", set()),
    ("python=3.10", "tensorflow ; numpy==2.0.0", "linux-64", set()),
    ("python=3.10", "tensorflow<2.16 ; numpy==2.0.0", "linux-64", {"TFD603"}),
    ("python=3.9 ; protobuf>=4", "tensorflow==2.10.*", "linux-64", {"TFD604"}),
    ("python=3.9 ; protobuf=3", "tensorflow==2.10.*", "linux-64", set()),
    ("python=3.10 ; cudatoolkit", "tensorflow>=2.11", "win-64", {"TFD305"}),
    ("python=3.10 ; cudatoolkit", "tensorflow>=2.10", "win-64", set()),
    ("python=3.9 ; cudatoolkit=11.2 ; cudnn=8.1", "tensorflow==2.10.*", "linux-64", set()),
    ("python=3.9 ; cudatoolkit>=11 ; cudnn>=8", "tensorflow==2.10.*", "linux-64", set()),
    ("python=3.9 ; cudatoolkit>=10,<11 ; cudnn", "tensorflow==2.10.*", "linux-64", {"TFD301"}),
    ("python=3.9 ; cudatoolkit=11.2 ; cudnn=7.6", "tensorflow==2.10.*", "linux-64", {"TFD303"}),
    ("python=3.10 ; tensorflow-gpu=2.10", "", "linux-64", set()),
    ("python=3.10 ; tensorflow=2.15=*cuda120*", "", "linux-64", set()),
    ("python=3.10 ; tensorflow=2.15 ; cudnn ; cuda-version", "", "linux-64", set()),
    # Each release has another error: 2.12 takes no protobuf 3.19, and 2.6 asks for numpy 1.19.
    ("python=3.9", "tensorflow>=2.6,!=2.7.*,!=2.8.*,!=2.9.*,!=2.10.*,!=2.11.*,<2.13 ; protobuf==3.19.6 ; numpy==1.23.5",
     "linux-64", {"TFD604"}),
    # conda's own TensorFlow: the record is not there yet, the matrix knows what it will ask for.
    ("python=3.9 ; tensorflow=2.11 ; numpy=2.0", "", "linux-64", {"TFD603"}),
    ("python=3.9 ; tensorflow=2.11 ; numpy>=2", "", "linux-64", {"TFD603"}),
    ("python=3.9 ; tensorflow=2.11 ; numpy=1.24", "", "linux-64", set()),
    ("python=3.11 ; tensorflow=2.18 ; numpy=2.0", "", "linux-64", set()),
    # conda's tensorflow-gpu has the releases of its tensorflow.
    ("python=3.9 ; tensorflow-gpu>=2.5", "", "win-64", {"TFD103"}),
    ("python=3.12 ; tensorflow-gpu<2.11", "", "linux-64", {"TFD201"}),
    ("python=3.9 ; tensorflow-gpu>=2.5", "", "linux-64", set()),
    ("python=3.10 ; pytorch ; numpy", "", "linux-64", set()),
    ("python=3.12 ; numpy=2", "", "linux-64", set()),
]  # fmt: skip


def test_packages_of_no_concern_are_not_tried_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    counted = ranges._replaced
    monkeypatch.setattr(ranges, "_replaced", lambda *args: judged.append(1) or counted(*args))
    others = " ; ".join(f"{name}>=1.5" for name in ("scipy", "flask", "pillow", "tqdm", "pyyaml"))
    broken = "python=3.10 ; cudatoolkit"
    assert errors(check(tmp_path, broken, "tensorflow>=2.11", "win-64")) == {"TFD305"}
    alone = len(judged)
    assert errors(check(tmp_path, f"{broken} ; {others}", "tensorflow>=2.11", "win-64")) == {"TFD305"}
    assert len(judged) == 2 * alone


@pytest.mark.parametrize(
    ("specs", "pip", "platform", "expected"), CASES, ids=[f"{r[0]} | {r[1]} | {r[2]}" for r in CASES]
)
def test_only_what_holds_for_every_pick_is_an_error(
    tmp_path: Path, specs: str, pip: str, platform: str, expected: set[str]
) -> None:
    diagnosis = check(tmp_path, specs, pip, platform)
    assert errors(diagnosis) == expected, diagnosis.findings
    assert "TFD902" not in {finding.code for finding in diagnosis.findings}


def test_without_known_channels_both_of_condas_count(tmp_path: Path) -> None:
    # conda-forge gave up TensorFlow for Windows after 1.14, defaults went on to 2.10.
    specs = "python=3.9 ; tensorflow=2.9"
    assert errors(check(tmp_path, specs, "", "win-64", "")) == set()
    assert errors(check(tmp_path, specs, "", "win-64", "defaults")) == set()
    assert errors(check(tmp_path, specs, "", "win-64", "conda-forge")) == {"TFD103"}
    assert errors(check(tmp_path, "python=3.12 ; tensorflow=2.9", "", "win-64", "")) == {"TFD201"}


def test_the_finding_says_what_the_file_asks_for(tmp_path: Path) -> None:
    diagnosis = check(tmp_path, "python=3.10 ; numpy>=2", "tensorflow==2.15", "linux-64")
    finding = diagnosis.findings[0]
    assert (finding.code, finding.found) == ("TFD603", "numpy >=2")
    assert diagnosis.tensorflow is not None and diagnosis.tensorflow.version == "2.15"
    assert diagnosis.env.conda("numpy").version == ""  # type: ignore[union-attr]
    document = diagnosis.to_json()
    assert document["target"]["kind"] == "file" and document["summary"]["errors"] == 1


@pytest.mark.parametrize(
    ("manager", "spec", "inside", "outside"),
    [
        (CONDA, "=2.10", "2.10.1", "2.11.0"),
        (CONDA, ">=11.2,<12.0a0", "11.8", "12.0"),
        (CONDA, "11.2|11.2.*", "11.2.2", "11.3"),
        (PIP, "~=2.10.0", "2.10.1", "2.11.0"),
        (PIP, "==2.*", "2.1", "3.0"),
    ],
)
def test_each_manager_has_its_own_notation(manager: str, spec: str, inside: str, outside: str) -> None:
    package = Package("x", "", manager, spec=spec)
    assert admits(package, inside) and not admits(package, outside)

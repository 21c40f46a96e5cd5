"""What a text tells of the Python and the TensorFlow that failed becomes a fact; what the records deny is told."""

from __future__ import annotations

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.explain.told import met, python_of, take
from conda_tf_doctor.findings import ERROR, WARNING, Finding
from conda_tf_doctor.matrix.load import load_matrix

DLL = (
    "ImportError: DLL load failed while importing _pywrap_tensorflow_internal: The specified module could not be found."
)
FILE = r"C:\Users\me\AppData\Local\Programs\Python\Python311\Lib\site-packages\tensorflow\python\pywrap_tensorflow.py"


def report(text: str, python: str = "", tensorflow: str = "") -> dict[str, object]:
    return {
        "platform": "win-64",
        "python": {"version": python},
        "packages": [{"name": "tensorflow", "version": tensorflow, "manager": "pip"}],
        "error_text": text,
    }


@pytest.mark.parametrize(
    ("text", "python"),
    [
        (FILE, "3.11"),
        ('File "/home/me/venv/lib/python3.9/site-packages/tensorflow/__init__.py", line 37', "3.9"),
        ("/opt/x/_pywrap_tf2.cpython-310-x86_64-linux-gnu.so: undefined symbol: x", "3.10"),
        (r"C:\x\_pywrap.cp312-win_amd64.pyd", "3.12"),
        ("ERROR: tensorflow-2.10.0-cp39-cp39-win_amd64.whl is not a supported wheel on this platform.", ""),
        ("/a/lib/python3.9/site-packages/x.py /a/lib/python3.10/site-packages/y.py", ""),
    ],
)
def test_the_python_whose_files_a_text_names(text: str, python: str) -> None:
    assert python_of(text) == python


def test_what_nothing_else_tells_is_taken_from_the_text() -> None:
    env = environment_of(
        report(f"{FILE}\ntensorflow 2.15.0 requires numpy<2.0.0, but you have numpy 2.1.0", "", ""), "r"
    )
    take(env)
    package = env.package("tensorflow")
    assert package is not None
    assert (env.python.version, package.version) == ("3.11", "2.15.0")
    env = environment_of(report(FILE, "3.10.4", "2.10.0"), "r")
    take(env)
    assert env.python.version == "3.10.4"


@pytest.mark.parametrize(("python", "told"), [("3.11.2", False), ("3.9.1", True)])
def test_a_text_of_another_python_is_told(python: str, told: bool) -> None:
    found = diagnose(environment_of(report(f"{FILE}\n{DLL}", python, "2.15.0"), "r"), load_matrix()).findings
    assert [f.code for f in found if "another Python" in f.message] == ["TFD701"] * told


NUMPY = "A module that was compiled using NumPy 1.x cannot be run in\nNumPy 2.2.4 as it may crash."
CONFLICT = "tensorflow 2.15.0 requires ml-dtypes~=0.2.0, but you have ml-dtypes 0.5.1 which is incompatible."
CUDNN = "Loaded runtime CuDNN library: 8.0.5 but source was compiled with: 8.1.0."


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        (NUMPY, {"numpy": "2.2.4"}),
        (CONFLICT, {"ml-dtypes": "0.5.1"}),
        ("You have tensorflow 2.16.1 and this requires tf-keras package.", {"tensorflow": "2.16.1"}),
        ("requires TensorFlow version >= 2.18; Detected an installation of version 2.17.1.", {"tensorflow": "2.17.1"}),
        ("Detected an installation of version 2.4.0-rc3. Please upgrade.", {"tensorflow": "2.4.0-rc3"}),
        ("Detected an installation of version 2.0.0-alpha0. Please upgrade.", {"tensorflow": "2.0.0-alpha0"}),
        ("gencode 6.31.1 runtime 5.29.4. Runtime version cannot be older", {"protobuf": "5.29.4"}),
        (f"{NUMPY}\n{NUMPY.replace('2.2.4', '2.1.0')}", {}),
    ],
)
def test_the_versions_that_a_text_met(text: str, versions: dict[str, str]) -> None:
    assert met(text) == versions


def told(text: str, severity: str, **packages: str) -> list[Finding]:
    listed = [{"name": name.replace("_", "-"), "version": v, "manager": "pip"} for name, v in packages.items()]
    facts = {"platform": "linux-64", "python": {"version": "3.9.18"}, "packages": listed, "error_text": text}
    return [f for f in diagnose(environment_of(facts, "r"), load_matrix()).findings if f.severity == severity]


def judged(text: str, **packages: str) -> list[Finding]:
    return told(text, ERROR, **packages)


def test_what_no_record_names_is_judged_by_the_text() -> None:
    # pip's word alone, of a package that nothing is known to break.
    assert judged(CONFLICT, tensorflow="2.15.0") == []
    found = told(CONFLICT, WARNING, tensorflow="2.15.0")
    assert [(f.code, f.found) for f in found] == [("TFD611", "0.5.1")]
    assert found[0].fix.commands == (("python", "-m", "pip", "install", "ml-dtypes>=0.2,<0.3"),)


@pytest.mark.parametrize(("recorded", "codes"), [("1.26.4", ["TFD701", "TFD603"]), ("2.2", ["TFD603"])])
def test_where_text_and_record_disagree_the_text_wins(recorded: str, codes: list[str]) -> None:
    found = judged(NUMPY, tensorflow="2.15.0", numpy=recorded)
    assert [f.code for f in found] == codes
    if "TFD701" in codes:
        assert (found[0].found, found[0].expected) == ("numpy 2.2.4", f"numpy {recorded}")
        assert "another environment" in found[0].message


@pytest.mark.parametrize(("recorded", "elsewhere"), [("2.4.0rc3", False), ("2.4.0", True)])
def test_a_version_in_tensorflows_own_spelling_is_the_same(recorded: str, elsewhere: bool) -> None:
    text = "ImportError: This version of TensorFlow Probability requires TensorFlow version >= 2.5; "
    found = judged(f"{text}Detected an installation of version 2.4.0-rc3. Please upgrade.", tensorflow=recorded)
    assert (found[0].code == "TFD701") is elsewhere


def test_another_cudnn_than_the_recorded_one_was_loaded() -> None:
    found = judged(CUDNN, tensorflow="2.5.0", nvidia_cudnn_cu11="8.2.1.32")
    assert [f.code for f in found if f.code in ("TFD303", "TFD504")] == ["TFD504", "TFD303"]
    assert (found[0].found, found[0].expected) == ("8.0.5", "8.2.1.32")
    assert "TFD504" not in [f.code for f in judged(CUDNN, tensorflow="2.5.0", nvidia_cudnn_cu11="8.0.5.39")]


@pytest.mark.parametrize(
    ("name", "has", "code"),
    [
        ("numpy", "2.1.0", "TFD603"),
        ("protobuf", "6.31.0", "TFD604"),
        ("keras", "3.0.3", "TFD605"),
        ("h5py", "2.9.0", "TFD606"),
    ],
)
def test_what_pip_says_of_a_conflict_is_a_finding(name: str, has: str, code: str) -> None:
    text = f"tensorflow 2.15.0.post1 requires {name}>=2.15.0,<2.16, but you have {name} {has} which is incompatible."
    assert code in [f.code for f in judged(text, tensorflow="2.15.0.post1")]

"""What a text tells of the Python and the TensorFlow that failed becomes a fact; what the records deny is told."""

from __future__ import annotations

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.explain.told import python_of, take
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

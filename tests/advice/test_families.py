"""The families of failures that people meet today, in words of our own: the cause first, and what to take."""

from __future__ import annotations

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import ERROR
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.shell import command_line

LEGACY = "python -m pip install 'tf-keras~={}.0'"
CASES = [
    # Keras 2 code beside Keras 3, and models of the other Keras
    (
        "linux-64",
        "2.17.0",
        "AttributeError: module 'keras.src.backend' has no attribute 'get_session'",
        "TFD605",
        LEGACY.format("2.17"),
    ),
    ("linux-64", "2.16.1", "ValueError: Argument(s) not recognized: {'lr': 0.001}", "TFD605", LEGACY.format("2.16")),
    (
        "osx-arm64",
        "2.16.2",
        "ImportError: `keras.optimizers.legacy` is not supported in Keras 3.",
        "TFD605",
        LEGACY.format("2.16"),
    ),
    (
        "win-64",
        "2.18.0",
        "Unrecognized keyword arguments passed to DepthwiseConv2D: {'groups': 1}",
        "TFD605",
        'python -m pip install "tf-keras~=2.18.0"',
    ),
    (
        "linux-64",
        "2.13.0",
        "Error when deserializing class 'InputLayer' using config={'batch_shape': [8]}",
        "TFD605",
        "python -m pip install 'tensorflow>=2.16' 'keras>=3'",
    ),
    (
        "linux-64",
        "2.13.0",
        "ValueError: Unknown dtype policy: 'DTypePolicy'. Please ensure you are using",
        "TFD605",
        "python -m pip install 'tensorflow>=2.16' 'keras>=3'",
    ),
    (
        "linux-64",
        "2.13.1",
        "from keras.engine import x\nModuleNotFoundError: No module named 'keras.engine'",
        "TFD605",
        "python -m pip install 'tensorflow==2.12.*' 'keras==2.12.*'",
    ),
    ("linux-64", "2.18.1", "ModuleNotFoundError: No module named 'tf_keras'", "TFD607", LEGACY.format("2.18")),
    (
        "linux-64",
        "2.16.1",
        "AttributeError: module 'tensorflow' has no attribute 'estimator'",
        "TFD607",
        "python -m pip install 'tensorflow==2.15.*' 'tensorflow-estimator==2.15.*'",
    ),
    # protobuf, in both directions
    (
        "linux-64",
        "2.16.1",
        "TypeError: Descriptors cannot be created directly.",
        "TFD604",
        "python -m pip install 'protobuf>=3.20.3,<3.21'",
    ),
    (
        "linux-64",
        "2.16.1",
        "ImportError: cannot import name 'ImageDataGenerator' from 'keras.preprocessing.image'",
        "TFD605",
        "python -m pip install 'tensorflow==2.15.*' 'keras==2.15.*'",
    ),
    (
        "linux-64",
        "2.11.0",
        "TypeError: Descriptors cannot not be created directly.",
        "TFD604",
        "python -m pip install 'protobuf>=3.9.2,<3.20'",
    ),
    (
        "linux-64",
        "2.20.0",
        "VersionError: incompatible Protobuf versions: gencode 6.31.1 runtime 5.29.4.",
        "TFD604",
        "python -m pip install 'protobuf>=6.31.1,<7'",
    ),
    # an add-on without a wheel, by uv
    (
        "win-64",
        "2.15.0",
        "tensorflow-text==2.15.0 has no wheels with a matching platform tag (e.g., `win`)",
        "TFD103",
        "conda create -n tensorflow python=3.10",
    ),
    (
        "win-64",
        "2.16.1",
        "Could not find a version that satisfies the requirement tensorflow_text==2.16.1",
        "TFD103",
        "conda create -n tensorflow python=3.10",
    ),
    # numpy without a part of its own
    (
        "win-64",
        "2.15.0",
        r'File "C:\v\Lib\site-packages\numpy\__init__.py", line 133'
        "\nImportError: Error importing numpy: you should not try to import numpy from\n        its source directory",
        "TFD501",
        'python -m pip install --force-reinstall --no-cache-dir "numpy>=1.23.5,<2.0.0"',
    ),
    # notebooks, new GPUs, shells' words for an illegal instruction, a title alone
    (
        "linux-64",
        "2.18.0",
        "In Jupyter: ModuleNotFoundError: No module named 'tensorflow', not in the terminal",
        "TFD701",
        "conda install ipykernel",
    ),
    (
        "linux-64",
        "2.18.0",
        "no kernel image is available for execution on the device (RTX 5090)",
        "TFD301",
        "conda create -n tensorflow -c conda-forge python 'tensorflow=2.18.0=*cuda128*'",
    ),
    (
        "linux-64",
        "2.19.0",
        "fish: Job 1, 'python x.py' terminated by signal SIGILL",
        "TFD104",
        "conda install -c conda-forge tensorflow=2.19.1",
    ),
    (
        "linux-64",
        "2.19.0",
        "the container exited with code 132",
        "TFD104",
        "conda install -c conda-forge tensorflow=2.19.1",
    ),
    (
        "linux-64",
        "2.18.0",
        "TF 2.18 no longer sees my GPU",
        "TFD302",
        "python -m pip install 'tensorflow[and-cuda]==2.18.0'",
    ),
    (
        "win-64",
        "2.19.0",
        "DLL load failed while importing _pywrap_tensorflow_inte\nrnal: A dynamic link library (DLL) "
        "initialization routine failed.",
        "TFD402",
        'conda install "vc14_runtime>=14.40"',
    ),
]


@pytest.mark.parametrize(("platform", "version", "text", "code", "command"), CASES, ids=[c[2][:40] for c in CASES])
def test_cause_and_command(platform: str, version: str, text: str, code: str, command: str) -> None:
    packages = [{"name": "tensorflow", "version": version, "manager": "pip"}]
    facts = {"platform": platform, "python": {"version": "3.11.9"}, "packages": packages, "error_text": text}
    first = diagnose(environment_of(facts, "report"), load_matrix()).findings[0]
    assert (first.severity, first.code) == (ERROR, code)
    assert command_line(first.fix.commands[0], platform) == command


def test_no_protobuf_that_this_tensorflow_cannot_have_is_advised() -> None:
    packages = [{"name": "tensorflow", "version": "2.20.0", "manager": "pip"}]
    text = "TypeError: Descriptors cannot be created directly."
    facts = {"platform": "linux-64", "python": {"version": "3.11.9"}, "packages": packages, "error_text": text}
    fix = diagnose(environment_of(facts, "report"), load_matrix()).findings[0].fix
    assert fix.commands == ()
    assert fix.note.startswith("Take a newer release of the package whose _pb2.py file the traceback names.")

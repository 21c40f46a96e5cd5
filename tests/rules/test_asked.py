"""TFD611 of files: what a file asks for and no version is, said with every place, and repaired where possible."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import CONDA, PIP, reader_of
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import ERROR, Finding
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.specifiers import is_empty
from tests.wholes import said

# A file's name and text; of each error its package, what is found and expected, and the lines that say it.
CASES = {
    "one line": (
        "requirements.txt",
        "tensorflow==2.15.0\nnumpy>=3,<2\n",
        [("numpy", "numpy <2,>=3", ">=1.23.5,<2.0.0", ["line 2"])],
    ),
    "two lines": (
        "requirements.txt",
        "tensorflow==2.15.0\nnumpy==1.26.0\nnumpy<1.24\n",
        [("numpy", "numpy ==1.26.0,<1.24", ">=1.23.5,<2.0.0", ["line 2", "line 3"])],
    ),
    "two TensorFlows": (
        "requirements.txt",
        "tensorflow==2.15.0\ntensorflow==2.14.0\n",
        [("tensorflow", "tensorflow ==2.15.0,==2.14.0", "a range that has a version in it", ["line 1", "line 2"])],
    ),
    "two lines for conda": (
        "environment.yml",
        "channels: [conda-forge]\ndependencies:\n- python=3.11\n- tensorflow=2.15\n- pandas=2.1\n- pandas<2\n",
        [("pandas", "pandas <2,2.1.*", "a range that has a version in it", ["item 3", "item 4"])],
    ),
    "Python": (
        "environment.yml",
        "channels: [conda-forge]\ndependencies:\n- python>=3.12,<3.10\n- tensorflow=2.15\n",
        [("python", "python >=3.12,<3.10", ">=3.9,<3.12", ["item 1"])],
    ),
    "a project's Python": (
        "pyproject.toml",
        '[project]\nname = "a"\nrequires-python = ">=3.12,<3.10"\ndependencies = ["tensorflow==2.16.1"]\n',
        [("python", "python >=3.12,<3.10", ">=3.9,<3.13", ["requires-python"])],
    ),
    # What there is a version of.
    "an exact one within a range": ("requirements.txt", "tensorflow==2.15.0\nnumpy==1.26.4\nnumpy<2\n", []),
    "ranges that meet": ("requirements.txt", "tensorflow==2.15.0\nnumpy>=1.26\nnumpy<=1.26\n", []),
    "one line for each Python": (
        "requirements.txt",
        'tensorflow==2.15.0\nnumpy==1.24.3; python_version<"3.11"\nnumpy==1.26.4; python_version>="3.11"\n',
        [],
    ),
    "before a release": ("requirements.txt", "tensorflow==2.15.0\npandas>=2.0rc1,<2.0\n", []),
    "two ranges for conda": (
        "environment.yml",
        "channels: [conda-forge]\ndependencies:\n- python=3.11\n- tensorflow=2.15\n- numpy>=1.23\n- numpy<2\n",
        [],
    ),
}


_CONDA = "channels: [conda-forge, nodefaults]\ndependencies:\n- python=3.9\n"
_UV = '[project]\nname = "a"\ndependencies = ["tensorflow==2.15.0", "wrapt>=1.16"]\n'
# A file's name and text; of each error its code, what is found and expected, the sentence, and what repairs it.
TOGETHER = {
    "pip's two": (
        "requirements.txt",
        "tensorflow==2.15.0\ntensorboard==2.10.0\n",
        [
            (
                "TFD607", "2.10.0", ">=2.15,<2.16",
                "Pip refuses tensorboard 2.10.0 beside tensorflow 2.15.0, which asks for >=2.15,<2.16.",
                ("tensorboard>=2.15,<2.16",),
            )
        ],
    ),
    "ranges that never meet": (
        "requirements.txt",
        "tensorflow>=2.15,<2.16\nwrapt>=1.16\n",
        [
            (
                "TFD611", "wrapt >=1.16", ">=1.11.0,<1.15",
                "Pip refuses wrapt >=1.16 beside tensorflow 2.15.1, which asks for >=1.11.0,<1.15.",
                ("wrapt>=1.14,<1.15",),
            )
        ],
    ),
    "a project": (
        "pyproject.toml",
        _UV,
        [
            (
                "TFD611", "wrapt >=1.16", ">=1.11.0,<1.15",
                "Pip refuses wrapt >=1.16 beside tensorflow 2.15.0, which asks for >=1.11.0,<1.15.",
                ("wrapt>=1.14,<1.15",),
            )
        ],
    ),
    "conda's two": (
        "environment.yml",
        f"{_CONDA}- tensorflow=2.10\n- keras=2.9\n",
        [
            (
                "TFD605", "keras =2.9", ">=2.10,<2.11",
                "Conda refuses keras 2.9 beside tensorflow 2.10.0, every build of which asks for >=2.10,<2.11.",
                ("keras >=2.10,<2.11",),
            )
        ],
    ),
    # protobuf's own package asks for the library that it was made with, and TensorFlow's for its own.
    "the protobuf of another libprotobuf": (
        "environment.yml",
        f"{_CONDA}- tensorflow=2.10\n- protobuf<4\n",
        [
            (
                "TFD604", "protobuf <4", "4.21.*",
                "Conda refuses protobuf <4 beside tensorflow 2.10.0, every build of which asks, by its libprotobuf, "
                "for 4.21.*.",
                ("protobuf 4.21.*",),
            )
        ],
    ),
    "the protobuf of one of several builds": (
        "environment.yml", f"{_CONDA}- tensorflow=2.17\n- protobuf=4.25\n", [],
    ),
    # Conda asks the user's own channels as well, and nobody knows what another one has.
    "the protobuf of defaults": (
        "environment.yml",
        "channels: [conda-forge]\ndependencies:\n- python=3.10\n- tensorflow=2.10\n- protobuf=3.20\n",
        [],
    ),
    "the keras of another channel": (
        "environment.yml",
        "channels: [ours, conda-forge]\ndependencies:\n- python=3.10\n- tensorflow=2.10\n- keras=2.9\n",
        [],
    ),
    "the keras of no channel": (
        "environment.yml",
        "channels: [pytorch, conda-forge]\ndependencies:\n- python=3.10\n- tensorflow=2.10\n- keras=2.9\n",
        [
            (
                "TFD605", "keras =2.9", ">=2.10,<2.11 or 2.10.*",
                "Conda refuses keras 2.9 beside tensorflow 2.10.0, every build of which asks for >=2.10,<2.11 or "
                "2.10.*.",
                ("keras >=2.10,<2.11",),
            )
        ],
    ),
    # Conda looks into the next channel rather than to refuse.
    "the protobuf of the next channel's build": (
        "environment.yml",
        "channels: [conda-forge, defaults]\ndependencies:\n- python=3.10\n- tensorflow=2.10\n- protobuf=3.20\n",
        [],
    ),
    "the protobuf of one of several releases": (
        "environment.yml", f"{_CONDA}- tensorflow>=2.10\n- protobuf=4.25\n", [],
    ),
    "conda's cuDNN": (
        "environment.yml",
        f"{_CONDA}- tensorflow-gpu=2.10\n- cudnn=7.6\n",
        [
            (
                "TFD303", "cudnn 7.6 (conda)", "cudnn >=8.4.1.50,<9",
                "No GPU build of tensorflow-gpu 2.10.0 goes with cudnn 7.6 (conda): conda refuses them together.",
                ("cudnn >=8.4.1.50,<9",),
            )
        ],
    ),
    "the cuDNN of the next channel's build": (
        "environment.yml",
        "channels: [conda-forge, defaults]\ndependencies:\n- python=3.9\n- tensorflow-gpu=2.10\n- cudnn=8.2\n",
        [],
    ),
    "the CUDA of no GPU build": (
        "environment.yml",
        f"{_CONDA}- tensorflow=2.10\n- cudatoolkit=10.1\n",
        [
            (
                "TFD301", "cudatoolkit 10.1 (conda)", "cudatoolkit >=11.2,<12",
                "No GPU build of tensorflow 2.10.0 goes with cudatoolkit 10.1 (conda): conda takes a build without "
                "CUDA, and the GPU will not be used.",
                ("cudatoolkit >=11.2,<12",),
            )
        ],
    ),
    "the CUDA of one of several builds": ("environment.yml", f"{_CONDA}- tensorflow=2.15\n- cuda-version=11.8\n", []),
    "another framework's CUDA": (
        "environment.yml", f"{_CONDA}- tensorflow=2.10\n- cudatoolkit=10.1\n- pytorch=1.8\n", [],
    ),
    # pip puts its own over conda's.
    "one's beside the other's": (
        "environment.yml", f"{_CONDA}- wrapt=1.16\n- pip\n- pip:\n  - tensorflow==2.15.0\n", [],
    ),
    "a range with a way out": ("requirements.txt", "tensorflow>=2.15\nwrapt>=1.16\n", []),
    # The wheel for Python 2.7 asks for another scipy than those for Python 3.
    "what one of the Pythons takes": ("requirements.txt", "tensorflow==2.1.0\nscipy==1.4.1\n", []),
    "what none of the Pythons takes": (
        "requirements.txt",
        "tensorflow==2.1.0\nscipy==1.5.0\n",
        [
            (
                "TFD611", "1.5.0", "==1.4.1 or ==1.2.2",
                "Pip refuses scipy 1.5.0 beside tensorflow 2.1.0, which asks for ==1.4.1 or ==1.2.2.",
                ("scipy==1.4.1",),
            )
        ],
    ),
    # pip takes gast 0.2.2, with which AutoGraph does not work: a warning.
    "a range that only degrades": ("requirements.txt", "tensorflow==2.13.1\ngast<0.3\n", []),
    # GPU builds of 1.9 for Python 3.6 and CUDA 9, as environments of 2018 had them.
    "an exported CUDA 9": (
        "environment.yml",
        "channels: [defaults]\ndependencies:\n- python=3.6.6\n- cudatoolkit=9.0=h13b8566_0\n- cudnn=7.1.2=cuda9.0_0\n"
        "- tensorflow=1.9.0=gpu_py36h02c5d5e_1\n- tensorflow-base=1.9.0=gpu_py36h6ecc378_0\n"
        "- tensorflow-gpu=1.9.0=hf154084_0\n",
        [],
    ),
    "an exported CUDA 9 without builds": (
        "environment.yml",
        "channels: [defaults]\ndependencies:\n- python=3.6.6\n- cudatoolkit=9.0\n- tensorflow=1.9.0\n"
        "- tensorflow-gpu=1.9.0\n",
        [],
    ),
    # What was resolved is installed as it is.
    "a lock": (
        "uv.lock",
        'version = 1\nrequires-python = "==3.11.*"\n'
        + "".join(
            f'[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {{ registry = "https://example.org" }}\n'
            for name, version in (("tensorflow", "2.15.0"), ("wrapt", "1.16.0"))
        ),
        [],
    ),
    "uv's overrides": ("pyproject.toml", f'{_UV}[tool.uv]\noverride-dependencies = ["wrapt>=1.16"]\n', []),
    "PDM's overrides": ("pyproject.toml", f'{_UV}[tool.pdm.resolution.overrides]\nwrapt = ">=1.16"\n', []),
    "pixi's overrides": (
        "pixi.toml",
        '[workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n[dependencies]\npython = "3.11.*"\n'
        '[pypi-dependencies]\ntensorflow = "==2.15.0"\nwrapt = ">=1.16"\n'
        '[pypi-options]\ndependency-overrides = { wrapt = ">=1.16" }\n',
        [],
    ),
    "a list of what is installed": (
        "list.txt", "Package    Version\n---------- -------\ntensorflow 2.15.0\nwrapt      1.16.0\n", [],
    ),
}  # fmt: skip


def _found(path: Path, platform: str = "linux-64") -> list[Finding]:
    findings = diagnose(read_file(str(path), platform), load_matrix()).findings
    said(finding for finding in findings if not finding.is_open)
    return findings


def _errors(path: Path, text: str) -> list[Finding]:
    path.write_text(text)
    return [finding for finding in _found(path) if finding.severity == ERROR]


@pytest.mark.parametrize("case", TOGETHER)
def test_what_is_not_installed_together(case: str, tmp_path: Path) -> None:
    name, text, expected = TOGETHER[case]
    errors = _errors(tmp_path / name, text)
    has = [(f.code, f.found, f.expected, f.message, f.fix.pip or f.fix.pins) for f in errors]
    assert has == expected


@pytest.mark.parametrize(
    ("platform", "text", "expected"),
    [
        # Of a range no release has a wheel, or one has that pip finds.
        (
            "win-64", "tensorflow~=2.18.0\ntensorflow-text~=2.18.0\n",
            [("tensorflow-text 2.18.0 has no wheel for win-64: pip installs nothing of the file.", "2.10.0")],
        ),
        ("osx-arm64", "tensorflow==2.21.0\ntensorflow-text>=2.11\n", []),
        (
            "osx-arm64", "tensorflow-gpu==2.12.0\n",
            [
                (
                    "tensorflow-gpu 2.12.0 brings no TensorFlow: installing it fails on purpose and says to install "
                    "tensorflow.",
                    "tensorflow-macos 2.12.0",
                )
            ],
        ),
    ],
)  # fmt: skip
def test_what_a_platform_has_of_a_range(
    platform: str, text: str, expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(text)
    findings = _found(path, platform)
    assert [(f.message, f.expected) for f in findings if f.severity == ERROR] == expected


@pytest.mark.parametrize("case", CASES)
def test_what_no_version_is(case: str, tmp_path: Path) -> None:
    name, text, expected = CASES[case]
    errors = _errors(tmp_path / name, text)
    assert {finding.code for finding in errors} <= {"TFD611"}
    for finding, (package, has, wanted, places) in zip(errors, expected, strict=True):
        assert (finding.package, finding.found, finding.expected) == (package, has, wanted)
        assert [place.partition(": ")[2].removesuffix(" of dependencies") for place in finding.evidence] == places
        who = {"requirements.txt": "pip", "environment.yml": "conda"}.get(name, "an installer")
        asks = f"{len(places)} places of the file together ask for" if len(places) > 1 else "the file asks for"
        asked = has.removeprefix(f"{package} ")
        assert finding.message == f"No version of {package} is {asked}, which {asks}: {who} installs nothing of it."


def test_ranges_of_several_lines_count_together(tmp_path: Path) -> None:
    (tmp_path / "environment.yml").write_text("dependencies:\n- tensorflow=2.15\n- numpy>=1.23\n- numpy<2\n")
    numpy = read_file(str(tmp_path / "environment.yml"), "linux-64").conda("numpy")
    assert numpy is not None and numpy.spec == ">=1.23,<2"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("requirements.txt", "tensorflow==2.15.0\nnumpy>=3,<2\n", "tensorflow==2.15.0\nnumpy>=1.23.5,<2.0.0\n"),
        (
            "requirements.txt",
            "tensorflow==2.15.0\nnumpy==1.26.0\nnumpy<1.24\n",
            "tensorflow==2.15.0\nnumpy==1.26.4\nnumpy>=1.23.5,<2.0.0\n",
        ),
        (
            "environment.yml",
            "dependencies:\n- python>=3.12,<3.10\n- tensorflow=2.15\n",
            "dependencies:\n- python>=3.9,<3.12\n- tensorflow=2.15\n",
        ),
    ],
)
def test_it_is_repaired_where_it_is_known_how(name: str, before: str, after: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(before)
    assert console(["fix", "--file", str(file), "--platform", "linux-64", "--offline", "--yes"]) == 0
    assert file.read_text() == after
    assert console(["check", str(file), "--platform", "linux-64"]) == 0


@pytest.mark.parametrize(
    ("platform", "behind", "asks", "after"),
    [
        ("win-64", "tensorflow-intel", "==2.13.0", "==2.15.0"), ("win-64", "tensorflow-intel", "<2.14", "==2.15.0"),
        ("osx-arm64", "tensorflow-macos", "==2.13.0", "==2.15.0"), ("win-64", "tensorflow-intel", "==2.15.0", ""),
        ("win-64", "tensorflow-intel", ">=2.14", ""),
    ],
)  # fmt: skip
def test_what_is_behind_tensorflow_s_name_is_of_its_release(
    platform: str, behind: str, asks: str, after: str, tmp_path: Path
) -> None:
    file = tmp_path / "requirements.txt"
    before = f"tensorflow==2.15.0\n{behind}{asks}\nsix==1.16.0\n"
    file.write_text(before)
    found = _found(file, platform)
    has = asks.removeprefix("==") if asks.startswith("==") else f"{behind} {asks}"
    words = f"Pip refuses {behind} {asks.removeprefix('==')} beside tensorflow 2.15.0, which asks for ==2.15.0."
    expected = [("TFD607", ERROR, has, "==2.15.0", words, (f"{behind}==2.15.0",))] if after else []
    errors = [f for f in found if f.severity == ERROR]
    assert [(f.code, f.severity, f.found, f.expected, f.message, f.fix.pip) for f in errors] == expected
    assert console(["fix", "--file", str(file), "--platform", platform, "--offline", "--yes"]) == 0
    assert file.read_text() == before.replace(asks, after or asks)
    assert console(["check", str(file), "--platform", platform]) == 0


@pytest.mark.parametrize("text", ["tensorflow>=2.16,<2.15\n", "tensorflow==2.15.0\ntensorflow==2.14.0\n"])
def test_which_tensorflow_was_meant_is_not_guessed(text: str, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(text)
    assert console(["fix", "--file", str(file), "--platform", "linux-64", "--offline", "--yes"]) == 1
    assert file.read_text() == text


_NUMBERS = ("0", "1", "1.0", "1.2", "1.2.3", "2", "2.0.1", "10.4")
_FINE = [".".join(map(str, parts)) for parts in product(range(12), (0, 1, 2, 3, 4, 99), (0, 1, 2, 3, 4), (0, 1))]


@given(
    st.lists(
        st.tuples(st.sampled_from((">=", ">", "<=", "<", "==", "!=")), st.sampled_from(_NUMBERS)),
        min_size=2,
        max_size=4,
    ),
    st.sampled_from((CONDA, PIP)),
)
def test_a_range_is_empty_where_no_version_lies_in_it(terms: list[tuple[str, str]], manager: str) -> None:
    spec, contains = ",".join(map("".join, terms)), reader_of(manager)
    assert is_empty(spec, contains) != any(contains(spec, version) for version in _FINE)


@pytest.mark.parametrize(
    ("spec", "manager", "empty"),
    [
        ("==1.26.*,!=1.26.*", PIP, True), ("~=1.4,<1.4", PIP, True), ("~=1.4,<1.5", PIP, False),
        ("1.26.*,>=1.27", CONDA, True), ("=1.26,>=1.26.4", CONDA, False), (">=2,<2", PIP, True),
        (">=2,<=2", PIP, False), ("!=1,!=2", PIP, False), (">1.0,<1.0.1", PIP, False),
        (">=3|<2", CONDA, False), ("<0", PIP, False), (">=2.0rc1,<2.0", PIP, False), ("==2.0+cu118,==2.1", PIP, False),
    ],
)  # fmt: skip
def test_ranges_by_hand(spec: str, manager: str, empty: bool) -> None:
    assert is_empty(spec, reader_of(manager)) is empty


_FREEZE = (
    "absl-py==2.0.0 astunparse==1.6.3 flatbuffers==23.5.26 gast==0.5.4 google-pasta==0.2.0 grpcio==1.59.2 h5py==3.10.0 "
    "keras==2.15.0 libclang==16.0.6 ml-dtypes==0.2.0 numpy==1.26.1 opt-einsum==3.3.0 packaging==23.2 protobuf==4.23.4 "
    "six==1.16.0 tensorboard==2.15.1 tensorflow==2.15.0 tensorflow-estimator==2.15.0 termcolor==2.3.0 wrapt==1.16.0"
)


@pytest.mark.parametrize(("gone", "severity"), [((), "warning"), (("six", "gast", "keras", "h5py"), ERROR)])
def test_a_freeze_of_what_works_is_no_error(gone: tuple[str, ...], severity: str, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("".join(f"{line}\n" for line in _FREEZE.split() if line.partition("==")[0] not in gone))
    (finding,) = _found(file)
    assert (finding.code, finding.package, finding.severity) == ("TFD611", "wrapt", severity)
    assert finding.message.startswith("Pip refuses wrapt 1.16.0 beside tensorflow 2.15.0")


@pytest.mark.parametrize(
    ("asked", "refused"),
    [(("tensorflow", "wrapt"), ["wrapt"]), (("tensorflow", "wrapt", "keras"), ["keras", "wrapt"]), (("wrapt",), [])],
)
def test_what_a_file_has_pip_install_is_held_together_and_what_is_there_is_not(
    asked: tuple[str, ...], refused: list[str]
) -> None:
    versions = {"tensorflow": "2.15.0", "wrapt": "1.16.0", "keras": "2.14.0"}
    packages = [{"name": name, "version": version, "manager": "pip"} for name, version in versions.items()]
    env = environment_of({"platform": "linux-64", "packages": packages}, "environment.yml")
    env.kind, env.asked_of_pip = "solve", frozenset(asked)
    found = said(f for f in diagnose(env, load_matrix()).findings if not f.is_open)
    assert sorted(f.package for f in found if "refuses" in f.message) == refused


def test_an_extra_whose_tensorrt_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    for version, codes in (("2.15.0", ["TFD103"]), ("2.15.1", []), ("2.14.0", [])):
        file.write_text(f"tensorflow[and-cuda]=={version}\n")
        found = _found(file)
        assert [finding.code for finding in found if finding.severity != "info"] == codes
        if codes:
            finding = found[0]
            assert (finding.severity, finding.expected) == ("warning", "2.15.1 or later")
            assert finding.message == "tensorflow[and-cuda] 2.15.0 asks for a TensorRT that the index has no more."
            assert "tensorflow[and-cuda]==2.15.1" in finding.fix.note


@pytest.mark.parametrize(
    ("channels", "version", "sure"),
    [
        # defaults has 2.10 for Windows, and nobody has 2.12.
        ("[conda-forge]", "2.10", "likely"), ("[conda-forge, nodefaults]", "2.10", "certain"),
        ("[conda-forge, defaults]", "2.10", ""), ("[conda-forge]", "2.12", "certain"),
        ("[conda-forge, defaults]", "2.12", "certain"),
    ],
)  # fmt: skip
def test_what_the_user_s_own_channels_may_have_is_to_be_looked_at(
    channels: str, version: str, sure: str, tmp_path: Path
) -> None:
    file = tmp_path / "environment.yml"
    file.write_text(f"channels: {channels}\ndependencies:\n- python=3.10\n- tensorflow={version}\n")
    found = [f for f in _found(file, "win-64") if f.code == "TFD103"]
    asks = ("whether conda asks defaults as well: `conda config --show channels`",) if sure == "likely" else ()
    assert [(f.severity, f.needs, f.confidence) for f in found] == ([(ERROR, asks, sure)] if sure else [])
    if found:
        release = {"2.10": "2.10.0", "2.12": "2.12.1"}[version]
        assert found[0].message == f"No build of tensorflow {release} exists for win-64 in conda-forge."
        wheel = {"2.10": "2.10.1", "2.12": "2.12.1"}[version]
        assert found[0].fix.note == f"pip has it for win-64: tensorflow=={wheel}, under `pip:`."


_DEFAULTS = "whether conda asks defaults as well: `conda config --show channels`"
_OURS = "what ours has: `conda search -c ours tensorflow`"


@pytest.mark.parametrize(
    ("channels", "asks", "python", "needs", "pip"),
    [
        # conda-forge has 1.14 for Windows as its newest, for Python 3.6 and 3.7; defaults has this Python's.
        ("[conda-forge]", "tensorflow", "3.11", (_DEFAULTS,), ("tensorflow==2.21.0",)),
        ("[conda-forge, nodefaults]", "tensorflow", "3.11", (), ("tensorflow==2.21.0",)),
        ("[conda-forge, pytorch]", "tensorflow>=1.13", "3.10", (_DEFAULTS,), ("tensorflow==2.21.0",)),
        ("[conda-forge, ours]", "tensorflow", "3.10", (_OURS, _DEFAULTS), ("tensorflow==2.21.0",)),
        ("[conda-forge, ours, nodefaults]", "tensorflow", "3.10", (_OURS,), ("tensorflow==2.21.0",)),
        ("[conda-forge, defaults]", "tensorflow", "3.11", None, ()),
        ("[conda-forge]", "tensorflow", "3.7", None, ()),
        # Older ones had it for this Python.
        ("[conda-forge, nodefaults]", "tensorflow", "3.5", None, ()),
        # TensorFlow 2 was not asked for.
        ("[conda-forge]", "tensorflow<2", "3.11", (), ()),
        ("[conda-forge]", "tensorflow=1.14", "3.11", (), ()),
        # Nobody has it for this Python.
        ("[conda-forge, nodefaults]", "tensorflow", "3.14", (), ()),
    ],
)  # fmt: skip
def test_a_channel_that_stopped_before_tensorflow_2(
    channels: str, asks: str, python: str, needs: tuple[str, ...] | None, pip: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "environment.yml"
    file.write_text(f"channels: {channels}\ndependencies:\n- python={python}\n- {asks}\n")
    found = [f for f in _found(file, "win-64") if f.severity == ERROR]
    sure = "likely" if needs else "certain"
    expected = [] if needs is None else [("TFD201", sure, needs, pip)]
    assert [(f.code, f.confidence, f.needs, f.fix.pip) for f in found] == expected


def test_pips_takes_the_place_of_what_no_channel_has_for_this_python(tmp_path: Path) -> None:
    file = tmp_path / "environment.yml"
    file.write_text("channels: [conda-forge]\ndependencies:\n- python=3.11\n- tensorflow\n- pandas\n")
    assert console(["fix", "--file", str(file), "--platform", "win-64", "--offline", "--yes"]) == 0
    after = "- python=3.11\n- pandas\n- pip\n- pip:\n  - tensorflow==2.21.0\n"
    assert file.read_text() == f"channels: [conda-forge]\ndependencies:\n{after}"
    assert console(["check", str(file), "--platform", "win-64"]) == 0

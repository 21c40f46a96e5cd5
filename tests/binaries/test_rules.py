"""What is said about the binaries of an environment, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conda_tf_doctor.context.binaries import examine
from conda_tf_doctor.context.context import Context
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.findings import Finding
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.rules.binaries.closure import binaries
from tests.wholes import said
from tools.images import executable
from tools.tiny_pe import make_dll

from .conftest import MAIN, OTHER, SITE, write_conda, write_record


def context(prefix: Path) -> Context:
    return Context(read_prefix(str(prefix)), load_matrix())


def found(prefix: Path) -> list[Finding]:
    return said(binaries(context(prefix)))


def codes(prefix: Path) -> dict[str, str]:
    return {finding.code: finding.severity for finding in found(prefix)}


def test_nothing_is_wrong(env: Path) -> None:
    assert found(env) == []


def test_no_tensorflow_folder_means_no_facts(tmp_path: Path) -> None:
    write_conda(tmp_path, "python", "3.10.4")
    write_conda(tmp_path, "tensorflow", "2.10.0")
    (tmp_path / SITE).mkdir(parents=True)
    assert context(tmp_path).binaries is None
    assert found(tmp_path) == []


def test_a_library_of_somebody_else_lacks(env: Path) -> None:
    make_dll(env / OTHER, imports={"mklml.dll": ["x"]})
    write_record(env)
    (finding,) = found(env)
    assert (finding.code, finding.severity, finding.found, finding.expected) == (
        "TFD501",
        "error",
        "not found",
        "mklml.dll",
    )
    assert finding.evidence == (OTHER,)


def test_a_module_of_another_python(env: Path) -> None:
    make_dll(env / OTHER, imports={"python39.dll": ["x"]})
    write_record(env)
    (finding,) = found(env)
    assert finding.code == "TFD501"
    assert "built for Python 3.9, the environment has 3.10.4" in finding.message


@pytest.mark.parametrize("name", ["msvcp140.dll", "msvcp140_1.dll", "vcruntime140_1.dll"])
def test_a_runtime_dll_lacks(name: str, env: Path) -> None:
    (env / name).unlink()
    (finding,) = found(env)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD401", "info", "likely"), "System32 may have it"
    assert name in finding.message.lower() and "System32" in finding.needs[0]
    write_conda(env, "vc14_runtime", "14.29.30139", files=["msvcp140.dll", "msvcp140_1.dll", "vcruntime140_1.dll"])
    (finding,) = found(env)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD401", "error", "certain"), "it was there"


def test_the_runtime_to_install_is_one_that_works(env: Path) -> None:
    make_dll(env / OTHER, imports={"msvcp140.dll": ["_Mtx_lock"]})
    write_record(env)
    _without_runtime(env)
    (finding,) = found(env)
    assert finding.code == "TFD401" and finding.expected == "Visual C++ runtime >=14.40"
    assert finding.fix.pins == ("vc14_runtime >=14.40",)


def _without_runtime(env: Path) -> None:
    for path in (*env.glob("msvcp140*.dll"), *env.glob("vcruntime140*.dll")):
        path.unlink()


@pytest.mark.parametrize(("depends", "severity"), [([], "info"), (["vc14_runtime >=14.29.30139"], "error")])
def test_no_runtime_in_a_conda_environment(env: Path, depends: list[str], severity: str) -> None:
    write_conda(env, "python", "3.10.4", depends=depends)
    _without_runtime(env)
    (finding,) = found(env)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD401", severity, "likely")
    assert bool(finding.needs) is (severity == "info")
    # A part of it that no record speaks of: somebody moved the rest, and works with what Windows has.
    make_dll(env / "msvcp140_2.dll")
    assert codes(env) == {"TFD401": "info"}


def test_a_record_without_files_stands_for_its_version(env: Path) -> None:
    _without_runtime(env)
    write_conda(env, "vc14_runtime", "14.29.30139")
    assert found(env) == []


def test_a_record_with_files_is_held_to_them(env: Path) -> None:
    _without_runtime(env)
    write_conda(env, "vc14_runtime", "14.29.30139", files=["msvcp140.dll", "vcruntime140.dll"])
    assert codes(env) == {"TFD401": "error"}


def test_a_record_named_after_visual_studio_is_older_than_it_looks(env: Path) -> None:
    _without_runtime(env)
    write_conda(env, "vs2015_runtime", "15.5.2")
    assert codes(env) == {"TFD402": "error", "TFD401": "info"}, "it never had vcruntime140_1.dll"


def test_a_runtime_that_is_too_old_names_what_it_lacks(env: Path) -> None:
    for name in ("msvcp140.dll", "msvcp140_1.dll", "vcruntime140.dll"):
        make_dll(env / name, ["common"], version="14.16.27033.0")
    (env / "vcruntime140_1.dll").unlink()
    first, second = found(env)
    assert (first.code, first.severity, first.found) == ("TFD402", "error", "msvcp140.dll 14.16.27033.0")
    assert first.expected == "Visual C++ runtime >=14.20"
    assert first.fix.pins == ("vc14_runtime >=14.20",)
    assert (second.code, second.confidence) == ("TFD401", "likely")


def test_a_runtime_older_than_the_linker_works(env: Path) -> None:
    make_dll(env / "msvcp140.dll", ["common"], version="14.26.28720.3")
    assert codes(env) == {}


@pytest.mark.parametrize("version", ["14.29.30133.0", "14.44.35211.0", "14.51.36247.0"])
def test_a_newer_runtime_is_fine(version: str, env: Path) -> None:
    make_dll(env / "msvcp140.dll", ["common"], version=version)
    assert found(env) == []


@pytest.mark.parametrize(
    ("imports", "version", "expected"),
    [
        (["_Mtx_lock"], "14.38.33130.0", {"TFD402": "error"}),
        (["_Mtx_lock"], "14.40.33810.0", {}),
        (["_Mtx_lock", "_Mtx_init_in_situ"], "14.38.33130.0", {}),
        (["_Cnd_wait"], "14.38.33130.0", {}),
    ],
    ids=["constexpr-mutex-before-14.40", "constexpr-mutex-on-14.40", "initialised-mutex", "no-mutex"],
)
def test_mutexes_without_initialising(imports: list[str], version: str, expected: dict[str, str], env: Path) -> None:
    make_dll(env / "msvcp140.dll", ["common", "_Mtx_lock", "_Mtx_init_in_situ", "_Cnd_wait"], version=version)
    make_dll(env / OTHER, imports={"MSVCP140.dll": imports}, linker=(14, 0))
    make_dll(env / MAIN, ["TF_Version"], {"MSVCP140.dll": ["common"]}, linker=(14, 0))
    write_record(env)
    assert codes(env) == expected


def test_symbols_that_an_old_runtime_lacks_are_its_age(env: Path) -> None:
    make_dll(env / "msvcp140.dll", ["other"], version="14.20.27508.1")
    told = {finding.code: finding for finding in found(env)}
    assert set(told) == {"TFD402"}
    assert "common" in told["TFD402"].message


def test_symbols_that_a_new_runtime_lacks_are_a_damaged_file(env: Path) -> None:
    make_dll(env / "msvcp140.dll", ["other"], version="14.44.35211.0")
    assert codes(env) == {"TFD505": "error"}


def test_a_module_of_tensorflow_lacks_a_symbol(env: Path) -> None:
    make_dll(env / OTHER, imports={"_pywrap_tensorflow_internal.pyd": ["TF_Version", "TF_Newer"]})
    write_record(env)
    (finding,) = found(env)
    assert finding.code == "TFD505"
    assert "TF_Newer" in finding.message
    assert "_pywrap_tfe.pyd needs" in finding.message


def test_an_old_copy_hides_a_new_one(env: Path) -> None:
    make_dll(env / "msvcp140.dll", ["other"], version="14.20.27508.1")
    make_dll(env / "Library/bin/msvcp140.dll", ["common"], version="14.40.33810.0")
    told = found(env)
    assert [finding.code for finding in told] == ["TFD402", "TFD504"]
    assert (told[1].found, told[1].expected) == ("msvcp140.dll", "Library/bin/msvcp140.dll")


def test_a_damaged_copy_hides_a_whole_one(env: Path, change: Callable[[str, bytes], Path]) -> None:
    make_dll(env / "Library/bin/msvcp140.dll", ["common"], version="14.29.30133.0")
    change("msvcp140.dll", b"MZ cut")
    assert codes(env) == {"TFD502": "error", "TFD504": "error"}


def test_an_older_copy_behind_the_right_one_is_nobodys_business(env: Path) -> None:
    make_dll(env / "Library/bin/msvcp140.dll", ["other"], version="14.0.23026.0")
    assert found(env) == []


def test_everything_is_for_another_machine(env: Path) -> None:
    (env / "python.exe").write_bytes(executable("win-32"))
    first = found(env)[0]
    assert (first.code, first.severity, first.found, first.expected) == ("TFD102", "error", "x86_64", "x86")


def test_one_dll_is_for_another_machine(env: Path) -> None:
    make_dll(env / "vcruntime140.dll", ["common"], machine="x86")
    (finding,) = found(env)
    assert (finding.code, finding.evidence) == ("TFD102", ("vcruntime140.dll",))


def test_a_dll_in_the_way_is_a_warning(env: Path) -> None:
    (env / "vcruntime140.dll").rename(env / "vcruntime140.tmp")
    (env / "Library/bin").mkdir(parents=True)
    (env / "vcruntime140.tmp").rename(env / "Library/bin/vcruntime140.dll")
    make_dll(env / "vcruntime140.dll", ["common"], machine="x86")
    assert codes(env) == {"TFD102": "warning"}


def test_a_truncated_file_is_said_once(env: Path) -> None:
    size = (env / OTHER).stat().st_size
    (env / OTHER).write_bytes((env / OTHER).read_bytes()[:-100])
    (finding,) = found(env)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD502", "error", "certain")
    assert f"it has {size - 100:,} bytes, recorded are {size:,}" in finding.message
    assert finding.evidence == (OTHER, f"{SITE}/tensorflow-2.10.0.dist-info/RECORD")
    assert (finding.package, finding.fix.commands[0][-1]) == ("tensorflow", "tensorflow==2.10.0")


@pytest.mark.parametrize(("recorded_more", "severity"), [(100, "error"), (-100, "warning")], ids=["shorter", "longer"])
def test_a_whole_file_of_another_size(recorded_more: int, severity: str, env: Path) -> None:
    # What follows the image (a signature) may be cut off or put there, and every loader still takes the file.
    data = (env / OTHER).read_bytes()
    (env / OTHER).write_bytes(data + bytes(200))
    write_record(env)
    (env / OTHER).write_bytes(data + bytes(200 - recorded_more))
    (finding,) = found(env)
    assert (finding.code, finding.severity) == ("TFD503", severity)


def test_a_damaged_file_of_the_recorded_size(env: Path) -> None:
    (env / OTHER).write_bytes(bytes((env / OTHER).stat().st_size))
    (finding,) = found(env)
    assert (finding.code, finding.severity) == ("TFD502", "error")
    assert finding.message.endswith("not a binary: filled with zeros, and its content has another hash.")
    assert finding.expected.startswith("a whole image, sha256 ")


def test_one_flipped_byte_is_a_warning(env: Path) -> None:
    data = bytearray((env / OTHER).read_bytes())
    data[0x400 + 6] ^= 0xFF
    (env / OTHER).write_bytes(data)
    (finding,) = found(env)
    assert (finding.code, finding.severity) == ("TFD503", "warning")
    assert finding.source == f"{SITE}/tensorflow-2.10.0.dist-info/RECORD"
    assert finding.found != finding.expected and finding.found.startswith("sha256 ")
    assert len(finding.found) == len(finding.expected)


def test_a_large_file_is_hashed_only_when_asked(env: Path) -> None:
    with (env / OTHER).open("ab") as stream:
        stream.write(bytes(5 * 1024 * 1024))
    write_record(env)
    data = bytearray((env / OTHER).read_bytes())
    data[-1] ^= 1
    (env / OTHER).write_bytes(data)
    assert found(env) == []
    facts = examine(context(env), thorough=True)
    assert facts is not None
    assert [damage.kind for damage in facts.damages] == ["changed"]


def test_a_recorded_file_is_gone(env: Path) -> None:
    (env / OTHER).unlink()
    (finding,) = found(env)
    assert (finding.code, finding.severity) == ("TFD501", "error")
    (env / MAIN).unlink()
    make_dll(env / OTHER)
    assert codes(env)["TFD501"] == "error"


def test_a_recorded_file_that_others_import_is_told_once(env: Path) -> None:
    part = env / SITE / "tensorflow" / "python" / "_pywrap_tensorflow_common.dll"
    make_dll(part, ["x"])
    make_dll(env / OTHER, imports={part.name: ["x"]})
    write_record(env)
    assert found(env) == []
    part.unlink()
    (finding,) = found(env)
    assert (finding.code, finding.severity) == ("TFD501", "error")
    assert "recorded as installed" in finding.message and finding.fix.commands


def test_a_record_of_another_installation_proves_nothing(env: Path) -> None:
    folder = env / SITE / "tensorflow_cpu-2.9.0.dist-info"
    folder.mkdir()
    (folder / "RECORD").write_text("tensorflow/python/_gone.pyd,sha256=AAAA,12\n")
    assert found(env) == []


def test_condas_own_hashes(env: Path) -> None:
    import hashlib
    import shutil

    shutil.rmtree(env / SITE / "tensorflow-2.10.0.dist-info")
    paths = [
        {"_path": file, "path_type": "hardlink", "sha256": hashlib.sha256(data).hexdigest(), "size_in_bytes": len(data)}
        for file in (MAIN, OTHER)
        for data in [(env / file).read_bytes()]
    ]
    write_conda(env, "tensorflow", "2.10.0", "py310h_0")
    write_conda(
        env,
        "tensorflow-base",
        "2.10.0",
        "py310h_0",
        files=[MAIN, OTHER],
        paths_data={"paths": paths, "paths_version": 1},
    )
    assert found(env) == []
    data = bytearray((env / OTHER).read_bytes())
    data[0x400 + 6] ^= 0xFF
    (env / OTHER).write_bytes(data)
    (finding,) = found(env)
    assert (finding.code, finding.source) == ("TFD503", "conda-meta/tensorflow-base-2.10.0-py310h_0.json")


def test_records_that_lead_outside_are_not_followed(env: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.dll").write_bytes(b"x")
    record = env / SITE / "tensorflow-2.10.0.dist-info" / "RECORD"
    record.write_text(record.read_text() + "../../../secret.dll,sha256=AAAA,99\n/etc/secret.dll,sha256=AAAA,99\n")
    outside = [{"_path": "../secret.dll", "path_type": "hardlink", "size_in_bytes": 99, "sha256": "0"}]
    write_conda(env, "tensorflow-base", "2.10.0", files=["../secret.dll"], paths_data={"paths": outside})
    facts = context(env).binaries
    assert facts is not None
    assert facts.damages == ()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"paths_data": 3}', '{"paths_data": {"paths": [1, {}]}}', '{"files": 5}']
)
def test_odd_records_are_survived(text: str, env: Path) -> None:
    (env / "conda-meta" / "tensorflow-base-2.10.0-h0_0.json").write_text(text)
    (env / SITE / "tensorflow-2.10.0.dist-info" / "RECORD").write_bytes(b"\xff\xfe,,\n,,,\ntensorflow/x.pyd\n")
    facts = context(env).binaries
    assert facts is not None
    assert len(facts.modules) == 2


GPU = ("cudart64_110", "cublas64_11", "cublasLt64_11", "cufft64_10", "curand64_10", "cusolver64_11", "cusparse64_11")
PARTS = ("ops_infer", "ops_train", "cnn_infer", "cnn_train", "adv_infer", "adv_train")
CUDNN = ("cudnn64_8", *(f"cudnn_{part}64_8" for part in PARTS))


@pytest.fixture
def gpu(env: Path) -> Path:
    """CUDA and cuDNN by conda, whole."""
    write_conda(env, "cudatoolkit", "11.2.2")
    write_conda(env, "cudnn", "8.1.0.77")
    for name in (*GPU, *CUDNN):
        make_dll(env / "Library" / "bin" / f"{name}.dll", ["x"])
    return env


def test_a_whole_gpu_environment(gpu: Path) -> None:
    assert found(gpu) == []


@pytest.mark.parametrize("name", ["cusolver64_11", "cudnn_cnn_infer64_8", "cudart64_110"])
def test_one_gpu_library_lacks(name: str, gpu: Path) -> None:
    (gpu / "Library" / "bin" / f"{name}.dll").unlink()
    (finding,) = found(gpu)
    assert (finding.code, finding.severity, finding.expected) == ("TFD501", "error", f"{name}.dll")


def test_gpu_libraries_lack_where_no_gpu_is_wanted(env: Path) -> None:
    make_dll(env / "Library" / "bin" / "cudart64_110.dll", ["x"])
    assert found(env) == []


def test_no_cudnn_at_all_is_the_cuda_rules_business(gpu: Path) -> None:
    for name in CUDNN:
        (gpu / "Library" / "bin" / f"{name}.dll").unlink()
    assert found(gpu) == []


def test_a_file_is_whole_where_any_of_two_records_says_so(env: Path) -> None:
    stale = env / SITE / "tensorflow_cpu-2.9.0.dist-info"
    stale.mkdir()
    (stale / "METADATA").write_text("Metadata-Version: 2.1\nName: tensorflow-cpu\nVersion: 2.9.0\n")
    (stale / "RECORD").write_text(f"{OTHER.removeprefix(SITE + '/')},sha256=AAAA,99999\n")
    assert [f for f in found(env) if f.code == "TFD503"] == []
    (env / OTHER).write_bytes((env / OTHER).read_bytes() + b"more")
    assert [f.severity for f in found(env) if f.code == "TFD503"] != []


def test_neighbours_are_compared_too_and_others_with_v(env: Path) -> None:
    for name in ("numpy", "scipy"):
        library = make_dll(env / SITE / name / "core.pyd", ["x"])
        folder = env / SITE / f"{name}-1.23.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.23.0\n")
        (folder / "RECORD").write_text(f"{name}/core.pyd,,{library.stat().st_size + 10}\n")
    (finding,) = found(env)
    assert (finding.code, finding.severity, finding.package) == ("TFD503", "warning", "numpy"), "nothing loads it"
    assert finding.fix.commands[0][-1] == "numpy==1.23.0"
    facts = read_prefix(str(env))
    facts.thorough = True
    told = list(binaries(Context(facts, load_matrix())))
    assert sorted((f.package, f.severity) for f in told) == [("numpy", "warning"), ("scipy", "warning")]

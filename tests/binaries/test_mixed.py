"""Two distributions of TensorFlow over each other: the mixture is the cause, files that do not fit follow from it."""

from __future__ import annotations

from pathlib import Path

from conda_tf_doctor.context.context import Context
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import Finding
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.report import collect
from conda_tf_doctor.rules.binaries.closure import binaries
from tests.wholes import said
from tools.prefixes import add_dist
from tools.tiny_pe import make_dll

from .conftest import OTHER, SITE, write_conda, write_record


def found(prefix: Path) -> list[Finding]:
    """Return what is said of files and owners; what the environment lacks besides is no matter here."""
    findings = diagnose(read_prefix(str(prefix)), load_matrix()).findings
    return said(f for f in findings if f.code == "TFD602" or f.code.startswith("TFD5"))


def test_files_that_do_not_fit_follow_from_two_distributions(env: Path) -> None:
    add_dist(env, "tensorflow-cpu", "2.9.1")
    [finding] = [f for f in found(env) if f.severity != "info"]
    assert (finding.code, finding.severity) == ("TFD602", "warning"), "what fits is only fragile"
    make_dll(env / OTHER, imports={"_pywrap_tensorflow_internal.pyd": ["TF_FromTheOtherOne"]})
    [first, *others] = found(env)
    assert (first.code, first.severity, first.confidence) == ("TFD602", "error", "certain")
    assert "TF_FromTheOtherOne" in first.message and first.fix.commands
    assert [(f.code, f.severity) for f in others] == [("TFD505", "info"), ("TFD503", "info")]


def test_a_report_says_of_two_distributions_what_their_files_told(env: Path) -> None:
    add_dist(env, "tensorflow-cpu", "2.9.1")
    for severity in ("warning", "error"):
        facts, matrix = read_prefix(str(env)), load_matrix()
        direct = diagnose(facts, matrix).findings
        again = diagnose(environment_of(collect(facts, matrix, findings=direct), "r.json"), matrix).findings
        told, said_again = (
            [(f.code, f.severity, f.message) for f in each if f.code == "TFD602"] for each in (direct, again)
        )
        assert told == said_again and [f[1] for f in told] == [severity]
        make_dll(env / OTHER, imports={"_pywrap_tensorflow_internal.pyd": ["TF_FromTheOtherOne"]})


def test_one_distribution_alone_is_damaged_by_itself(env: Path) -> None:
    make_dll(env / OTHER, imports={"_pywrap_tensorflow_internal.pyd": ["TF_FromTheOtherOne"]})
    write_record(env)
    assert [f.code for f in found(env) if f.severity == "error"] == ["TFD505"]


def test_what_is_gone_as_a_whole_is_said_once(env: Path) -> None:
    site = env / SITE
    (site / "tensorflow" / "__init__.py").write_text("")
    write_record(env)
    (env / OTHER).unlink()
    assert [(f.code, f.severity) for f in found(env)] == [("TFD501", "error")]
    for path in (site / "tensorflow").rglob("*.p*"):
        if path.is_file():
            path.unlink()
    [finding] = found(env)
    assert (finding.code, finding.severity) == ("TFD501", "error") and "tensorflow/__init__.py" in finding.message


def test_what_is_no_file_of_the_two_stays_what_it_is(env: Path) -> None:
    """Neither the C++ runtime nor numpy goes with one of them."""
    add_dist(env, "tensorflow-cpu", "2.9.1")
    make_dll(env / SITE / "numpy/core/_multiarray_umath.cp310-win_amd64.pyd", imports={"libopenblas.dll": ["dgemm"]})
    make_dll(env / OTHER, imports={"_pywrap_tensorflow_internal.pyd": ["TF_FromTheOtherOne"]})
    write_record(env)
    write_conda(env, "vc14_runtime", "14.29.30139", files=["msvcp140_1.dll"])
    (env / "msvcp140_1.dll").unlink()
    told = said(binaries(Context(read_prefix(str(env)), load_matrix())))
    assert {(finding.code, finding.severity) for finding in told} == {
        ("TFD505", "info"), ("TFD501", "error"), ("TFD401", "error"),
    }  # fmt: skip
    follows = [finding.code for finding in told if "follows from the two distributions" in finding.message]
    assert follows == ["TFD505"]

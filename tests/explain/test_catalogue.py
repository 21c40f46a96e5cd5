from __future__ import annotations

import re
from pathlib import Path

import pytest

from conda_tf_doctor.explain import catalogue
from conda_tf_doctor.explain.catalogue import SHARED, CatalogueError, Signature, need, signatures
from conda_tf_doctor.explain.facts import FACTS, truth
from conda_tf_doctor.explain.match import fill
from conda_tf_doctor.explain.subject import Subject

ALL = signatures()
GROUPS = {"wanted"}


@pytest.mark.parametrize("signature", ALL, ids=[signature.id for signature in ALL])
def test_every_signature_is_whole(signature: Signature) -> None:
    assert bool(signature.patterns) != bool(signature.special)
    assert signature.strength in range(4)
    assert len(signature.meaning) > 30
    assert signature.meaning.rstrip().endswith((".", "{what}."))
    for cause in signature.causes:
        assert len(cause.why) > 20 or cause.conditions
        for condition in cause.conditions:
            assert condition.facts
            for fact in condition.facts:
                assert fact.removeprefix("not ").split()[0] in FACTS, fact


@pytest.mark.parametrize("signature", ALL, ids=[signature.id for signature in ALL])
def test_sentences_name_only_what_the_patterns_capture(signature: Signature) -> None:
    captured = {name for pattern in signature.patterns for name in pattern.groupindex} | GROUPS
    if signature.special:
        captured |= {"file", "module", "name", "range", "instead"}
    sentences = [signature.meaning, *(cause.why for cause in signature.causes)]
    sentences += [condition.why for cause in signature.causes for condition in cause.conditions]
    for sentence in sentences:
        missing = set(re.findall(r"\{(\w+)\}", sentence)) - captured
        assert not missing, f"{sentence} names {missing}"


@pytest.mark.parametrize("signature", ALL, ids=[signature.id for signature in ALL])
def test_no_cause_twice(signature: Signature) -> None:
    codes = [cause.code for cause in signature.causes]
    assert len(codes) == len(set(codes))


def test_facts_without_an_environment_are_unknown_or_of_the_text() -> None:
    subject = Subject("nothing")
    for fact in (
        "tensorflow >=2",
        "python <3",
        "python-bits 32",
        "avx",
        "no-avx",
        "vc >=14",
        "vc-missing",
        "gpu-build",
    ):
        assert truth(subject, fact) is None, fact
        assert truth(subject, f"not {fact}") is None, fact


def test_a_sentence_without_its_words_stays_a_sentence() -> None:
    assert fill("CUDA refused ({status}).", {}) == "CUDA refused."
    assert (
        fill("{library} of {wanted} is missing.", {"library": "libcudart.so.10.1"})
        == "libcudart.so.10.1 of CUDA 10.1 is missing."
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- {id: a, pattern: '(', meaning: m, causes: []}", "missing \\)"),
        ("- {id: a, pattern: x, meaning: m, causes: [{code: TFD999, likelihood: likely, why: w}]}", "TFD999"),
        ("- {id: a, pattern: x, meaning: m, causes: [{code: TFD101, likelihood: often, why: w}]}", "often"),
        ("- {id: a, pattern: x, meaning: m, causes: []}\n- {id: a, pattern: y, meaning: m, causes: []}", "one id"),
    ],
)
def test_a_wrong_catalogue_is_refused(text: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / SHARED).write_text("{}")
    monkeypatch.setattr(catalogue, "DATA", str(tmp_path))
    signatures.cache_clear()
    try:
        with pytest.raises(CatalogueError, match=reason):
            signatures()
    finally:
        signatures.cache_clear()


def test_what_would_decide_is_asked_for_in_a_sentence() -> None:
    codes = {cause.code for signature in ALL for cause in signature.causes}
    assert {code for code in codes if need(code) and len(need(code)) <= 10} == set()
    assert need("TFD201") and not need("TFD101")

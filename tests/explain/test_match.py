from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.explain.catalogue import signatures
from conda_tf_doctor.explain.match import find, match
from conda_tf_doctor.explain.rank import rank
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.rules.context import Context

CASES = YAML(typ="safe").load(Path(__file__).parent / "data" / "texts.yaml")


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_first_cause_of_a_text(case: dict[str, Any]) -> None:
    context = None
    if "facts" in case:
        context = Context(environment_of({"packages": [], **case["facts"]}, "facts"), load_matrix())
    causes = rank(case["text"], context).causes
    assert causes, "the text is not known"
    assert causes[0].code == case["top"], [(cause.code, cause.likelihood, cause.signature) for cause in causes]


def test_there_are_forty_distinct_texts() -> None:
    assert len({case["text"] for case in CASES}) >= 40

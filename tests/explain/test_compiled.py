from __future__ import annotations

import json
from pathlib import Path

from conda_tf_doctor.explain import catalogue, compiled


def test_the_derived_form_holds_what_the_yaml_holds(tmp_path: Path) -> None:
    for file in Path(catalogue.DATA).glob("*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    parsed = compiled.load(str(tmp_path))
    assert (tmp_path / compiled.FILE_NAME).is_file()
    assert compiled.load(str(tmp_path)) == parsed == compiled.load(catalogue.DATA)


def test_an_edit_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("- 1\n")
    assert compiled.load(str(tmp_path)) == {"a.yaml": [1]}
    (tmp_path / "a.yaml").write_text("- 2\n")
    assert compiled.load(str(tmp_path)) == {"a.yaml": [2]}


def test_a_damaged_derived_form_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("- 1\n")
    path = Path(compiled.write(str(tmp_path)))
    for damage in ("", "{", '{"sources": 1}', "[]"):
        path.write_text(damage)
        assert compiled.load(str(tmp_path)) == {"a.yaml": [1]}
        assert json.loads(path.read_text())["documents"] == {"a.yaml": [1]}

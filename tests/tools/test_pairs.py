"""The table of which add-on loads beside which TensorFlow, as it is written out of facts."""

from __future__ import annotations

import itertools
import shutil
import zipfile
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

from conda_tf_doctor import versions
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.versions import key
from tools.package_index import File, Index
from tools.pairs import TABLE, WHOLE, Fact, newer, read, read_facts, tables, text_of
from tools.tiny_elf import make_so


def test_the_bundled_table_is_what_the_facts_say() -> None:
    assert TABLE.read_text(encoding="utf-8") == text_of(read_facts())


def test_every_fact_is_told_by_the_table_and_no_more() -> None:
    table, wrong = load_matrix().table("works_symbols"), []
    for fact in read_facts():
        rows = [
            row
            for entry in table[fact.plugin]
            if WHOLE.get(fact.platform, fact.platform) in entry["platform"]
            and fact.distribution in entry.get("distribution", [fact.distribution])
            and versions.contains(entry["tensorflow"], fact.tensorflow)
            for row in entry.get("breaks", ())
            if versions.contains(row["versions"], fact.version)
        ]
        if bool(rows) != bool(fact.missing):
            wrong.append(fact)
    assert not wrong


def facts(*works: str, distribution: str = "tensorflow", versions: str = "0.1.0 0.3.0 0.4.0") -> list[Fact]:
    """Return facts of one add-on; each of `works` is a TensorFlow and the versions of the add-on that load there."""
    found = []
    for line, version in itertools.product(works, versions.split()):
        tensorflow, *good = line.split()
        missing = "" if version in good else "_symbol"
        found.append(Fact("osx-64", distribution, tensorflow, "tensorflow-text", version, missing))
    return found


def test_neighbours_that_are_alike_are_one_entry_and_gaps_are_left_open() -> None:
    read = facts("2.5.0 0.1.0", "2.6.1 0.3.0 0.4.0", "2.7.0 0.3.0 0.4.0", "2.8.0")
    (first, second, last) = tables(read)["tensorflow-text"]
    assert (first["tensorflow"], first["works"], first["breaks"][0]["versions"]) == (">=2.5,<2.6", "<0.2", ">=0.3")
    assert (second["tensorflow"], second["works"], second["breaks"][0]["versions"]) == (">=2.6,<2.8", ">=0.3", "<0.2")
    # Beyond the last TensorFlow, nothing will load that does not load there.
    assert (last["tensorflow"], last["breaks"][0]["versions"]) == (">=2.8", "")
    assert "No release of tensorflow-text" in last["breaks"][0]["remedy"]


def test_distributions_are_told_apart_only_where_they_differ() -> None:
    both = [*facts("2.5.0 0.1.0", "2.6.0 0.1.0"), *facts("2.5.0", "2.6.0 0.1.0", distribution="tensorflow-macos")]
    entries = {(*entry.get("distribution", ()),): entry for entry in tables(both)["tensorflow-text"]}
    assert sorted(entries) == [(), ("tensorflow", "tensorflow-cpu"), ("tensorflow-macos",)]
    assert entries[()]["tensorflow"] == ">=2.6,<2.7"
    assert "works" not in entries["tensorflow-macos",]


def test_what_is_newer_is_read_beside_all_that_is_known() -> None:
    known = [fact for fact in read_facts() if fact.platform in ("linux-64", "osx-arm64")]
    assert not list(newer(known, load_matrix()))
    older = [f for f in known if (f.plugin, f.version) != ("tensorflow-text", "2.21.1")]
    jobs = list(newer(older, load_matrix()))
    assert [(job.platform, job.plugins) for job in jobs] == [
        ("linux-64", ["tensorflow-text==2.21.0", "tensorflow-text==2.21.1"]),
        ("osx-arm64", ["tensorflow-text==2.21.0", "tensorflow-text==2.21.1"]),
    ]
    assert set(jobs[0].releases) == {f"{f.distribution}=={f.tensorflow}" for f in older if f.platform == "linux-64"}


def test_a_new_minor_of_tensorflow_is_read_with_all_add_ons() -> None:
    known = [f for f in read_facts() if f.platform == "win-64" and key(f.tensorflow) < key("2.21")]
    (job,) = newer(known, load_matrix())
    assert job.releases == ["tensorflow-cpu==2.21.0"]
    assert set(job.plugins) == {f"{f.plugin}=={f.version}" for f in known}


def test_wheels_are_read_as_the_index_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One wheel beside another, from the index to a fact."""
    ops, library = "tensorflow_text/_ops.so", "tensorflow/libtensorflow_framework.so.2"
    for name, file, symbols in (
        ("tensorflow_text-2.30.0", ops, {"undefined": ["_ZN3tsl5mutexC1Ev"]}),
        ("tensorflow_cpu-2.30.0", library, {"defines": ["_ZN3tsl4timeEv"]}),
    ):
        wheel = tmp_path / f"{name}-cp313-cp313-manylinux_2_27_x86_64.whl"
        make_so(tmp_path / file, [Path(library).name] if name.startswith("tensorflow_text") else [], **symbols)
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.write(tmp_path / file, file)
    monkeypatch.setattr(
        Index, "files", lambda self, name: [_of(p) for p in tmp_path.glob(f"{name.replace('-', '_')}-*")]
    )
    monkeypatch.setattr(Index, "download", lambda self, file, folder: Path(shutil.copy(file.url, folder)))
    found = read("linux-64", ["tensorflow-text==2.30.0"], ["tensorflow-cpu==2.30.0", "tensorflow-cpu==2.31.0"])
    text = ("tensorflow-text", "2.30.0", "_ZN3tsl5mutexC1Ev")
    assert found == [Fact("linux-64", "tensorflow-cpu", "2.30.0", *text)]


def _of(path: Path) -> File:
    version, tags = parse_wheel_filename(path.name)[1::2]
    return File(path.name, str(path), str(version), "", "", False, tags)

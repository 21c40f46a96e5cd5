"""The table of which add-on loads beside which TensorFlow, as it is written out of facts."""

from __future__ import annotations

import itertools

from conda_tf_doctor import versions
from conda_tf_doctor.matrix.load import load_matrix
from tools.pairs import TABLE, Fact, read_facts, tables, text_of


def test_the_bundled_table_is_what_the_facts_say() -> None:
    assert TABLE.read_text(encoding="utf-8") == text_of(read_facts())


def test_every_fact_is_told_by_the_table_and_no_more() -> None:
    table, wrong = load_matrix().table("works_symbols"), []
    for fact in read_facts():
        rows = [
            row
            for entry in table[fact.plugin]
            if fact.platform in entry["platform"]
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

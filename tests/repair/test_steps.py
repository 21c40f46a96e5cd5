"""Every step of a repair, forward and back: what conda and pip are told, and what is made of what they do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.repair import by_pip, kept, kept_conda
from conda_tf_doctor.repair import journal as journals
from conda_tf_doctor.repair.apply import Applier, commands
from conda_tf_doctor.repair.back import records
from conda_tf_doctor.repair.conda import Conda
from tests.repair.conftest import SMALL
from tests.repair.test_kept import tree
from tests.repair.told import Told, posix
from tests.wholes import shown
from tools.prefixes import add_dist, add_record, make_prefix

pytestmark = posix
CASES: dict[str, dict[str, Any]] = {
    case["id"]: case for case in YAML(typ="safe").load(Path(__file__).parents[1] / "data" / "repair" / "steps.yaml")
}
STACK = {
    **SMALL, "tensorflow": "2.10.1", "numpy": "1.23.5", "protobuf": "3.19.6", "keras": "2.10.0", "h5py": "3.7.0",
    "tensorflow-estimator": "2.10.0", "tensorboard": "2.10.1", "flatbuffers": "23.5.26",
}  # fmt: skip


def environment(tmp_path: Path, case: dict[str, Any]) -> Path:
    """Make the environment of a case: TensorFlow with all that it needs, but for what the case says."""
    prefix = make_prefix(tmp_path / "env", "linux-64")
    told = {text.split()[0]: text.split()[1:] for text in case.get("pip", ())}
    for name, version in {**STACK, **{name: "".join(words[:1]) for name, words in told.items()}}.items():
        if version:
            module = name.replace("-", "_")
            files = {} if name == "tensorflow" else {f"{module}/__init__.py": f"{name} {version}"}
            add_dist(prefix, name, version, requires=told.get(name, [])[1:], files=files)
    for name, version, build, *about in map(str.split, case.get("conda", ())):
        fields = {"url": about[0]} if about else {}
        add_record(prefix, "linux-64", name, version, build, files=[f"share/{name}.txt"], **fields)
        (prefix / "share").mkdir(exist_ok=True)
        (prefix / "share" / f"{name}.txt").write_text(f"{name} {version}")
    if "pinned" in case:
        (prefix / "conda-meta" / "pinned").write_text(case["pinned"])
    return prefix


def journal_of(case: dict[str, Any], prefix: Path) -> journals.Journal:
    env = read_prefix(str(prefix), with_machine=False)
    now = {
        "started": "2026-01-01T00:00:00.000000+00:00",
        "conda_before": sorted(records(env)),
        "pip_before": [f"{p.name}=={p.version}" for p in env.packages if p.manager == "pip" and p.version],
    }
    fields = {**now, **case.get("journal", {})}
    return journals.Journal(**{name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()})


def there(prefix: Path) -> str:
    """Return what a case may change: distributions, records, and files that stand for packages."""
    names = {f"{name.replace('-', '_')}-{version}.dist-info" for name, version in STACK.items()}
    found = [path.name for path in prefix.glob("lib/python*/site-packages/*") if path.name not in names]
    modules = {name.replace("-", "_") for name in STACK}
    found = [name for name in found if name not in modules]
    numpy = next(iter(prefix.glob("lib/python*/site-packages/numpy/__init__.py")), None)
    found += [numpy.read_text()] if numpy else []
    found += [path.stem for path in prefix.glob("conda-meta/*.json") if not path.stem.startswith("python-")]
    found += [path.name for path in prefix.glob("share/*")]
    pinned = prefix / "conda-meta" / "pinned"
    lines = pinned.read_text().splitlines() if pinned.exists() else []
    return "\n".join([", ".join(sorted(found)), *(f"Pinned: {line}" for line in lines)])


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_what_is_told_and_what_comes_of_it(case: dict[str, Any], tmp_path: Path) -> None:
    prefix = environment(tmp_path, case)
    told = Told(tmp_path, prefix, case.get("effects"))
    by_pip.pip_command.cache_clear()
    journal = journal_of(case, prefix)
    said: list[str] = []
    conda = None if case.get("without_conda") else Conda([str(told.conda)])
    applier = Applier(
        str(prefix), conda, lambda: diagnose(read_prefix(str(prefix)), load_matrix()), said.append, quiet=True
    )
    lines = [" ".join(command) for command in commands(journal, str(prefix))]
    aside = Path(journal.folder(str(prefix))) / journals.FILES
    if case.get("kept"):
        kept.keep(str(prefix), str(aside), kept.owned_now(str(prefix)), case["kept"])
        kept_conda.keep(str(prefix), str(aside / "conda"), journal.conda_before)
    for line in case.get("meanwhile", ()):
        name, *words = line.split()
        for path in (*prefix.glob(f"lib/python*/site-packages/{name}"), *prefix.glob(f"lib/*/*/{name}-*.dist-info")):
            shutil.rmtree(path)
        if words:
            add_dist(prefix, name, words[0], files={f"{name}/__init__.py": line})
    for line in case.get("stopped", ()):
        # What an installer leaves that stopped midway: its RECORD comes last.
        name, version, installer = line.split()
        (add_dist(prefix, name, version, installer=installer) / "RECORD").unlink()
    for name in case.get("beside", ()):
        add_dist(prefix, *name.split())
    for name in case.get("lost", ()):
        (aside / name).unlink()
    outcome = applier.undo(journal, "So it is.") if case.get("undo") else applier.run(journal)
    usual = {f"{name}=={version}" for name, version in STACK.items()}
    history = [f"After: {', '.join(sorted({*each.pip_after} - usual))}" for each in journals.history(str(prefix))]
    if history:
        names = tree(aside) if aside.exists() else ()
        history += [f"Kept: {', '.join(kept.load(str(aside)))}"]
        history += sorted(name.removeprefix("lib/python3.10/site-packages/") for name in names)
    by_pip.pip_command.cache_clear()
    left = sorted(path.name for path in (prefix / "conda-meta").glob("tf-doctor*"))
    ended = f"{outcome.message} ok: {outcome.ok}, undone: {outcome.undone}"
    lines = ["By hand:", *lines, "Told:", *told.lines, "Said:", *said, ended]
    shown("\n".join([*lines, f"There: {there(prefix)}", f"Left: {', '.join(left)}", *history]))

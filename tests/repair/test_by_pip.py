"""What pip would add by itself is part of a plan: it is judged with it, and a plan never makes `pip check` worse."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from packaging.version import Version

from .conftest import TENSORFLOW_OF, make_wheel, python_in, site_of
from .test_apply import STACK, beside
from .test_venv import call, no_conda, venv, wrong

__all__ = ["no_conda", "venv"]


def install(venv: Path, *requirements: str) -> None:
    pip = [python_in(venv), "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, *requirements], check=True)


@pytest.fixture
def more(venv: Path, wheelhouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of further wheels, which pip finds beside the others."""
    folder = tmp_path / "more"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", f"{wheelhouse.as_uri()} {folder.as_uri()}")
    return folder


def stack(alive: tuple[str, str], *without: str) -> list[str]:
    return [text for text in beside(TENSORFLOW_OF[alive[1]]) if text.split("==")[0] not in without]


def names(document: dict) -> dict[str, str]:
    return {change["package"]: change["to"] for change in document["changes"]}


def test_tensorflow_under_another_name_is_not_brought_along(
    venv: Path, more: Path, alive: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    version = TENSORFLOW_OF[alive[1]]
    if version == "2.10.1":
        pytest.skip("there is no tf-keras for TensorFlow 2.10")
    minor = ".".join(version.split(".")[:2])
    # There is no 2.20.0 of it.
    wanted = "2.20.1" if minor == "2.20" else f"{minor}.0"
    for each in (wanted, "2.18.0"):
        low = ".".join(each.split(".")[:2])
        make_wheel(more, "tf-keras", each, [f"tensorflow>={low},<2.{int(low.split('.')[1]) + 1}"])
    install(venv, f"tensorflow-cpu=={version}", *stack(alive))
    install(venv, "tf-keras==2.18.0")
    status, document = call(capsys, "fix", "--apply", "--yes", "-p", venv, "--to", f"tf-keras=={wanted}")
    assert status == 0, document["message"]
    assert names(document) == {"tf-keras": wanted}
    status, document = call(capsys, "check", "-p", venv)
    assert not [f for f in document["findings"] if f["code"] == "TFD602"]
    assert not list(site_of(venv).glob("tensorflow-*.dist-info"))


def test_what_pip_would_break_besides_is_bounded(
    venv: Path, more: Path, alive: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """pip looks at what the new package requires, and not at who else wants the package that it changes for it."""
    name, _, version = wrong(alive).partition("==")
    good = next(text for text in STACK[TENSORFLOW_OF[alive[1]]] if text.startswith(f"{name}==")).split("==")[1]
    make_wheel(more, "helper", "1.0")
    make_wheel(more, "helper", "2.0")
    make_wheel(more, "neighbour", "1.0", ["helper<2"])
    # The wheel that repairs asks for more of the helper than the neighbour takes.
    make_wheel(more, "astunparse", "1.6.4", ["helper>=2"])
    install(venv, f"tensorflow=={TENSORFLOW_OF[alive[1]]}", *stack(alive, name), f"{name}=={version}")
    install(venv, "helper==1.0", "neighbour==1.0")
    status, document = call(capsys, "fix", "--apply", "--yes", "-p", venv, "--to", "astunparse>=1.6.3")
    assert status == 0, document["message"]
    changed = names(document)
    assert Version(changed[name]) >= Version(good)
    assert list(site_of(venv).glob("helper-1.0.dist-info"))
    done = subprocess.run([python_in(venv), "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert "helper" not in done.stdout

from __future__ import annotations

import pytest

from tools import demo
from tools.condas import Conda


@pytest.mark.parametrize("scene", demo.SCENES, ids=[scene.name for scene in demo.SCENES])
def test_each_scene_of_the_demo_is_told(conda: Conda, scene: demo.Scene, capsys: pytest.CaptureFixture[str]) -> None:
    problem = demo.play(conda, scene)
    shown = capsys.readouterr().out
    assert not problem, shown
    for code in scene.expected:
        assert code in shown


def test_a_scene_that_is_told_wrongly_is_noticed(registry_conda: Conda, capsys: pytest.CaptureFixture[str]) -> None:
    healthy = next(scene for scene in demo.SCENES if not scene.expected)
    broken = next(scene for scene in demo.SCENES if scene.name == "numpy-2")
    assert "exit status 0" in demo.play(registry_conda, healthy._replace(name="a", expected=("TFD201",)))
    assert "exit status 1" in demo.play(registry_conda, broken._replace(name="b", expected=()))
    assert "expected TFD201" in demo.play(registry_conda, broken._replace(name="c", expected=("TFD201",)))

"""The stand-in for typing.NamedTuple behaves as the real one, as far as the project uses it."""

from __future__ import annotations

import pickle
import typing

import pytest

from conda_tf_doctor import _typing


class Light(_typing.NamedTuple):
    """A point."""

    x: int
    y: str = "a"
    z: tuple[int, ...] = ()

    @property
    def double(self) -> int:
        """Twice."""
        return 2 * self.x

    def moved(self, by: int) -> Light:
        return self._replace(x=self.x + by)


class Real(typing.NamedTuple):
    """A point."""

    x: int
    y: str = "a"
    z: tuple[int, ...] = ()

    @property
    def double(self) -> int:
        """Twice."""
        return 2 * self.x

    def moved(self, by: int) -> Real:
        return self._replace(x=self.x + by)


@pytest.mark.parametrize("kind", [Light, Real])
def test_named_tuples(kind: type[Light] | type[Real]) -> None:
    point = kind(3)
    assert (point, point.x, point.y, point.z) == ((3, "a", ()), 3, "a", ())
    assert (point.double, point.moved(2), kind(1, z=(2,))) == (6, (5, "a", ()), (1, "a", (2,)))
    assert kind._fields == ("x", "y", "z") and kind._field_defaults == {"y": "a", "z": ()}
    assert kind.__doc__ == "A point." and kind.__module__ == __name__ and isinstance(point, tuple)
    assert list(kind.__annotations__) == ["x", "y", "z"]
    assert pickle.loads(pickle.dumps(point)) == point and type(pickle.loads(pickle.dumps(point))) is kind
    assert repr(point) == f"{kind.__name__}(x=3, y='a', z=())"
    with pytest.raises(AttributeError):
        point.x = 4  # type: ignore[misc]
    with pytest.raises(TypeError):
        kind()  # type: ignore[call-arg]


def test_a_cast_changes_nothing() -> None:
    assert _typing.cast("int", "x") == "x"

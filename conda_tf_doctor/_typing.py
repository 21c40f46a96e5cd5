"""What our modules take from ``typing``, without importing it.

Importing ``typing`` costs half as much as starting Python, and nothing else on the way of a check imports it. Type
checkers see the real thing; at run time annotations are never evaluated, and only named tuples have to work.
"""

from __future__ import annotations

# What ``collections.namedtuple`` makes a field's access of; the package itself costs a tenth of starting Python.
try:
    from _collections import _tuplegetter  # type: ignore[import-not-found]
except ImportError:  # another Python than CPython
    from collections import _tuplegetter  # type: ignore[attr-defined]

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any as Any
    from typing import BinaryIO as BinaryIO
    from typing import NamedTuple as NamedTuple
    from typing import NoReturn as NoReturn
    from typing import TextIO as TextIO
    from typing import cast as cast
else:
    Any = BinaryIO = NoReturn = TextIO = object

    def cast(_type, value):
        """Return the value."""
        return value

    def _new(cls, *given, **named):
        """Return a tuple of the fields: those given in order, then by name, then the defaults."""
        if named or len(given) != len(cls._fields):
            rest = cls._fields[len(given) :]
            filled = {**cls._field_defaults, **named}
            try:
                given += tuple([filled[name] for name in rest])
            except KeyError as error:
                raise TypeError(f"{cls.__name__} lacks the field {error}") from None
            if len(given) != len(cls._fields) or not named.keys() <= set(rest):
                raise TypeError(f"{cls.__name__} has no such fields: {', '.join(named) or given}")
        return tuple.__new__(cls, given)

    class _Meta(type):
        def __new__(mcs, name, bases, body):
            """Make a named tuple of a class body, as ``typing.NamedTuple`` does."""
            annotations = body.get("__annotations__")
            if annotations is None:  # Python 3.14 and later keep them unevaluated
                annotations = type(name, (), {**body}).__annotations__
            fields = tuple(annotations)
            body["_field_defaults"] = {field: body[field] for field in fields if field in body}
            for place, field in enumerate(fields):
                body[field] = _tuplegetter(place, "")
            body["__slots__"], body["_fields"], body["__match_args__"] = (), fields, fields
            return type.__new__(mcs, name, bases, body)

    class _Tuple(tuple):
        """What all named tuples share; ``collections.namedtuple`` compiles a function for each, ten times as slowly."""

        __slots__ = ()
        __new__ = _new

        @classmethod
        def _make(cls, fields):
            return cls(*fields)

        def _replace(self, **changed):
            new = self._make(map(changed.pop, self._fields, self))
            if changed:
                raise ValueError(f"Got unexpected field names: {[*changed]!r}")
            return new

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            fields = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({fields})"

        def __getnewargs__(self):
            return tuple(self)

    NamedTuple = type.__new__(_Meta, "NamedTuple", (_Tuple,), {"__slots__": ()})

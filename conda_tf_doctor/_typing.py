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

    # What a class body holds besides fields and methods.
    _OWN = {"__annotations__", "__annotate__", "__annotate_func__", "__module__", "__classcell__", "__orig_bases__"}

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

    class _Meta(type):
        def __new__(mcs, name, bases, body):
            """Make a named tuple of a class body, as ``typing.NamedTuple`` does."""
            annotations = body.get("__annotations__")
            if annotations is None:  # Python 3.14 and later keep them unevaluated
                annotations = type(name, (), {**body}).__annotations__
            fields = tuple(annotations)
            kept = {key: value for key, value in body.items() if key not in _OWN and key not in annotations}
            kept |= {field: _tuplegetter(place, "") for place, field in enumerate(fields)}
            defaults = {field: body[field] for field in fields if field in body}
            kept |= {"__slots__": (), "_fields": fields, "_field_defaults": defaults, "__match_args__": fields}
            kept |= {"__module__": body["__module__"], "__annotations__": dict(annotations)}
            return type(name, (_Tuple,), kept)

    class _Base:
        def __mro_entries__(self, bases):
            """Stand in for the class that a body names as its base."""
            return (_Root,)

    NamedTuple = _Base()
    _Root = type.__new__(_Meta, "NamedTuple", (), {})

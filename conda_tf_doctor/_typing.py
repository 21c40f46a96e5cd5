"""What our modules take from ``typing``, without importing it.

Importing ``typing`` costs half as much as starting Python, and nothing else on the way of a check imports it. Type
checkers see the real thing; at run time annotations are never evaluated, and only named tuples have to work.
"""

from __future__ import annotations

from collections import namedtuple

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

    # What a named tuple brings itself, and what a class body holds besides fields and methods.
    _OWN = {"__annotations__", "__annotate__", "__annotate_func__", "__module__", "__classcell__", "__orig_bases__"}

    class _Meta(type):
        def __new__(mcs, name, bases, body):
            """Make a named tuple of a class body, as ``typing.NamedTuple`` does."""
            annotations = body.get("__annotations__")
            if annotations is None:  # Python 3.14 and later keep them unevaluated
                annotations = type(name, (), {**body}).__annotations__
            defaults = [body[field] for field in annotations if field in body]
            made = namedtuple(name, annotations, defaults=defaults, module=body["__module__"])
            made.__annotations__ = dict(annotations)
            for key, value in body.items():
                if key not in _OWN and key not in annotations:
                    setattr(made, key, value)
            return made

    class _Base:
        def __mro_entries__(self, bases):
            """Stand in for the class that a body names as its base."""
            return (_Root,)

    NamedTuple = _Base()
    _Root = type.__new__(_Meta, "NamedTuple", (), {})

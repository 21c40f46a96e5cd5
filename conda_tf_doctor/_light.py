"""What the way of a check takes from the standard library, without importing what is slow to import.

``re`` costs as much as half of starting Python, ``functools`` and ``collections`` a quarter. A check of a healthy
environment matches no pattern, so :mod:`re` is imported when a pattern is first used. Type checkers see the real ones.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    import re as re
    from functools import cached_property as cached_property
    from functools import lru_cache as lru_cache
else:
    try:
        from _functools import _lru_cache_wrapper
    except ImportError:  # another Python than CPython
        from functools import lru_cache as lru_cache
    else:

        def lru_cache(maxsize):
            """Return a decorator that keeps the last results of a function."""

            def decorate(function):
                wrapper = _lru_cache_wrapper(function, maxsize, False, tuple)
                wrapper.__doc__, wrapper.__wrapped__ = function.__doc__, function
                wrapper.__name__ = wrapper.__qualname__ = function.__name__
                wrapper.__module__ = function.__module__
                return wrapper

            return decorate

    class cached_property:  # noqa: N801  # called as the one it stands in for
        """A property that is computed once for each instance."""

        def __init__(self, function):
            self.function = function
            self.__doc__ = function.__doc__

        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            value = instance.__dict__[self.name] = self.function(instance)
            return value

    class _Later:
        """A module that is imported when something of it is first asked for."""

        def __init__(self, name):
            self._name = name

        def __getattr__(self, name):
            value = getattr(__import__(self._name), name)
            setattr(self, name, value)
            return value

    re = _Later("re")

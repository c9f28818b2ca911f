"""The operations of the unmodified Python SDK: which there are, and which of them a test has called."""

import inspect
import re
from collections.abc import Iterator

# Each method of the SDK names its request once.
REQUEST = re.compile(r'method="(\w+)",\s*path="([^"]+)"')


def operations_of(group, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yields the name of every method of the SDK with its HTTP method and path, every parameter as `x`."""
    for name, member in inspect.getmembers(type(group)):
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield from operations_of(getattr(group, name), f"{prefix}{name}.")
        elif inspect.isfunction(member):
            found = REQUEST.search(inspect.getsource(member))
            assert found, f"{prefix}{name} makes no request that is understood here"
            yield prefix + name, found.group(1).upper(), re.sub(r"\{\w+\}", "x", found.group(2))


class Recorded:
    """Passes everything on to the SDK, and notes in `called` which methods were used."""

    def __init__(self, target, called: set[str], prefix: str = ""):
        self._target, self._called, self._prefix = target, called, prefix

    def __getattr__(self, name: str):
        member = getattr(self._target, name)
        if not callable(member):
            return Recorded(member, self._called, f"{self._prefix}{name}.")

        def call(*arguments, **others):
            self._called.add(self._prefix + name)
            return member(*arguments, **others)

        return call


def unused(raw, operations, called: set[str]) -> list[str]:
    """Returns what the SDK can do and the server has, and nobody called. What the server has, it says itself."""
    left = [(name, method, path) for name, method, path in operations if name not in called]
    return [f"{name}: {method} {path}" for name, method, path in left if is_served(raw, method, path)]


def is_served(raw, method: str, path: str) -> bool:
    answer = raw.send(method, path, b"{}" if method in ("POST", "PUT", "PATCH") else None)
    if answer.status == 405:
        return False
    return not (answer.status == 404 and answer.json["detail"].startswith("there is nothing at"))

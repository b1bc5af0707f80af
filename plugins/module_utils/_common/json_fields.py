# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Strict reading and writing of dataclasses as JSON objects.

The annotations say what the JSON looks like: str, int, float, bool, object, `t.Optional`, `t.List`, `t.Tuple[X, ...]`,
`t.Dict[str, X]`, dataclasses, and classes with their own `from_json` and `to_json`. Python 3.7 evaluates them, so
`list[str]` is not possible here.
"""

from __future__ import annotations

import dataclasses
import sys
import typing as t
from itertools import chain

T = t.TypeVar("T")
_Convert = t.Callable[[t.Any], t.Any]
#: The exact types that a value may have (None: any), and what makes the field's value of it (None: it is that already).
_Rule = t.Tuple[t.Optional[t.FrozenSet[type]], t.Optional[_Convert]]

_KEY, _LEFT_OUT, _UNKNOWN = "key", {"left-out": True}, {"unknown": True}  # metadata of fields

_NONE = type(None)
_PLAIN: t.Dict[t.Any, t.FrozenSet[type]] = {each: frozenset([each]) for each in (str, int, bool, _NONE)}
_PLAIN[float] = frozenset([float, int])
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}
_WORDS.update({dict: "an object", _NONE: "null"})
_LIST, _DICT = frozenset([list]), frozenset([dict])


class FieldError(ValueError):
    """A JSON object lacks a field, or has an unknown or a wrong one; the message begins with the field's name.

    Attributes:
        path: the field, with those that it lies in: `listen.port`, `headers[3]`.
        reason: what is wrong with it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason

    def inside(self, key: str) -> FieldError:
        """Return the same error as the object around the field sees it."""
        return FieldError(f"{key}{'.' if self.path[:1] not in {'', '['} else ''}{self.path}", self.reason)


_field: t.Any = dataclasses.field


def omit_none() -> t.Any:
    """Return a dataclass field that is None by default, and absent from the JSON then."""
    return _field(default=None, metadata=_LEFT_OUT)


def unknown_fields() -> t.Any:
    """Return the dataclass field that keeps the keys of a newer version, so that reading and writing lose none."""
    return _field(default_factory=dict, metadata=_UNKNOWN)


def renamed(key: str) -> t.Dict[str, str]:
    """Return the metadata of a field whose JSON key is no name that Python allows, such as `from`."""
    return {_KEY: key}


def decode(kind: t.Type[T], data: object) -> T:
    """Read a dataclass from what `json.loads` returned.

    Raises:
        FieldError: a field is missing, unknown (where the class keeps none) or of another type.
    """
    return t.cast("T", _shape(kind).read(data))


def encode(value: object) -> t.Dict[str, t.Any]:
    """Write a dataclass: what `json.dumps` takes and `decode` reads."""
    return _shape(type(value)).write(value)


class _Shape:
    """The fields of one dataclass."""

    def __init__(self, kind: type) -> None:
        _shapes[kind] = self  # before its fields: one of them may hold objects of the same class
        hints = t.get_type_hints(kind)
        fields = [field for field in dataclasses.fields(kind) if field.init]
        self.kind = kind
        self.rest = next((field.name for field in fields if field.metadata == _UNKNOWN), None)
        own = {field.metadata.get(_KEY, field.name): field for field in fields if field.name != self.rest}
        self.renamed = {key: field.name for key, field in own.items() if key != field.name}
        self.rules = {key: _rule(hints[field.name]) for key, field in own.items()}
        self.writers = [
            (field.name, key, _writer(hints[field.name]), field.metadata == _LEFT_OUT) for key, field in own.items()
        ]
        absent = dataclasses.MISSING
        self.required = [
            key for key, field in own.items() if field.default is absent and field.default_factory is absent
        ]
        #: Names and types of the fields of objects that `check` let pass -> its answer.
        self.known: t.Dict[t.Tuple[object, ...], t.List[t.Tuple[str, _Convert]]] = {}

    def read(self, data: t.Any) -> t.Any:
        _check(data, _DICT)
        # Most objects of a message look alike: what was checked of the first one is known of the others.
        looks = (*data, *map(type, data.values()))
        converts = self.known.get(looks)
        if converts is None:
            converts = self.known[looks] = self.check(data)
        values = data.copy()
        if self.rest is not None:
            values[self.rest] = {key: values.pop(key) for key in data if key not in self.rules}
        for key, convert in converts:
            try:
                values[key] = convert(values[key])
            except FieldError as error:  # noqa: PERF203 - it names the field
                raise error.inside(key) from None
        if self.renamed:
            values = {self.renamed.get(key, key): value for key, value in values.items()}
        return self.kind(**values)

    def check(self, data: t.Dict[str, t.Any]) -> t.List[t.Tuple[str, _Convert]]:
        """Check the names and types of the fields; return those that need converting, and how."""
        converts = []
        for key, value in data.items():
            if key in self.rules:
                types, convert = self.rules[key]
                _check(value, types, key)
                if convert is not None and (value is not None or types is None):
                    converts.append((key, convert))
            elif self.rest is None:
                raise FieldError(str(key), "is unknown")
        for key in self.required:
            if key not in data:
                raise FieldError(key, "is missing")
        return converts

    def write(self, value: object) -> t.Dict[str, t.Any]:
        found: t.Dict[str, t.Any] = {}
        for name, key, write, optional in self.writers:
            field = getattr(value, name)
            if field is not None:
                found[key] = field if write is None else write(field)
            elif not optional:
                found[key] = None
        if self.rest is not None:
            found.update(getattr(value, self.rest))
        return found


_shapes: t.Dict[type, _Shape] = {}


def _shape(kind: type) -> _Shape:
    return _shapes.get(kind) or _Shape(kind)


def _check(value: object, types: t.Optional[t.FrozenSet[type]], key: str = "") -> None:
    if types is not None and type(value) not in types:
        names = [word for kind, word in _WORDS.items() if kind in types and not (kind is int and float in types)]
        raise FieldError(key, f"{' or '.join(names)} is needed, not {_WORDS.get(type(value), type(value).__name__)}")


def _rule(hint: t.Any) -> _Rule:
    origin, arguments = _parts(hint)
    if hint in _PLAIN:
        return _PLAIN[hint], _number if hint is float else None
    if origin is t.Union:
        rules = [_rule(each) for each in arguments]
        kinds = [types for types, _convert in rules if types is not None]
        types = frozenset(chain.from_iterable(kinds)) if len(kinds) == len(rules) else None
        return types, _unless_none(next((each for _types, each in rules if each), None))
    if origin in {list, tuple}:
        read = _list_reader(arguments[0])
        return _LIST, read if origin is list else lambda values: tuple(read(values))
    if origin is dict:
        types, convert = _rule(arguments[1])
        return _DICT, _table_reader(types, convert)
    if hasattr(hint, "from_json"):
        return None, hint.from_json
    if dataclasses.is_dataclass(hint):
        return _DICT, _shape(t.cast("type", hint)).read
    return None, None


def _number(value: float) -> float:
    # Python computes with whole numbers of any length, but not together with fractions.
    if abs(value) > sys.float_info.max and isinstance(value, int):
        raise FieldError("", "the number is too large")
    return value


def _list_reader(hint: t.Any) -> _Convert:
    types, convert = _rule(hint)
    origin, arguments = _parts(hint)
    plain = _PLAIN.get(arguments[0]) if origin is list else None

    def read(values: t.List[t.Any]) -> t.List[t.Any]:
        # Header fields, the most of every message, are checked without a call for each.
        right = types is None or types.issuperset(map(type, values))
        if right and (convert is None or (plain and plain.issuperset(map(type, chain.from_iterable(values))))):
            return values
        found: t.List[t.Any] = []
        try:
            for value in values:
                _check(value, types)
                found.append(value if convert is None else convert(value))
        except FieldError as error:
            raise error.inside(f"[{len(found)}]") from None
        return found

    return read


def _table_reader(types: t.Optional[t.FrozenSet[type]], convert: t.Optional[_Convert]) -> _Convert:
    def read(table: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
        found = {}
        for key, value in table.items():
            try:
                _check(value, types)
                found[key] = value if convert is None else convert(value)
            except FieldError as error:  # noqa: PERF203 - it names the field
                raise error.inside(key) from None
        return found

    return read


def _writer(hint: t.Any) -> t.Optional[_Convert]:
    origin, arguments = _parts(hint)
    inner = next((each for each in map(_writer, arguments) if each), None)
    if origin is t.Union:
        return _unless_none(inner)
    if origin in {list, tuple}:
        return (list if origin is tuple else None) if inner is None else lambda values: list(map(inner, values))
    if origin is dict:
        return None if inner is None else lambda table: {key: inner(value) for key, value in table.items()}
    if hasattr(hint, "to_json"):
        return t.cast("_Convert", hint.to_json)
    return _shape(t.cast("type", hint)).write if dataclasses.is_dataclass(hint) else None


def _unless_none(convert: t.Optional[_Convert]) -> t.Optional[_Convert]:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _parts(hint: t.Any) -> t.Tuple[object, t.Sequence[t.Any]]:
    """Return `(list, [str])` for `t.List[str]`; `(None, ())` for a class."""
    # `X | None`, on Python 3.10 and newer, is a union of a type of its own.
    origin = t.Union if type(hint).__name__ == "UnionType" else getattr(hint, "__origin__", None)
    return origin, [each for each in getattr(hint, "__args__", ()) if each is not ...]

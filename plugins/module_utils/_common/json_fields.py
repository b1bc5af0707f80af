# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Strict reading and writing of dataclasses as JSON objects.

The annotations of a dataclass say what its JSON looks like: `decode` refuses anything else and names the key. A class with
methods `from_json` and `to_json` of its own is read and written by them, wherever it stands.

Annotations may be made of str, int, float, bool, object, `t.Optional`, `t.List`, `t.Tuple[X, ...]`, `t.Dict[str, X]`
and such classes. Python 3.7 evaluates them, so `list[str]` is not possible here.
"""

from __future__ import annotations

import dataclasses
import typing as t
from itertools import chain

T = t.TypeVar("T")
_Convert = t.Callable[[t.Any], t.Any]
#: The exact types that a value may have (None: any), and what turns it into the field's value (None: nothing to do).
_Rule = t.Tuple[t.Optional[t.FrozenSet[type]], t.Optional[_Convert]]

_NOTHING = type(None)
_PLAIN: t.Dict[t.Any, t.FrozenSet[type]] = {
    str: frozenset([str]),
    int: frozenset([int]),
    float: frozenset([float, int]),
    bool: frozenset([bool]),
    _NOTHING: frozenset([_NOTHING]),
}
_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    _NOTHING: "null",
}
_ROWS = frozenset([list])
#: Metadata of a field that is None by default, and absent from the JSON then.
LEFT_OUT = {"failsafe-left-out": True}
#: Metadata of the field that keeps the keys of a newer version, so that they survive reading and writing.
UNKNOWN_FIELDS = {"failsafe-unknown-fields": True}
_KEY = "failsafe-key"


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
        return FieldError(f"{key}{'' if self.path.startswith('[') or not self.path else '.'}{self.path}", self.reason)


def renamed(key: str) -> t.Dict[str, str]:
    """Return the metadata of a field whose JSON key is no name that Python allows, such as `from`."""
    return {_KEY: key}


def decode(kind: t.Type[T], data: object) -> T:
    """Read a dataclass.

    Args:
        kind: the class.
        data: what `json.loads` made of its JSON.

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
        self.rest = next((field.name for field in fields if field.metadata == UNKNOWN_FIELDS), None)
        own = [(field.metadata.get(_KEY, field.name), field) for field in fields if field.name != self.rest]
        self.renamed = {key: field.name for key, field in own if key != field.name}
        self.rules: t.Dict[str, _Rule] = {key: _rule(hints[field.name]) for key, field in own}
        self.writers = [(field.name, key, _writer(hints[field.name]), field.metadata == LEFT_OUT) for key, field in own]
        self.required = [
            key
            for key, field in own
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        ]
        #: Names and types of the fields of objects that `check` let pass -> its answer.
        self.known: t.Dict[t.Tuple[object, ...], t.List[t.Tuple[str, _Convert]]] = {}

    def read(self, data: object) -> t.Any:
        """Make an object of the class."""
        if type(data) is not dict:
            raise FieldError("", f"an object is needed, not {_word(data)}")
        # Most objects of a message look alike: what was checked of the first one is known of the others.
        looks = (*data, *map(type, data.values()))
        converts = self.known.get(looks)
        if converts is None:
            converts = self.known[looks] = self.check(data)
        values = data
        if converts or self.rest is not None:
            values = data.copy() if self.rest is None else self.split(data)
            for key, convert in converts:
                try:
                    values[key] = convert(values[key])
                except FieldError as error:  # noqa: PERF203 - it names the field
                    raise error.inside(key) from None
        if self.renamed:
            values = {self.renamed.get(key, key): value for key, value in values.items()}
        return self.kind(**values)

    def write(self, value: object) -> t.Dict[str, t.Any]:
        """Make the JSON of an object of the class."""
        found: t.Dict[str, t.Any] = {}
        for name, key, write, optional in self.writers:
            field = getattr(value, name)
            if field is None:
                if not optional:
                    found[key] = None
            else:
                found[key] = field if write is None else write(field)
        if self.rest is not None:
            found.update(getattr(value, self.rest))
        return found

    def check(self, data: t.Dict[str, t.Any]) -> t.List[t.Tuple[str, _Convert]]:
        """Check the names and types of the fields; return those that need converting, and how."""
        converts = []
        for key, value in data.items():
            rule = self.rules.get(key)
            if rule is None:
                if self.rest is None:
                    raise FieldError(str(key), "is unknown")
                continue
            types, convert = rule
            if types is not None and type(value) not in types:
                raise FieldError(key, f"{_words(types)} is needed, not {_word(value)}")
            if convert is not None and (value is not None or types is None):
                converts.append((key, convert))
        for key in self.required:
            if key not in data:
                raise FieldError(key, "is missing")
        return converts

    def split(self, data: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
        """Return the fields that the class has, and the others as the field that keeps them."""
        values = {key: value for key, value in data.items() if key in self.rules}
        values[t.cast("str", self.rest)] = {key: value for key, value in data.items() if key not in self.rules}
        return values


_shapes: t.Dict[type, _Shape] = {}


def _shape(kind: type) -> _Shape:
    return _shapes.get(kind) or _Shape(kind)


def _rule(hint: t.Any) -> _Rule:
    if hint in _PLAIN:
        return _PLAIN[hint], None
    origin, arguments = _parts(hint)
    if origin is t.Union:
        return _optional([_rule(each) for each in arguments])
    if origin is list:
        inner, inner_arguments = _parts(arguments[0])
        if inner is list and inner_arguments[0] in _PLAIN:
            return frozenset([list]), _rows_reader(_PLAIN[inner_arguments[0]])
        return frozenset([list]), _list_reader(_rule(arguments[0]))
    if origin is tuple:
        read = _list_reader(_rule(arguments[0]))
        return frozenset([list]), lambda value: tuple(value if read is None else read(value))
    if origin is dict:
        return frozenset([dict]), _table_reader(_rule(arguments[1]))
    if hasattr(hint, "from_json"):
        return None, hint.from_json
    if dataclasses.is_dataclass(hint):
        return frozenset([dict]), _shape(t.cast("type", hint)).read
    if hint in {object, t.Any}:
        return None, None
    raise TypeError(f"{hint} cannot be read from JSON")


def _optional(rules: t.Sequence[_Rule]) -> _Rule:
    types: t.Optional[t.FrozenSet[type]] = frozenset(each for kinds, _convert in rules for each in kinds or ())
    if any(kinds is None for kinds, _convert in rules):
        types = None
    return types, _unless_none(next((each for _kinds, each in rules if each is not None), None))


def _unless_none(convert: t.Optional[_Convert]) -> t.Optional[_Convert]:
    if convert is None:
        return None
    return lambda value: None if value is None else convert(value)


def _list_reader(rule: _Rule) -> t.Optional[_Convert]:
    types, convert = rule
    if types is None and convert is None:
        return None

    def read(values: t.List[t.Any]) -> t.List[t.Any]:
        if types is not None and not types.issuperset(map(type, values)):
            place, value = next(each for each in enumerate(values) if type(each[1]) not in types)
            raise FieldError(f"[{place}]", f"{_words(types)} is needed, not {_word(value)}")
        if convert is None:
            return values
        found: t.List[t.Any] = []
        try:
            for value in values:
                found.append(convert(value))  # noqa: PERF401 - its length names the place of an error
        except FieldError as error:
            raise error.inside(f"[{len(found)}]") from None
        return found

    return read


def _rows_reader(types: t.FrozenSet[type]) -> _Convert:
    # As the reader of a list of lists, without a call for each row: header fields are the most of every message.
    one_by_one = t.cast("_Convert", _list_reader((frozenset([list]), _list_reader((types, None)))))

    def read(rows: t.List[t.Any]) -> t.List[t.Any]:
        if not _ROWS.issuperset(map(type, rows)) or not types.issuperset(map(type, chain.from_iterable(rows))):
            one_by_one(rows)
        return rows

    return read


def _table_reader(rule: _Rule) -> t.Optional[_Convert]:
    types, convert = rule
    if types is None and convert is None:
        return None

    def read(table: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
        if types is not None and not types.issuperset(map(type, table.values())):
            key, value = next(each for each in table.items() if type(each[1]) not in types)
            raise FieldError(key, f"{_words(types)} is needed, not {_word(value)}")
        if convert is None:
            return table
        found: t.Dict[str, t.Any] = {}
        for key, value in table.items():
            try:
                found[key] = convert(value)
            except FieldError as error:  # noqa: PERF203 - it names the field
                raise error.inside(key) from None
        return found

    return read


def _writer(hint: t.Any) -> t.Optional[_Convert]:
    origin, arguments = _parts(hint)
    if origin is t.Union:
        return _unless_none(next((each for each in map(_writer, arguments) if each is not None), None))
    if origin in {list, tuple}:
        return _list_writer(_writer(arguments[0]), plain=None if origin is list else list)
    if origin is dict:
        return _table_writer(_writer(arguments[1]))
    if hasattr(hint, "to_json"):
        return t.cast("_Convert", hint.to_json)
    return _shape(t.cast("type", hint)).write if dataclasses.is_dataclass(hint) else None


def _list_writer(write: t.Optional[_Convert], *, plain: t.Optional[_Convert]) -> t.Optional[_Convert]:
    return plain if write is None else lambda values: list(map(write, values))


def _table_writer(write: t.Optional[_Convert]) -> t.Optional[_Convert]:
    if write is None:
        return None
    return lambda table: {key: write(value) for key, value in table.items()}


def _parts(hint: t.Any) -> t.Tuple[object, t.Sequence[t.Any]]:
    """Return `(list, [str])` for `t.List[str]`; `(None, ())` for a class."""
    # `X | None`, on Python 3.10 and newer, is a union of a type of its own.
    origin = t.Union if type(hint).__name__ == "UnionType" else getattr(hint, "__origin__", None)
    return origin, getattr(hint, "__args__", ())


def _words(types: t.FrozenSet[type]) -> str:
    names = [word for kind, word in _WORDS.items() if kind in types and not (kind is int and float in types)]
    return " or ".join(names)


def _word(value: object) -> str:
    return _WORDS.get(type(value), type(value).__name__)

# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reading the value of a variable as it was meant.

A form's answers are text. AWX hands them to Ansible as YAML scalars, which ansible-core 2.19 and newer read again: `0123` arrives as
the number 83, `yes` as true, an empty answer as null, `2026-01-02` as a date. A value whose meaning is certain is converted.
Any other one is refused; the message says what arrived and what to write instead.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_text import parse_json

from .approval import Approval
from .errors import RolloutError

_TRUE: t.Final = frozenset({"yes", "on", "true", "1", "y", "t"})
_FALSE: t.Final = frozenset({"no", "off", "false", "0", "n", "f"})
# More digits than these are no number that was meant, and Python refuses to read thousands of them.
_WHOLE: t.Final = re.compile(r"0|[1-9]\d{0,14}", re.ASCII)
_NUMBER: t.Final = re.compile(r"(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?", re.ASCII)
_LARGEST: t.Final = 10**15
_KEYS: t.Final = re.compile(r"[,\s]+")
_PERCENTAGE: t.Final = re.compile(r"(0|[1-9]\d{0,2})\s*%", re.ASCII)
_LONGEST: t.Final = 80


@dataclass(frozen=True)
class VariableSpec:
    """The description of a variable.

    Attributes:
        type: of an argument spec, or `accept`, `batches`, `budget`, `pattern` or `plan`.
        elements: the type of a list's items.
        choices: the values that it may have; none for any.
        default: its value where it is not set.
        empty: the value of an empty answer.
        no_log: its value is never shown.
    """

    type: str = "str"
    elements: str = "str"
    choices: tuple[object, ...] = ()
    default: object = None
    empty: object = None
    no_log: bool = False

    @classmethod
    def from_json(cls, spec: Mapping[str, t.Any]) -> VariableSpec:
        """Read an option of an argument spec."""
        default = spec.get("default")
        return cls(
            type=spec.get("type", "str"),
            elements=spec.get("elements", "str"),
            choices=tuple(spec.get("choices") or ()),
            default=default,
            empty=default,
            no_log=bool(spec.get("no_log")),
        )


def normalise(name: str, value: t.Any, spec: VariableSpec) -> t.Any:
    """Return the value in the type of its variable; the very same object where nothing has to be done.

    An empty answer (`None`, or text of nothing but white space) is the variable's `empty`.

    Raises:
        RolloutError: its meaning is not certain, or it is none of the choices.
    """
    if is_empty(value):
        return spec.empty
    if spec.no_log:
        if isinstance(value, str):
            return value
        raise RolloutError(f"{name} has to be text. What arrived is not shown.")
    found = _READERS[spec.type](name, value, spec)
    if spec.choices and found not in spec.choices:
        raise RolloutError(f"{name} has to be one of {_listed(spec.choices)}, not {described(value)}.")
    return found


def is_empty(value: object) -> bool:
    """Return whether an answer is empty."""
    return value is None or (isinstance(value, str) and not value.strip())


def described(value: object) -> str:
    """Describe what arrived by type and value, on one line, cut short, without the items of a list or dictionary."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}" if abs(value) < _LARGEST or isinstance(value, float) else "a very large number"
    if isinstance(value, Mapping):
        return "a dictionary"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, str):
        return "the text " + _cut(repr(str(value)))
    return f"{_cut(str(value))} (a {type(value).__name__.lower().lstrip('_')})"


def _listed(choices: Iterable[object]) -> str:
    return ", ".join(map(str, choices))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _text(name: str, value: t.Any, spec: VariableSpec) -> str:
    if not isinstance(value, str):
        raise RolloutError(f"{name} has to be text, and arrived as {described(value)}. {_retyped(name, value, spec)}")
    text = value.strip()
    if any(ord(letter) < ord(" ") or letter == "\x7f" for letter in text):
        raise RolloutError(f"{name} has to be one line without control characters, not {described(value)}.")
    return value if text == value else text


def _retyped(name: str, value: t.Any, spec: VariableSpec) -> str:
    """Return why the text is lost, and what to do."""
    if isinstance(value, (list, tuple, Mapping)):
        return "Give it one value."
    lost = "The text that was written is lost: 0123 arrives as 83, 1.10 as 1.1, yes as true, 2026-01-02 as a date."
    if spec.choices:
        return f"It has to be one of {_listed(spec.choices)}."
    if name.endswith("_mode"):
        return f"{lost} Write an octal mode as 0o644, or quote it where it is in a file of variables."
    return f"{lost} Write something that cannot be read as a number, a boolean or a date, or quote it in a file of variables."


def _boolean(name: str, value: t.Any, _spec: VariableSpec) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise RolloutError(f"{name} has to be true or false, not {described(value)}.")


def _whole(name: str, value: t.Any, _spec: VariableSpec) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST:
        return value
    if isinstance(value, float) and 0 <= value < _LARGEST and value.is_integer():
        return int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    raise RolloutError(f"{name} has to be a whole number, 0 or more, without leading zeros, not {described(value)}.")


def _number(name: str, value: t.Any, _spec: VariableSpec) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _LARGEST:
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value) if "." in value else int(value)
    raise RolloutError(f"{name} has to be a number, 0 or more, such as 10 or 0.5, not {described(value)}.")


def _list(name: str, value: t.Any, spec: VariableSpec) -> list[t.Any]:
    of_text = spec.elements == "str"
    items = value
    if isinstance(value, str):
        items = _json(name, value, list) if value.strip().startswith("[") or not of_text else split(value)
    if not isinstance(items, (list, tuple)):
        raise RolloutError(f"{name} has to be a list, and arrived as {described(value)}. {_as_list(of_text=of_text)}")
    for item in items:
        if not isinstance(item, str if of_text else Mapping):
            wanted = "text" if of_text else "a dictionary"
            raise RolloutError(
                f"{name} has to be a list of {'text' if of_text else 'dictionaries'}, and one of its items arrived as"
                f" {described(item)} instead of {wanted}. {_as_list(of_text=of_text)}"
            )
    return items if isinstance(items, list) else list(items)


def _accept(name: str, value: t.Any, _spec: VariableSpec) -> list[t.Any]:
    """Read accepted changes: keys in a text or a list, and dictionaries as the file of expectations has them."""
    items = value
    if isinstance(value, str):
        items = _json(name, value, list) if value.strip().startswith("[") else _KEYS.split(value.strip())
    elif isinstance(value, Mapping):
        items = [value]
    if not isinstance(items, (list, tuple)):
        raise RolloutError(f"{name} has to be keys such as lost-3f9a1c2b4d, and arrived as {described(value)}.")
    for item in items:
        if not isinstance(item, (str, Mapping)):
            raise RolloutError(
                f"{name} has to be a list of keys and dictionaries, and one of its items is {described(item)}."
            )
    return [item for item in items if not is_empty(item)]


def _as_list(*, of_text: bool) -> str:
    return (
        "Write one a line, or separate them by commas, and none that reads as a number or a boolean."
        if of_text
        else 'Write a list of dictionaries, in a form as JSON such as [{"name": "home", "url": "https://www.example.com/"}].'
    )


def split(text: str) -> list[str]:
    """Return the items of a text: its lines, or what commas separate in a single line."""
    pieces = text.splitlines() if "\n" in text.strip() else text.split(",")
    return [piece.strip() for piece in pieces if piece.strip()]


def _dictionary(name: str, value: t.Any, _spec: VariableSpec) -> t.Any:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, str):
        return _json(name, value, dict)
    raise RolloutError(
        f'{name} has to be a dictionary, in a form as JSON such as {{"ticket": "OPS-1"}}, not {described(value)}.'
    )


def _json(name: str, text: str, kind: type) -> t.Any:
    what = "list" if kind is list else "dictionary"
    try:
        found = parse_json(text)
    except ValueError as error:
        raise RolloutError(f"{name} arrived as text and has to be a {what} in JSON: {error}.") from None
    if not isinstance(found, kind):
        raise RolloutError(f"{name} has to be a {what}; the JSON that arrived is none.")
    return found


def _batches(name: str, value: t.Any, _spec: VariableSpec) -> list[int | str]:
    """Read sizes of batches: numbers above 0 or percentages, alone, in a list, or in a text."""
    items = value
    if isinstance(value, str):
        items = _json(name, value, list) if value.strip().startswith("[") else split(value)
    sizes = [_size(item) for item in (items if isinstance(items, (list, tuple)) else [items])]
    wrong = [
        item
        for item, size in zip(items if isinstance(items, (list, tuple)) else [items], sizes, strict=True)
        if size is None
    ]
    if wrong or not sizes:
        raise RolloutError(
            f"{name} has to be a size of batches, or a list of them, in hosts or as a percentage such as '10%', not"
            f" {described((wrong or [value])[0])}."
        )
    return t.cast("list[int | str]", sizes)


def _size(item: t.Any) -> int | str | None:
    size = _share(item)
    return size if size not in (0, "0%") else None


def _share(item: t.Any) -> int | str | None:
    """Return a number of hosts, or a percentage as `10%`; None where it is neither."""
    if isinstance(item, int) and not isinstance(item, bool):
        return item if 0 <= item < _LARGEST else None
    text = item.strip() if isinstance(item, str) else ""
    if _WHOLE.fullmatch(text):
        return int(text)
    percentage = _PERCENTAGE.fullmatch(text)
    return f"{percentage[1]}%" if percentage and int(percentage[1]) <= 100 else None  # noqa: PLR2004 - per cent


def _budget(name: str, value: t.Any, _spec: VariableSpec) -> int | str:
    share = _share(value)
    if share is None:
        raise RolloutError(f"{name} has to be a number of hosts or a percentage such as '10%', not {described(value)}.")
    return share


def _pattern(name: str, value: t.Any, _spec: VariableSpec) -> str:
    """Read one host pattern: a text, its lines, or a list."""
    items = value.strip().splitlines() if isinstance(value, str) else value
    items = items if isinstance(items, (list, tuple)) else [items]
    wrong = [item for item in items if not isinstance(item, str)]
    if wrong:
        raise RolloutError(
            f"{name} has to be a host pattern such as 'webservers', and arrived as {described(wrong[0])}. The text that was written is"
            " lost: 0123 arrives as 83. For a host or group whose name is a number, write a comma behind it: '0123,'."
        )
    pieces = [item.strip() for item in items if item.strip()]
    if not pieces:
        raise RolloutError(
            f"{name} is empty. Name the hosts, such as 'webservers', or 'all' for every host of the inventory."
        )
    return value if [value] == pieces else ",".join(pieces)


def _any(_name: str, value: t.Any, _spec: VariableSpec) -> t.Any:
    return value


_READERS: t.Final[Mapping[str, Callable[[str, t.Any, VariableSpec], t.Any]]] = {
    "str": _text,
    "path": _text,
    "bool": _boolean,
    "int": _whole,
    "float": _number,
    "list": _list,
    "dict": _dictionary,
    "raw": _any,
    "batches": _batches,
    "budget": _budget,
    "accept": _accept,
    "pattern": _pattern,
    "plan": lambda name, value, _spec: Approval.from_json(name, value).to_json(),
}

# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a variable was meant to be, out of what arrived.

A form's answers are text. AWX hands them to Ansible as YAML scalars, which ansible-core 2.19 and newer read again: `0123` arrives as
the number 83, `yes` as true, an empty answer as null, `2026-01-02` as a date. What can be told with certainty is put
right here; what cannot is refused, with what arrived and what to write instead.
"""

from __future__ import annotations

import json
import math
import re
import typing as t
from collections.abc import Callable, Mapping

from . import approval
from .options import RolloutError

#: A variable as an argument spec describes it: `type`, `elements`, `choices`, `default`. `empty` is what an empty answer stands for
#: where that is not the default, `no_log` that the value is never shown.
Option = Mapping[str, t.Any]

_TRUE: t.Final = frozenset({"yes", "on", "true", "1", "y", "t"})
_FALSE: t.Final = frozenset({"no", "off", "false", "0", "n", "f"})
_WHOLE: t.Final = re.compile(r"0|[1-9]\d*", re.ASCII)
_NUMBER: t.Final = re.compile(r"(?:0|[1-9]\d*)(?:\.\d+)?", re.ASCII)
_PERCENTAGE: t.Final = re.compile(r"(0|[1-9]\d{0,2})\s*%", re.ASCII)
_LONGEST: t.Final = 80


def normalised(name: str, value: t.Any, option: Option) -> t.Any:
    """The value as the option's type has it; the very same object where nothing has to be done.

    An empty answer (`None`, or text of nothing but white space) is the option's `empty`, or else its `default`.

    Raises:
        RolloutError: it is not known what was meant, or it is none of the choices.

    """
    if is_empty(value):
        return option["empty"] if "empty" in option else option.get("default")
    if option.get("no_log"):
        if isinstance(value, str):
            return value
        raise RolloutError(f"{name} has to be text. What arrived is not shown.")
    found = _READERS[option.get("type", "str")](name, value, option)
    choices = option.get("choices")
    if choices and found not in choices:
        raise RolloutError(f"{name} has to be one of {', '.join(map(str, choices))}, not {arrived(value)}.")
    return found


def is_empty(value: t.Any) -> bool:
    """Whether nothing was answered."""
    return value is None or (isinstance(value, str) and not value.strip())


def arrived(value: t.Any) -> str:
    """What arrived, in words that show its type, on one line, cut short, and nothing of what is inside a list or dictionary."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, Mapping):
        return "a dictionary"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, str):
        return "the text " + _cut(repr(str(value)))
    return f"{_cut(str(value))} (a {type(value).__name__.lower().lstrip('_')})"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _text(name: str, value: t.Any, option: Option) -> str:
    if not isinstance(value, str):
        raise RolloutError(f"{name} has to be text, and arrived as {arrived(value)}. {_retyped(name, value, option)}")
    text = value.strip()
    if any(ord(letter) < ord(" ") or letter == "\x7f" for letter in text):
        raise RolloutError(f"{name} has to be one line without control characters, not {arrived(value)}.")
    return value if text == value else text


def _retyped(name: str, value: t.Any, option: Option) -> str:
    """Why the text is lost, and what to do, for something that is not text."""
    if isinstance(value, (list, tuple, Mapping)):
        return "Give it one value."
    lost = "What was written is not known any more: 0123 arrives as 83, 1.10 as 1.1, yes as true, 2026-01-02 as a date."
    if option.get("choices"):
        return f"It has to be one of {', '.join(map(str, option['choices']))}."
    if name.endswith("_mode"):
        return f"{lost} Write an octal mode as 0o644, or quote it where it is in a file of variables."
    return f"{lost} Write something that cannot be read as a number, a boolean or a date, or quote it in a file of variables."


def _boolean(name: str, value: t.Any, _option: Option) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise RolloutError(f"{name} has to be true or false, not {arrived(value)}.")


def _whole(name: str, value: t.Any, _option: Option) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, float) and value >= 0 and value.is_integer():
        return int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    raise RolloutError(f"{name} has to be a whole number, 0 or more, without leading zeros, not {arrived(value)}.")


def _number(name: str, value: t.Any, _option: Option) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 and math.isfinite(value):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value) if "." in value else int(value)
    raise RolloutError(f"{name} has to be a number, 0 or more, such as 10 or 0.5, not {arrived(value)}.")


def _list(name: str, value: t.Any, option: Option) -> list[t.Any]:
    of_text = option.get("elements", "str") == "str"
    items = value
    if isinstance(value, str):
        items = _json(name, value, list) if value.strip().startswith("[") or not of_text else split(value)
    if not isinstance(items, (list, tuple)):
        raise RolloutError(f"{name} has to be a list, and arrived as {arrived(value)}. {_as_list(of_text=of_text)}")
    for item in items:
        if not isinstance(item, str if of_text else Mapping):
            wanted = "text" if of_text else "a dictionary"
            raise RolloutError(
                f"{name} has to be a list of {'text' if of_text else 'dictionaries'}, and one of its items arrived as"
                f" {arrived(item)} instead of {wanted}. {_as_list(of_text=of_text)}"
            )
    return items if isinstance(items, list) else list(items)


def _as_list(*, of_text: bool) -> str:
    return (
        "Write one a line, or separate them by commas, and none that reads as a number or a boolean."
        if of_text
        else 'Write a list of dictionaries, in a form as JSON such as [{"name": "home", "url": "https://www.example.com/"}].'
    )


def split(text: str) -> list[str]:
    """The items of a text: its lines, or what commas separate where there is but one line."""
    pieces = text.splitlines() if "\n" in text.strip() else text.split(",")
    return [piece.strip() for piece in pieces if piece.strip()]


def _dictionary(name: str, value: t.Any, _option: Option) -> t.Any:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, str):
        return _json(name, value, dict)
    raise RolloutError(
        f'{name} has to be a dictionary, in a form as JSON such as {{"ticket": "OPS-1"}}, not {arrived(value)}.'
    )


def _json(name: str, text: str, kind: type) -> t.Any:
    what = "list" if kind is list else "dictionary"
    try:
        found = json.loads(text)
    except ValueError as error:
        raise RolloutError(f"{name} arrived as text and has to be a {what} in JSON: {error}.") from None
    if not isinstance(found, kind):
        raise RolloutError(f"{name} has to be a {what}; the JSON that arrived is none.")
    return found


def _batches(name: str, value: t.Any, _option: Option) -> list[int | str]:
    """Sizes of batches: numbers above 0 or percentages, alone, in a list, or in a text."""
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
            f" {arrived((wrong or [value])[0])}."
        )
    return t.cast("list[int | str]", sizes)


def _size(item: t.Any) -> int | str | None:
    size = _share(item)
    return size if size not in (0, "0%") else None


def _share(item: t.Any) -> int | str | None:
    """A number of hosts or a percentage as `10%`, None where it is neither."""
    if isinstance(item, int) and not isinstance(item, bool):
        return item if item >= 0 else None
    text = item.strip() if isinstance(item, str) else ""
    if _WHOLE.fullmatch(text):
        return int(text)
    percentage = _PERCENTAGE.fullmatch(text)
    return f"{percentage[1]}%" if percentage and int(percentage[1]) <= 100 else None  # noqa: PLR2004 - per cent


def _budget(name: str, value: t.Any, _option: Option) -> int | str:
    share = _share(value)
    if share is None:
        raise RolloutError(f"{name} has to be a number of hosts or a percentage such as '10%', not {arrived(value)}.")
    return share


def _pattern(name: str, value: t.Any, _option: Option) -> str:
    """One host pattern: a text, its lines, or a list."""
    items = value.strip().splitlines() if isinstance(value, str) else value
    items = items if isinstance(items, (list, tuple)) else [items]
    wrong = [item for item in items if not isinstance(item, str)]
    if wrong:
        raise RolloutError(
            f"{name} has to be a host pattern such as 'webservers', and arrived as {arrived(wrong[0])}. What was written is not known any"
            " more: 0123 arrives as 83. For a host or group whose name is a number, write a comma behind it: '0123,'."
        )
    pieces = [item.strip() for item in items if item.strip()]
    if not pieces:
        raise RolloutError(
            f"{name} is empty. Name the hosts, such as 'webservers', or 'all' for every host of the inventory."
        )
    return value if [value] == pieces else ",".join(pieces)


def _any(_name: str, value: t.Any, _option: Option) -> t.Any:
    return value


_READERS: t.Final[Mapping[str, Callable[[str, t.Any, Option], t.Any]]] = {
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
    "pattern": _pattern,
    "plan": lambda name, value, _option: approval.read(name, value),
}

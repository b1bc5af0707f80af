# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths that do something when they are asked, by their words."""

from __future__ import annotations

import re
import typing as t

#: Words of a path by which a GET may change something, in parts that stand next to each other.
ACTING_WORDS = (
    *("logout", "logoff", "signout", "signoff", "log out", "log off", "sign out", "sign off", "cron", "unsubscribe"),
    *("optout", "opt out", "unregister", "delete", "remove", "destroy", "erase", "wipe", "purge", "flush", "clear"),
    *("truncate", "drop", "reset", "revoke", "cancel", "deactivate", "disable", "terminate", "shutdown", "restart"),
    *("reboot", "reload", "kill", "install", "uninstall", "migrate", "trigger", "execute", "webhook", "callback"),
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def words_of(path: str) -> str:
    """Return the words of a path in lower case between single blanks: `/wp-cron.php` and `/deleteAccount` have two each."""
    return f" {' '.join(_WORDS.findall(path)).lower()} "


def acts(target: str, more: t.Iterable[str] = ()) -> str:
    """Return the word or entry for which a request target counts as one that does something, "" for none.

    Args:
        target: path and arguments of a request.
        more: further entries: `/path` with all below it, `~regex` that is searched in the target, or a word.

    Raises:
        ValueError: a regular expression cannot be read.
    """
    words = words_of(target)
    for word in ACTING_WORDS:
        if f" {word} " in words:
            return word
    path = target.partition("?")[0]
    for entry in more:
        if entry.startswith("/"):
            if path == entry or path.startswith(entry if entry.endswith("/") else f"{entry}/"):
                return entry
        elif entry.startswith("~"):
            try:
                if re.search(entry[1:], target):
                    return entry
            except re.error as exc:
                raise ValueError(f"{entry!r} is no regular expression: {exc}") from exc
        elif f" {' '.join(_WORDS.findall(entry)).lower()} " in words:
            return entry
    return ""

# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""`log_format`: read the few values of a log line that probes are made of, in one pass from left to right."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import parse_template

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive

#: The variables that are kept; the rest of a line is skipped.
WANTED: t.Final = frozenset(
    {
        *("request", "request_method", "request_uri", "uri", "document_uri", "host", "http_host", "server_name"),
        *("scheme", "https", "server_port", "status"),
    }
)
_COMMON: t.Final = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'
_COMBINED: t.Final = f'{_COMMON} "$http_referer" "$http_user_agent"'
#: Formats that need no `log_format`: that of nginx, that of Apache, and those of distributions' configurations.
FORMATS: t.Final[dict[str, str]] = {
    "main": f'{_COMBINED} "$http_x_forwarded_for"',
    "vhost_combined": f"$host:$server_port {_COMBINED}",
    "combined": _COMBINED,
    "common": _COMMON,
}
_ESCAPE: t.Final = re.compile(r"\\x([0-9A-Fa-f]{2})|\\u00([0-9A-Fa-f]{2})|\\([\"\\/bfnrt])")
_LETTERS: t.Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class LogFormat:
    """One format, ready to read lines.

    Args:
        name: its name.
        text: the format as `log_format` takes it, its strings joined.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.head = ""
        #: Variable ("" for one that is not kept), and the text behind it.
        self.fields: list[tuple[str, str]] = []
        for part in parse_template(text):
            if part.literal and self.fields:
                self.fields[-1] = (self.fields[-1][0], self.fields[-1][1] + part.literal)
            elif part.literal:
                self.head += part.literal
            else:
                self.fields.append((part.variable if part.variable in WANTED else "", ""))

    @property
    def is_useful(self) -> bool:
        """Return True if a line has a path and can be split: two adjacent variables cannot."""
        names = {name for name, _behind in self.fields}
        split = all(behind for _name, behind in self.fields[:-1])
        return split and bool(names & {"request", "request_uri", "uri", "document_uri"})

    def read(self, line: str) -> dict[str, str] | None:
        """Return the wanted values of a line; None for a line of another format."""
        if not line.startswith(self.head):
            return None
        position = len(self.head)
        found: dict[str, str] = {}
        for name, behind in self.fields:
            end = line.find(behind, position) if behind else len(line)
            if end < 0:
                return None
            if name:
                found[name] = line[position:end]
            position = end + len(behind)
        return found


def unescape(value: str) -> str:
    """Decode the escapes that ngx_http_log_module and JSON write."""
    return _ESCAPE.sub(_unescaped, value) if "\\" in value else value


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else _LETTERS.get(match[3], match[3])


def format_of(directive: Directive) -> LogFormat | None:
    """Return the format that a `log_format` directive defines; None if no probe can be made of its lines."""
    args = [arg for arg in directive.args[1:] if not arg.startswith("escape=")]
    found = LogFormat(directive.args[0], "".join(args)) if args else None
    return found if found is not None and found.is_useful else None


def formats_of(config: Config | None) -> list[LogFormat]:
    """Return the formats that a configuration defines, in order."""
    blocks = () if config is None else config.http()
    found = (format_of(directive) for block in blocks for directive in block.find("log_format"))
    return [each for each in found if each is not None]

# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The only file that touches crossplane: which directive may stand where, with which arguments.

crossplane's directive table is asked, never its parser. For `http` it agrees with nginx 1.22 in every context.
What it gets wrong is repaired here: `include` is forbidden in `if` and `limit_except`, contexts and arguments that
nginx allowed later are refused. Directives that came later are known by name (`newer.py`) and not judged; any other
unknown one is information, not an error: nginx itself judges it when the candidate is validated on the host. The same holds for
directives that came to `stream` or `mail` after the table was made.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import re
import typing as t

from ._lexer import Term, shorten
from .model import ConfigError, ProblemKind
from .recent_directives import NEWER

#: The blocks around a directive as crossplane names them: `("http", "server")`; every location is `("http", "location")`.
Context = tuple[str, ...]

#: Blocks whose entries are data, not directives.
DATA_BLOCKS = frozenset({"charset_map", "geo", "map", "split_clients", "types"})

#: Names of directives, those of unknown modules included.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

_OLDEST = (0, 5, 8)
_INSTALL = "install it where Ansible runs: python3 -m pip install 'crossplane>=0.5.8'"

#: Where nginx allows more than crossplane's table knows (1.27.3: `resolver` in upstreams, see its CHANGES).
_ALSO_ALLOWED = frozenset(
    (context, name)
    for context in (("http", "upstream"), ("stream", "upstream"))
    for name in ("resolver", "resolver_timeout")
)
#: Directives that take more arguments than crossplane's table knows (`keepalive 32 local` of nginx 1.29).
_MORE_ARGUMENTS = {"keepalive": (1, 2)}

#: njs has versions of its own and allowed its directives in more places with nearly each: known, but not judged.
_NJS = "js_"

#: Unknown names looked up for a similar known one; the rest of a hostile file goes without a hint.
_HINTS = 50


class Complaint(t.NamedTuple):
    """An objection of the table to one directive."""

    kind: ProblemKind
    message: str


class Grammar:
    """crossplane's directive table and analyzer, asked one directive at a time for one configuration."""

    #: What the analyzer answered: that depends on nothing but the question, so every configuration shares it.
    _asked: t.ClassVar[dict[tuple[t.Any, ...], Complaint | None]] = {}

    def __init__(self) -> None:
        package = _load()
        self._analyzer = importlib.import_module(f"{package.__name__}.analyzer")
        self._errors = importlib.import_module(f"{package.__name__}.errors")
        self._hints: dict[str, str] = {}

    def enter(self, name: str, context: Context) -> Context:
        """Return the context of the directives inside this block."""
        entered: Context = tuple(self._analyzer.enter_block_ctx({"directive": name}, context))
        return entered

    def knows(self, name: str) -> bool:
        """Tell whether the table has this directive, in any context, or a newer nginx does."""
        return name in self._analyzer.DIRECTIVES or name in NEWER

    def check(self, name: str, args: list[str], term: Term, context: Context) -> Complaint | None:
        """Return what is wrong with this directive in this context; None where nothing is, or where the table cannot tell."""
        if name == "include":
            return _check_include(args, term)
        if context not in self._analyzer.CONTEXTS or term == "lua" or name.startswith(_NJS):
            return None
        if not self.knows(name):
            if not _NAME.fullmatch(name):
                return Complaint("syntax", f'"{shorten(name)}" cannot be the name of a directive')
            return Complaint("unknown-directive", f'unknown directive "{shorten(name)}"{self._hint(name)}')
        if name in NEWER and name not in self._analyzer.DIRECTIVES:
            return None
        if name == "if" and term == "{" and (complaint := _check_condition(args)):
            return complaint
        key = (context, name, term, len(args), args[0] if len(args) == 1 and len(args[0]) <= len("off") else "")
        if key not in self._asked:
            self._asked[key] = self._ask(name, args, term, context)
        return self._asked[key]

    def strangeness(self, name: str, args: list[str], term: Term, context: Context) -> int:
        """Return how unlikely the directive is in this context: 2 its context is wrong, 1 its arguments, 0 neither."""
        complaint = self.check(name, args, term, context)
        return {"context": 2, "arguments": 1}.get(complaint.kind, 0) if complaint else 0

    def _ask(self, name: str, args: list[str], term: Term, context: Context) -> Complaint | None:
        statement = {"directive": name, "args": args, "line": 0}
        check_context = (context, name) not in _ALSO_ALLOWED
        fewest, most = _MORE_ARGUMENTS.get(name, (1, 0))
        check_arguments = not (fewest <= len(args) <= most and term == ";")
        try:
            self._analyzer.analyze(
                "",
                statement,
                term,
                context,
                check_ctx=check_context,
                check_args=check_arguments,
            )
        except self._errors.NgxParserDirectiveContextError:
            where = f'"{context[-1]}"' if context else "the main level"
            if context and context[0] != "http" and not self._in_family(name, context[0]):
                return Complaint("unknown-directive", f'directive "{name}" is not known in {where}')
            return Complaint("context", f'directive "{name}" is not allowed in {where}')
        except self._errors.NgxParserDirectiveError as error:
            return Complaint("arguments", shorten(str(error.strerror), 200))
        return None

    def _in_family(self, name: str, family: str) -> bool:
        """Tell whether the table allows the directive anywhere in `stream` or `mail`."""
        bits = [bit for context, bit in self._analyzer.CONTEXTS.items() if context[:1] == (family,)]
        return any(mask & bit for mask in self._analyzer.DIRECTIVES[name] for bit in bits)

    def _hint(self, name: str) -> str:
        if name not in self._hints and len(self._hints) < _HINTS:
            close = difflib.get_close_matches(name, self._names, n=1, cutoff=0.85)
            self._hints[name] = f', did you mean "{close[0]}"?' if close else ""
        return self._hints.get(name, "")

    @functools.cached_property
    def _names(self) -> list[str]:
        return sorted({*self._analyzer.DIRECTIVES, *NEWER})


def condition(args: list[str]) -> list[str]:
    """Return the words of an `if` condition without its parentheses, as ngx_http_rewrite_if_condition() reads them."""
    if not args or not args[0].startswith("(") or not args[-1].endswith(")") or args == ["("]:
        return args
    words = list(args)
    words[0] = words[0][1:]
    words[-1] = words[-1][:-1]
    if len(words) > 1 and not words[0]:
        del words[0]
    if len(words) > 1 and not words[-1]:
        del words[-1]
    return words


def _check_include(args: list[str], term: Term) -> Complaint | None:
    if term != ";":
        return Complaint("arguments", 'directive "include" is not terminated by ";"')
    if len(args) != 1:
        return Complaint("arguments", 'invalid number of arguments in "include" directive')
    return None


def _check_condition(args: list[str]) -> Complaint | None:
    words = condition(args)
    if args and words is args:
        return Complaint("arguments", f'invalid condition "{shorten(" ".join(args))}": it needs parentheses around it')
    if args and not any(words):
        return Complaint("arguments", 'invalid condition "()": it is empty')
    return None


def grammar() -> Grammar:
    """Return the grammar for one configuration, with hints of its own.

    Raises:
        ConfigError: crossplane is not installed, or too old.
    """
    return Grammar()


def _load() -> t.Any:
    try:
        package = importlib.import_module("crossplane")
    except ImportError:  # Ansible would append its words and repeat these
        message = f"reading nginx configuration needs the Python package crossplane: {_INSTALL}"
        raise ConfigError(message) from None
    version = str(getattr(package, "__version__", "0"))
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if numbers < _OLDEST:
        raise ConfigError(f"crossplane {shorten(version)} is too old, 0.5.8 or newer is needed: {_INSTALL}")
    return package

# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Map each rule's id to its module, and load modules only when they are needed.

A rule is one file, `rules/<family>/<id with underscores>.py`. Its docstring says what the rule finds and why that matters::

    '''Find a listing of a folder's files that every client may read.

    nginx lists the files of a folder without an index (ngx_http_autoindex_module).
    '''

    RULE: t.Final = Rule("autoindex-on", "warning", "Clients can list the files of a folder")


    def check(context: Context) -> Iterator[Finding]:
        '''Check every `autoindex on`.'''
        for block, directive in context.directives("autoindex"):
            if directive.args == ["on"]:
                yield RULE.at(directive.place, "message", fix=context.editor.remove(directive))

- `check` asks the context for what it is about: `context.directives(names)`, `context.blocks_named(names)`,
  `context.named(names)` (inside `http`), `context.router`. Each is an index that is built once: no rule walks the tree.
- A fix is an argument of `Rule.at`, and only there where it is certain to be what was meant.
- What several rules need is a function of `analysis/` with the decorator `@shared` (`context.py`): computed at the first
  call, kept for this context. Where rules share one simulation, it gives what was found by rule, and each rule yields its own.
- The page is `docs/rules/<id>.md`, the fixtures are `tests/unit/plugins/plugin_utils/_lint/fixtures/<id>/`.
- The id stands in `FAMILIES` below, and nowhere else. An id never changes its meaning.

`tests/meta/test_rules.py` holds all of this.
"""

from __future__ import annotations

import importlib
import typing as t

from .errors import LintError

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .context import Context
    from .finding import Finding, Rule

#: Every rule, by the family whose folder below `rules/` it lies in.
FAMILIES: t.Final[dict[str, tuple[str, ...]]] = {
    "unreadable": (
        *("file-encoding", "file-unreadable", "include-cycle", "include-missing", "include-unresolved"),
        *("syntax-error", "unknown-directive", "wrong-arguments", "wrong-context"),
    ),
    "loops": ("error-page-cycle", "redirect-loop", "rewrite-cycle", "try-files-cycle"),
    "load_errors": (
        *("duplicate-default-server", "duplicate-directive", "duplicate-listen", "duplicate-location"),
        *("duplicate-upstream", "misplaced-location", "proxy-pass-uri-forbidden", "undefined-name", "unknown-variable"),
    ),
    "locations": (
        *("dead-directive", "named-location-undefined", "shadowed-location", "unmatchable-location"),
        "unreachable-location",
    ),
    "redirects": ("redirect-without-scheme", "redirect-without-tls-server"),
    "unused": ("include-without-match", "unused-definition", "unused-snippet"),
    "servers": ("default-server-implicit", "listen-443-without-ssl", "server-name-unmatchable", "shadowed-server"),
    "files": ("alias-traversal", "alias-without-slash", "return-bypasses-access"),
    "proxying": (
        *("cache-key-without-host", "proxy-pass-drops-arguments", "proxy-pass-fixed-uri", "proxy-pass-slash"),
        *("proxy-pass-unknown-upstream", "proxy-pass-without-resolver", "try-files-with-proxy-pass"),
    ),
    "upstreams": ("proxy-to-itself", "upstream-dns-frozen", "upstream-down"),
    "rewriting": ("capture-missing", "if-is-evil", "if-skips-try-files", "map-without-default", "try-files-with-alias"),
    "injection": ("header-splitting", "host-header-spoofing", "ssrf"),
    "access": (
        *("allow-without-deny", "autoindex-on", "dotfiles-exposed", "h2c-smuggling", "origin-regex-unanchored"),
        *("server-tokens", "stub-status-exposed", "valid-referers-none"),
    ),
    "php": ("php-path-info", "php-script-filename", "php-uncontrolled"),
    "simplification": (
        *("if-for-server-name", "if-for-try-files", "regex-for-one-path", "regex-unanchored", "rewrite-for-return"),
        *("root-repeated",),
    ),
    "headers": (
        *("add-header-content-type", "add-header-multiline", "fastcgi-params-lost", "front-page-cached"),
        *("headers-not-inherited", "noindex-main-site", "proxy-headers-lost", "security-headers-lost"),
        "security-headers-missing",
    ),
    "tls": (
        *("certificate-missing", "hsts-subdomain-without-tls", "hsts-weak", "session-cache-builtin"),
        *("stapling-without-resolver", "stapling-without-responder", "tls-ciphers", "tls-curves", "tls-protocols"),
    ),
    "tuning": (
        *("error-log-off", "keepalive-requests-low", "keepalive-without-http11", "proxy-buffering-off"),
        *("quic-bpf-reload", "regex-redos", "single-worker", "worker-rlimit-nofile"),
    ),
    "hardening": (
        *("access-log-off", "body-size-unlimited", "client-timeout-long", "resolver-external"),
        *("upstream-tls-unverified",),
    ),
    "versions": (
        *("directive-obsolete", "directive-removed", "directive-too-new", "known-vulnerability"),
        *("listen-http2-deprecated", "ssl-on-deprecated"),
    ),
    "suppressions": ("suppression-expired", "suppression-invalid", "suppression-unused"),
}
#: The module of each rule by the rule's id, below `rules/`.
MODULES: t.Final[dict[str, str]] = {
    each: f"{family}.{each.replace('-', '_')}" for family, ids in FAMILIES.items() for each in ids
}


class RuleModule(t.Protocol):
    """A module below `rules/`."""

    @property
    def RULE(self) -> Rule:  # noqa: N802 - a constant of the module
        """The rule's id, severity and summary."""

    def check(self, context: Context) -> Iterator[Finding]:
        """Find what the rule is about."""


def module(rule_id: str) -> RuleModule:
    """Load the module of a rule.

    Raises:
        LintError: there is no such rule.
    """
    if rule_id not in MODULES:
        raise LintError(no_such_rule(rule_id))
    return t.cast("RuleModule", importlib.import_module(f"{__package__}.rules.{MODULES[rule_id]}"))


def modules(rule_ids: Iterable[str]) -> list[RuleModule]:
    """Load the modules of several rules."""
    return [module(each) for each in rule_ids]


def rule(rule_id: str) -> Rule:
    """Load a rule.

    Raises:
        LintError: there is no such rule.
    """
    return module(rule_id).RULE


def load_all() -> dict[str, Rule]:
    """Load every rule; return them by id."""
    return {each: rule(each) for each in MODULES}


def no_such_rule(rule_id: str) -> str:
    """Return the message about an unknown rule, with the ids that are spelt alike."""
    import difflib  # noqa: PLC0415 - for a mistake only

    close = difflib.get_close_matches(rule_id, sorted(MODULES), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "docs/rules/README.md lists them"
    return f'there is no rule "{rule_id}", {hint}'

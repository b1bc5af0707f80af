# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The limits of a private world: uses of features whose effect outcomes do not show."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import flatten, walk

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive, Place


class WorldLimit(t.NamedTuple):
    """A directive whose effect outcomes show roughly or not at all. Its block is `approx`, unless `what` is of `ASPECTS`."""

    what: str
    reason: str
    directive: Directive

    @property
    def block(self) -> Place | None:
        """Return the server, location or if around the directive; None where it applies to all."""
        parent = self.directive.parent
        while parent is not None and parent.name not in ("server", "location", "if"):
            parent = parent.parent
        return parent.place if parent is not None else None


def _on(directive: Directive) -> bool:
    return directive.args[:1] not in ([], ["off"], ["0"])


def _quic(directive: Directive) -> bool:
    return bool({"quic", "http3"} & set(directive.args[1:]))


def _varies(directive: Directive) -> bool:
    return directive.args[:1] != [""] and _on(directive)


#: The name of the feature, why outcomes do not show it, and which uses of its directives count (None: all).
LimitRule = tuple[str, str, t.Callable[["Directive"], bool] | None]

#: Pattern of the names of directives, and the rule for them.
_LIMITS: t.Final[tuple[tuple[str, str, str, Callable[[Directive], bool] | None], ...]] = (
    (r".*_by_lua(_block|_file)?", "Lua", "its code runs against stub services, so its answers may differ", None),
    (r"js_(?!import|path|var|fetch).*", "njs", "its code runs against stub services, so its answers may differ", None),
    (r"perl(_set|_require|_modules)?", "Perl", "its code runs against stub services, so its answers may differ", None),
    (r"geoip2?(_.*)?", "GeoIP", "probes come from addresses that no database knows", None),
    (r"limit_(req|conn)", "rate limits", "probes come one after the other, so no limit is reached", None),
    (r"(proxy|fastcgi|uwsgi|scgi|srcache)_cache", "caches", "what a warm cache answers is not probed", _on),
    (r"ssl_verify_client", "client certificates", "probes present none", _on),
    (r"split_clients", "split_clients", "a probe falls into one of its parts", None),
    (r"(proxy|grpc|uwsgi)_ssl_verify", "upstream certificates", "the stub's certificate stands for the real one", _on),
    (r"auth_(basic|jwt|digest|pam|ldap).*", "passwords", "no probe knows one: only the refusal is seen", _varies),
    (r"secure_link(_md5)?", "signed links", "no probe carries a valid signature", None),
    (r"listen", "HTTP/3", "only HTTP/1 and HTTP/2 are probed; that its socket is there is looked up", _quic),
    (r"health_check", "health checks", "upstreams are stubs that are always healthy", None),
    (
        r"(sub_filter|ssi|xslt_stylesheet|image_filter|addition_types)",
        "filters",
        "bodies of upstreams are the stub's",
        _on,
    ),
    (
        r"(random|least_conn|least_time|ip_hash|hash|sticky)",
        "load balancing",
        "which peer is asked is not compared",
        None,
    ),
)
#: Features beside the answer of one request: a block that uses one of these is verified nevertheless.
ASPECTS: t.Final = frozenset(
    {"rate limits", "caches", "HTTP/3", "health checks", "load balancing", "upstream certificates"}
)
_PATTERNS: t.Final = tuple((re.compile(pattern), (what, reason, test)) for pattern, what, reason, test in _LIMITS)
_TIME: t.Final = re.compile(r"\$\{?(time_|date_|msec)")
#: Block beside `http` -> what is not known of it.
_BESIDE_HTTP: t.Final = {
    "stream": "one client opens connections and sends datagrams: who else is refused, and what is sent on, is not compared",
    "mail": "its protocols are not probed",
}
_GAPS: t.Final = frozenset({"include-missing", "unreadable", "unresolved"})


def limits_of(config: Config) -> Iterator[WorldLimit]:
    """Yield the uses of such features, in nginx's order."""
    for block in flatten(config.root):
        if block.name in _BESIDE_HTTP and block.block:
            yield WorldLimit(block.name, _BESIDE_HTTP[block.name], block)
    rules: dict[str, LimitRule | None] = {}
    for http in config.http():
        for directive in walk(http.block or ()):
            if directive.name not in rules:
                rules[directive.name] = _rule(directive.name)
            limit = rules[directive.name]
            if limit is not None and (limit[2] is None or limit[2](directive)):
                if limit[0] != "load balancing" or (directive.parent and directive.parent.name == "upstream"):
                    yield WorldLimit(limit[0], limit[1], directive)
            elif directive.name in ("if", "map", "set") and any(_TIME.search(arg) for arg in directive.args):
                yield WorldLimit("the time", "the answer depends on when the probe was sent", directive)


def gaps_of(config: Config) -> Iterator[tuple[str, Place]]:
    """Yield message and place of parts that were not read here, although nginx may read them."""
    for problem in config.problems:
        if problem.kind in _GAPS:
            yield problem.message, problem.place


def _rule(name: str) -> LimitRule | None:
    return next((rule for pattern, rule in _PATTERNS if pattern.fullmatch(name)), None)

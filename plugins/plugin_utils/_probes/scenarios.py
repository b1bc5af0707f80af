# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Scenarios: requests that need more than a URI, such as answers of upstreams, other methods, other clients."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import StubAnswer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import UPSTREAM_PASS

from .addresses import is_v6, member_of, neighbour_to, stranger_to
from .draft import Draft, is_header, target_of
from .upstreams import ANY, peers_of
from .uris import reaches, uris_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location, Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server

    from .effective_directives import EffectiveDirectives

_FORM: t.Final = (("Content-Type", "application/x-www-form-urlencoded"),)
_BODY: t.Final = "x=1"
#: Statuses that nginx itself sends when an upstream cannot be used.
_GATEWAY: t.Final = frozenset({"500", "502", "503", "504"})
_INTERCEPT: t.Final = ("proxy_intercept_errors", "fastcgi_intercept_errors", "uwsgi_intercept_errors")
_MORE_INTERCEPT: t.Final = ("scgi_intercept_errors", "grpc_intercept_errors")
_ERRORS: t.Final = 300
_FEW: t.Final = 4
_CLIENTS: t.Final = 8


def answer(
    upstream: str, status: int = 200, *, headers: tuple[tuple[str, str], ...] = (), down: bool = False
) -> StubAnswer:
    """Return the answer of a stub upstream."""
    return StubAnswer(upstream, status, headers=[list(header) for header in headers], down=down)


class Scenarios:
    """Makes drafts for one configuration beside the plain ones.

    Args:
        settings: directives by block.
        upstreams: peers of the `upstream` blocks.
    """

    def __init__(self, settings: EffectiveDirectives, upstreams: Mapping[str, tuple[str, ...]]) -> None:
        self.settings = settings
        self.upstreams = upstreams

    def of_location(self, server: Server, location: Location, base: Draft) -> Iterator[Draft]:
        """Return scenarios for a location, each a variation of a request that reaches it."""
        if location.scope.internal:
            return
        handler = location.scope.handler
        passes = handler is not None and handler.name in UPSTREAM_PASS
        if passes or location.scope.limit_except is not None:
            yield base._replace(method="POST", headers=_FORM, body=_BODY, why=f"POST, {base.why}")
        if location.scope.limit_except is not None:
            yield base._replace(method="DELETE", why=f"limit_except, {base.why}")
        yield from self._of_auth(server, location, base)
        if handler is not None and passes:
            yield from self._of_errors(server, location, base)
            yield from self._of_headers(server, location, base)
        yield from self.of_clients(location.scope, base)

    def _of_auth(self, server: Server, location: Location, base: Draft) -> Iterator[Draft]:
        peers = self._backend(server, location.scope)
        for status in (401, 403) if peers else ():
            if status == 401 or self._pages(location.scope) & {"403"}:  # noqa: PLR2004 -- a status of HTTP
                answers = tuple(answer(peer, status) for peer in peers)
                yield base._replace(
                    answers=answers, why=f"auth_request gets {status}, {base.why}", block=location.scope.directive
                )

    def _backend(self, server: Server, scope: Scope) -> tuple[str, ...]:
        """Return the peers that `auth_request` of a location asks; none where nginx answers it itself."""
        found = self.settings.effective(scope, "auth_request")
        uri = found[-1].args[0] if found and found[-1].args else "off"
        backend = server.scope.locations.find(uri.partition("?")[0]).location if uri.startswith("/") else None
        handler = backend.scope.handler if backend is not None and backend.scope is not scope else None
        if handler is None or handler.name not in UPSTREAM_PASS:
            return ()
        return peers_of(handler, self.upstreams)

    def answers(self, server: Server, location: Location, given: StubAnswer) -> tuple[StubAnswer, ...]:
        """Return what the upstreams of a location answer, while the backend of its `auth_request` allows all requests.

        Args:
            server: the server of the location.
            location: passes requests to an upstream.
            given: its answer; the upstream in it is not read.
        """
        backend = self._backend(server, location.scope)
        passing = tuple(answer(peer) for peer in backend if peer != ANY)
        peers = (
            peers_of(location.scope.handler, self.upstreams)
            if backend and location.scope.handler is not None
            else (ANY,)
        )
        return (*passing, *(replace(given, upstream=peer) for peer in peers if peer not in backend or peer == ANY))

    def _answers(
        self,
        server: Server,
        location: Location,
        status: int,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        down: bool = False,
    ) -> tuple[StubAnswer, ...]:
        return self.answers(server, location, answer(ANY, status, headers=headers, down=down))

    def _pages(self, scope: Scope) -> set[str]:
        return {code for page in self.settings.effective(scope, "error_page") for code in page.args[:-1]}

    def _of_errors(self, server: Server, location: Location, base: Draft) -> Iterator[Draft]:
        pages = self.settings.effective(location.scope, "error_page")
        if not pages:
            return
        intercepts = self.settings.is_on(location.scope, *_INTERCEPT) or self.settings.is_on(
            location.scope, *_MORE_INTERCEPT
        )
        for page in pages:
            named = server.scope.locations.named.get(page.args[-1]) if page.args else None
            block = named.scope.directive if named is not None else location.scope.directive
            codes = [code for code in page.args[:-1] if code.isdigit()]
            if _GATEWAY.intersection(codes):
                down = self._answers(server, location, 502, down=True)
                yield base._replace(answers=down, why=f"the upstream is down, {base.why}", block=block)
            for code in codes[:_FEW] if intercepts else ():
                if int(code) >= _ERRORS:
                    failing = self._answers(server, location, int(code))
                    yield base._replace(answers=failing, why=f"the upstream answers {code}, {base.why}", block=block)

    def _of_headers(self, server: Server, location: Location, base: Draft) -> Iterator[Draft]:
        """Return drafts for the header fields of upstreams that nginx rewrites, where the configuration says how."""
        if self.settings.effective(location.scope, "proxy_redirect"):
            handler = t.cast("Directive", location.scope.handler)
            target = handler.args[0] if handler.args and "$" not in handler.args[0] else "http://upstream.invalid"
            headers = (("Location", target.rstrip("/") + "/x"),)
            if is_header(*headers[0]):
                why = f"the upstream redirects, {base.why}"
                yield base._replace(answers=self._answers(server, location, 302, headers=headers), why=why)
        if self.settings.effective(location.scope, "proxy_cookie_path", "proxy_cookie_domain", "proxy_cookie_flags"):
            headers = (("Set-Cookie", "probe=1; Path=/; Domain=upstream.invalid"),)
            answers = self._answers(server, location, 200, headers=headers)
            yield base._replace(answers=answers, why=f"the upstream sets a cookie, {base.why}")

    def of_internal(
        self, server: Server, location: Location, sender: Draft | None, origin: Location | None
    ) -> Iterator[Draft]:
        """Return a draft whose upstream sends the request on to an `internal` location, by X-Accel-Redirect.

        Args:
            server: the server.
            location: the `internal` location.
            sender: a request that an upstream gets.
            origin: the location that passes it on.
        """
        if sender is None or origin is None or not location.scope.internal:
            return
        for uri in uris_of(server, location):
            target = target_of(uri)
            if target is not None and reaches(server, uri, location.scope):
                headers = (("X-Accel-Redirect", target),)
                why = f"an upstream answers X-Accel-Redirect: {target}"
                answers = self._answers(server, origin, 200, headers=headers)
                yield sender._replace(answers=answers, why=why, block=location.scope.directive)
                return

    def of_clients(self, scope: Scope, base: Draft) -> Iterator[Draft]:
        """Return drafts of clients that the block's own access rules allow and deny."""
        rules = self.settings.own(scope, "allow", "deny")
        if self.settings.own(scope, "auth_basic"):
            credentials = (("Authorization", "Basic cHJvYmU6cHJvYmU="),)
            yield base._replace(headers=(*base.headers, *credentials), why=f"wrong credentials, {base.why}")
        if not rules:
            return
        entries = [rule.args[0] for rule in rules if rule.args]
        inside = [found for entry in entries[:_CLIENTS] if (found := member_of(entry)) is not None]
        outside = [found for v6 in (False, True) if (found := stranger_to(entries, v6=v6)) is not None]
        near = neighbour_to(entries)
        for client in dict.fromkeys([*inside, *outside, *((near,) if near else ())]):
            yield base._replace(client=client, why=f"{rules[0].name} and client {client}, {base.why}")
        yield from self._of_real_ip(scope, base, [*inside, *outside[:1]])

    def _of_real_ip(self, scope: Scope, base: Draft, clients: list[str]) -> Iterator[Draft]:
        """Return drafts of the same clients behind a proxy that ngx_http_realip_module trusts."""
        trusted = self.settings.effective(scope, "set_real_ip_from")
        found = self.settings.effective(scope, "real_ip_header")
        header = found[-1].args[0] if found and found[-1].args else "X-Real-IP"
        proxies = [proxy for each in trusted if each.args and (proxy := member_of(each.args[0])) is not None]
        if not proxies or header == "proxy_protocol" or not is_header(header, "x"):
            return
        for client in dict.fromkeys(clients):
            proxy = next((each for each in proxies if is_v6(each) == is_v6(client)), proxies[0])
            why = f"client {client} behind {proxy}, {base.why}"
            yield base._replace(client=proxy, headers=(*base.headers, (header, client)), why=why)

# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests that a client makes in another way: methods, protocols, ranges, credentials, referers, old copies."""

from __future__ import annotations

import base64
import hashlib
import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.addresses import DEFAULT_V4, DEFAULT_V6
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import is_header, is_method, is_target
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.inputs import apply, default_values, direct
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import variables_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.makers.upstream_answers import EPOCH

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft, Header
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.spots import Spot

#: RFC 6455, 4.1; the key is that of its example.
_WEBSOCKET: t.Final = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)
_FORM: t.Final = (("Content-Type", "application/x-www-form-urlencoded"),)
#: Fetch Standard, "CORS-preflight fetch".
_PREFLIGHT: t.Final = (
    ("Origin", "https://origin.invalid"),
    ("Access-Control-Request-Method", "PUT"),
    ("Access-Control-Request-Headers", "content-type"),
)
_METHODS: t.Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
_FUTURE: t.Final = "Tue, 19 Jan 2038 03:14:07 GMT"
_FOREIGN: t.Final = "https://foreign.invalid/"
_WRONG: t.Final = "Basic " + base64.b64encode(b"probe:probe").decode()
_EXPIRES: t.Final = str((1 << 31) - 1)
#: More than any size that a configuration allows, but for 0, which is none.
_TOO_LARGE: t.Final = str((1 << 62) - 1)
_MOST_RANGES: t.Final = 64
_LONG_TARGET: t.Final = 70_000
_MOST: t.Final = 8
_SENT: t.Final = "probe"
#: Fields that nginx reads itself, so that another value is another request.
_NOT_SENT: t.Final = frozenset(
    {
        "host",
        "connection",
        "upgrade",
        "keep-alive",
        "te",
        "expect",
        "content-length",
        "transfer-encoding",
        "http2-settings",
    }
)
_VARIABLE: t.Final = re.compile(r"\$\{?(\w+)\}?")


def upgrades(spot: Spot) -> Iterator[Draft]:
    """Yield the handshake of a WebSocket, and the plain request."""
    yield _with(spot.draft, _WEBSOCKET, "a WebSocket's handshake")
    yield spot.draft


def inputs(spot: Spot) -> Iterator[Draft]:
    """Yield the request without and with each header, cookie and argument that the directive reads, and a WebSocket's handshake.

    For directives that hand a value on, such as `proxy_set_header Upgrade $http_upgrade`.
    """
    yield spot.draft
    words = [word for directive in spot.changed() for word in directive.args]
    names = {name for word in words for name in variables_of(word)}
    for name in sorted(names)[:_MOST]:
        for value in default_values(name):
            choice = direct(name, value)
            draft = apply(spot.draft, choice) if choice else None
            if draft is not None:
                yield draft._replace(why=f"${name} is {value}, {draft.why}")
    for name in sorted({directive.args[0] for directive in spot.changed() if directive.args}):
        # What the directive sets, or empties, clients can send as well: without it nginx hands theirs on.
        field = name if spot.change.name.endswith("_set_header") else _of_param(name)
        if field and field.lower() not in _NOT_SENT and is_header(field, _SENT):
            yield _with(spot.draft, ((field, _SENT),), f"a client sends {field}")
    if (words and words[0].lower() in ("upgrade", "connection")) or "http_upgrade" in names:
        yield from upgrades(spot)


def encoded(spot: Spot) -> Iterator[Draft]:
    """Yield a path with an encoded slash: with a path of its own, `proxy_pass` hands the decoded one on."""
    own = [word.partition("://")[2] for directive in spot.changed() for word in directive.args[:1]]
    if len({"/" in each or "$" in each for each in own}) > 1:
        path = spot.draft.target.partition("?")[0]
        yield spot.draft._replace(
            target=f"{path}{'' if path.endswith('/') else '/'}x%2Fy%20z", why=f"an encoded slash, {spot.draft.why}"
        )


def scripts(spot: Spot) -> Iterator[Draft]:
    """Yield a script, a folder, and scripts with a path behind them: what `fastcgi_split_path_info` and `fastcgi_index` read."""
    path = spot.draft.target.partition("?")[0]
    script = path if path.endswith(".php") else f"{path.rstrip('/')}/x.php"
    for target in (path, script, f"{script}/", f"{script}/info", f"{script}/info.php/x", f"{path.rstrip('/')}/"):
        yield spot.draft._replace(target=target, why=f"a script's path, {spot.draft.why}")


def _of_param(name: str) -> str:
    """Return the header field that a CGI parameter stands for; "" for another one."""
    return name[5:].replace("_", "-").title() if name.startswith("HTTP_") else ""


def response_headers(spot: Spot) -> Iterator[Draft]:
    """Yield the request as it is, as a preflight of another origin, for a missing page, and for what is still fresh.

    `add_header` without `always`, and `expires`, leave errors alone (ngx_http_headers_filter()).
    """
    yield from inputs(spot)
    words = " ".join(directive.args[0].lower() for directive in spot.changed() if directive.args)
    if "access-control" in words or words == "vary":
        yield _with(spot.draft, _PREFLIGHT[:1], "a request of another origin")
        yield _with(spot.draft, _PREFLIGHT, "a preflight")._replace(method="OPTIONS")
    error = spot.answering(404, why="the upstream answers 404")
    yield error if error is not None else _missing(spot.draft)


def sent_bodies(spot: Spot) -> Iterator[Draft]:
    """Yield a form that a client sends, for what hands its body on."""
    yield spot.draft._replace(
        method="POST", headers=(*spot.draft.headers, *_FORM), body="x=1", why=f"a form, {spot.draft.why}"
    )


def methods(spot: Spot) -> Iterator[Draft]:
    """Yield the request with each usual method, and with those that the directive names (`limit_except`)."""
    named = [word.upper() for directive in spot.changed() for word in directive.args if is_method(word.upper())]
    for method in dict.fromkeys([*_METHODS, *named[:_MOST]]):
        yield spot.draft._replace(method=method, why=f"{method}, {spot.draft.why}")


def referers(spot: Spot) -> Iterator[Draft]:
    """Yield requests without a Referer, with a hidden one, and from each site that `valid_referers` names and a foreign one.

    ngx_http_referer_variable() (ngx_http_referer_module.c): `none`, `blocked`, names with wildcards, regexes.
    """
    yield spot.draft
    found = {_FOREIGN: None, "hidden": None, f"https://{spot.base.server.first_name or 'www.invalid'}/": None}
    for word in spot.words("valid_referers"):
        found.update((each, None) for each in _referer(word))
    for referer in list(found)[: 3 * _MOST]:
        if is_header("Referer", referer):
            yield _with(spot.draft, (("Referer", referer),), f"from {referer}")


def _referer(word: str) -> Iterator[str]:
    if word in ("none", "blocked", "server_names"):
        return
    if word.startswith("~"):
        yield from (f"https://{each.text}" for each in sample_pattern(word[1:], caseless=True, path=False)[:2])
        return
    name, slash, path = word.partition("/")
    host = name.replace("*.", "sub.").removesuffix(".*") + (".example" if name.endswith(".*") else "")
    yield f"https://{host.lstrip('.')}{slash}{path}"
    yield f"https://sub.{host.lstrip('.')}/"


def credentials(spot: Spot) -> Iterator[Draft]:
    """Yield the request without credentials and with wrong ones, from clients that rules of the block allow and deny.

    The passwords of `auth_basic_user_file` are unknown.
    """
    yield spot.draft
    yield _with(spot.draft, (("Authorization", _WRONG),), "wrong credentials")
    scenarios = spot.context.sides[spot.base.side].scenarios
    for base in dict.fromkeys((spot.base, spot.context.second(spot.base))):
        yield from scenarios.of_clients(spot.scope, base.draft)


def ranges(spot: Spot) -> Iterator[Draft]:
    """Yield requests for one more range than each number that `max_ranges` gives, and for one."""
    numbers = {1, *(int(word) for word in spot.words("max_ranges") if word.isdigit())}
    for number in sorted({*numbers, *(each + 1 for each in numbers)}):
        if 0 < number <= _MOST_RANGES:
            text = ",".join(f"{2 * each}-{2 * each}" for each in range(number))
            yield _with(spot.draft, (("Range", f"bytes={text}"),), f"{number} ranges")
            ranged = spot.answering(200, (("Accept-Ranges", "bytes"),), body="x" * 4096, why=f"{number} ranges")
            if ranged is not None:
                yield _with(ranged, (("Range", f"bytes={text}"),), "of an upstream")


def conditions(spot: Spot) -> Iterator[Draft]:
    """Yield requests of clients that have a copy: of this very time, of a later one, with some tag.

    ngx_http_test_if_modified() (ngx_http_not_modified_filter_module.c).
    """
    for since in (_FUTURE, EPOCH):
        conditional = (("If-Modified-Since", since),)
        yield _with(spot.draft, conditional, f"a copy of {since}")
        kept = spot.answering(200, (("Last-Modified", EPOCH), ("ETag", '"probe"')), why="the upstream tells the time")
        if kept is not None:
            yield _with(kept, conditional, f"a copy of {since}")
            yield _with(kept, (("If-None-Match", '"probe"'),), "a copy with this tag")
    yield spot.draft


def error_pages(spot: Spot) -> Iterator[Draft]:
    """Yield requests that nginx or an upstream answers with the statuses that `error_page` names, as far as a client can."""
    words = [word for directive in spot.changed() for word in directive.args[:-1]]
    for code in dict.fromkeys(word for word in words if word.isdigit()):
        status = int(code)
        passed = spot.answering(status, why=f"the upstream answers {code}") if status >= 300 else None  # noqa: PLR2004
        if passed is not None:
            yield passed
        provoke = _PROVOKED.get(status)
        if provoke is not None:
            yield provoke(spot.draft)
        if status in (500, 502, 503, 504):
            down = spot.down(why="the upstream is down")
            if down is not None:
                yield down


def own_redirects(spot: Spot) -> Iterator[Draft]:
    """Yield requests that nginx redirects by itself: the plain one, and one that only lacks the slash at the end."""
    yield spot.draft
    path = spot.draft.target.partition("?")[0]
    if path.endswith("/") and path != "/":
        yield spot.draft._replace(target=path.rstrip("/"), why=f"without the slash, {spot.draft.why}")
    location = spot.location
    if location is not None and location.name.endswith("/") and location.name != "/" and not location.is_regex:
        yield spot.draft._replace(target=location.name.rstrip("/"), why=f"without the slash, {spot.draft.why}")


def folders(spot: Spot) -> Iterator[Draft]:
    """Yield requests for a folder: what `autoindex` lists, or `index` finds."""
    yield spot.draft
    path = spot.draft.target.partition("?")[0]
    if not path.endswith("/"):
        yield spot.draft._replace(target=f"{path}/", why=f"a folder, {spot.draft.why}")


def secure_links(spot: Spot) -> Iterator[Draft]:
    """Yield links that either configuration takes, one that is signed wrongly, and one without a signature.

    ngx_http_secure_link_variable(): the digest of `secure_link_md5`, in base64 with `-` and `_`. Only an expression of the path,
    the time, the client and words can be signed here.
    """
    yield spot.draft
    fields = [args[0] for args in spot.values("secure_link") if args]
    for field in fields:
        arguments = re.findall(r"\$\{?arg_(\w+)", field)
        for args in spot.values("secure_link_md5"):
            for client in (DEFAULT_V4, DEFAULT_V6):
                signature = _signature(args[0], spot.draft.target.partition("?")[0], client)
                if arguments and signature is not None:
                    values = dict(zip(arguments, (signature, _EXPIRES), strict=False))
                    text = "&".join(f"{name}={value}" for name, value in values.items())
                    target = f"{spot.draft.target.partition('?')[0]}?{text}"
                    yield spot.draft._replace(target=target, why=f"a signed link, {spot.draft.why}")
        if arguments:
            wrong = spot.draft.target.partition("?")[0] + f"?{arguments[0]}=wrong"
            yield spot.draft._replace(target=wrong, why=f"a link signed wrongly, {spot.draft.why}")


def _signature(expression: str, path: str, client: str) -> str | None:
    known = {"uri": path, "secure_link_expires": _EXPIRES, "arg_expires": _EXPIRES, "remote_addr": client}
    if not set(_VARIABLE.findall(expression)) <= known.keys():
        return None
    text = _VARIABLE.sub(lambda match: known[match[1]], expression)
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _with(draft: Draft, headers: tuple[Header, ...], why: str) -> Draft:
    return draft._replace(headers=(*draft.headers, *headers), why=f"{why}, {draft.why}")


def _missing(draft: Draft) -> Draft:
    path, mark, rest = draft.target.partition("?")
    target = f"{path.rstrip('/')}/missing-probe{mark}{rest}"
    return draft._replace(target=target, why=f"a missing file, {draft.why}") if is_target(target) else draft


def _too_large(draft: Draft) -> Draft:
    sent = _with(draft, (("Content-Length", _TOO_LARGE), ("Expect", "100-continue")), "a body beyond any limit")
    return sent._replace(method="POST")


#: Status -> the request that nginx answers with it, where the block has nothing against that.
_PROVOKED: t.Final[dict[int, t.Callable[[Draft], Draft]]] = {
    400: lambda draft: _with(draft, (("Content-Length", "none"),), "a length that is none"),
    401: lambda draft: _with(draft, (("Authorization", _WRONG),), "wrong credentials"),
    403: lambda draft: draft._replace(target=draft.target.partition("?")[0].rpartition("/")[0] + "/", why="a folder"),
    404: _missing,
    405: lambda draft: draft._replace(method="POST", why=f"POST, {draft.why}"),
    412: lambda draft: _with(draft, (("If-Unmodified-Since", EPOCH),), "a copy from long ago"),
    413: _too_large,
    414: lambda draft: draft._replace(target=f"{draft.target}?{'x' * _LONG_TARGET}", why=f"a long line, {draft.why}"),
    416: lambda draft: _with(draft, (("Range", "bytes=999999999-"),), "a range beyond the end"),
    501: lambda draft: _with(draft, (("Transfer-Encoding", "probe"),), "an unknown transfer encoding"),
}

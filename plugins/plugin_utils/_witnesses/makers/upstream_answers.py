# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests whose upstream sends what a directive is about: cookies, redirects, headers, errors, bodies and their types."""

from __future__ import annotations

import typing as t
from itertools import islice

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import is_header
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft, Header
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.spots import Spot

_FOREIGN: t.Final = "upstream.invalid"
_MOST: t.Final = 8
_HTML: t.Final = "text/html"
_TYPE: t.Final = "Content-Type"
#: Times that answers tell (RFC 9110, 5.6.7), both of long ago.
EPOCH: t.Final = "Thu, 01 Jan 1970 00:00:01 GMT"
#: Values for header fields of upstreams that nginx reads (ngx_http_upstream_headers_in in ngx_http_upstream.c).
_VALUES: t.Final = {
    "x-accel-redirect": "/redirected-by-the-upstream",
    "x-accel-charset": "koi8-r",
    "x-accel-limit-rate": "100000",
    "x-accel-buffering": "no",
    "x-accel-expires": "60",
    "expires": EPOCH,
    "last-modified": EPOCH,
    "date": EPOCH,
    "cache-control": "max-age=60",
    "set-cookie": "probe=1",
    "www-authenticate": 'Basic realm="probe"',
    "location": f"http://{_FOREIGN}/x",
    "refresh": f"5; url=http://{_FOREIGN}/x",
    "content-encoding": "gzip",
    "etag": '"probe"',
    "vary": "Cookie",
}
#: Header fields that describe the message itself: an answer with a made-up one is broken.
_FRAMING: t.Final = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive", "trailer"})
#: Statuses that errors of upstreams have where no `error_page` names one.
_ERRORS: t.Final = ("404", "500", "503")
_ERROR: t.Final = 300


def cookies(spot: Spot) -> Iterator[Draft]:
    """Yield a request whose upstream sets a cookie for each domain, path and name that a rule names, and other ones.

    For `proxy_cookie_domain`, `proxy_cookie_path` and `proxy_cookie_flags` (ngx_http_proxy_rewrite_set_cookie()).
    """
    domains = dict.fromkeys(_named(spot, "proxy_cookie_domain", path=False))
    paths = dict.fromkeys(_named(spot, "proxy_cookie_path", path=True))
    names = dict.fromkeys(_named(spot, "proxy_cookie_flags", path=False))
    values = [f"probe=1; Domain={_FOREIGN}; Path=/probe"]
    values += [f"probe{number}=1; Domain={domain}; Path=/" for number, domain in enumerate(domains)]
    values += [f"probe{number}=1; Path={path}" for number, path in enumerate(paths)]
    values += [f"{name}=1; Path=/" for name in names]
    headers = tuple(("Set-Cookie", value) for value in dict.fromkeys(values) if is_header("Set-Cookie", value))
    yield from _one(spot.answering(200, headers, why="the upstream sets cookies"))


def _named(spot: Spot, name: str, *, path: bool) -> Iterator[str]:
    """Yield strings that the rules of a directive match: the one they name, or samples of their regex."""
    for args in spot.values(name):
        word = args[0]
        if word == "off" or "$" in word.rstrip("$"):
            continue
        if word.startswith("~"):
            pattern = word[1:].removeprefix("*")
            yield from (sample.text for sample in islice(sample_pattern(pattern, caseless=True, path=path), 2))
        else:
            yield word.removeprefix(".")


def redirects(spot: Spot) -> Iterator[Draft]:
    """Yield requests whose upstream redirects to what each rule of `proxy_redirect` matches, and elsewhere."""
    handler = spot.scope.handler
    target = handler.args[0] if handler is not None and handler.args and "$" not in handler.args[0] else ""
    found = {f"{target.rstrip('/')}/x": None, f"http://{_FOREIGN}/x": None, "/x": None}
    for args in spot.values("proxy_redirect"):
        word = args[0]
        if word.startswith("~"):
            pattern = word[1:].removeprefix("*")
            found.update((sample.text, None) for sample in islice(sample_pattern(pattern, path=False), 2))
        elif word not in ("off", "default") and "$" not in word:
            found[f"{word}x"] = None
    for location in islice((each for each in found if is_header("Location", each)), _MOST):
        yield from _one(spot.answering(302, (("Location", location),), why=f"the upstream redirects to {location}"))


def headers(spot: Spot) -> Iterator[Draft]:
    """Yield requests whose upstream sends the header fields that `*_hide_header`, `*_pass_header` and `*_ignore_headers` name."""
    for fields in fields_of(spot):
        yield from _one(spot.answering(200, fields, why=f"the upstream sends {fields[0][0]}"))


def fields_of(spot: Spot) -> Iterator[tuple[Header, ...]]:
    """Yield the header fields that the arguments of a changed directive name, with a value that nginx would act on."""
    for name in dict.fromkeys(word for directive in spot.changed() for word in directive.args):
        value = _VALUES.get(name.lower(), "probe")
        if name.lower() not in _FRAMING and is_header(name, value):
            yield ((name, value), (_TYPE, _HTML)) if name.lower() == "x-accel-charset" else ((name, value),)


def errors(spot: Spot) -> Iterator[Draft]:
    """Yield requests whose upstream answers with the statuses for which there are error pages."""
    pages = spot.words("error_page")
    codes = [word for word in pages if word.isdigit() and int(word) >= _ERROR] or list(_ERRORS)
    for code in dict.fromkeys([*codes[:_MOST], *_ERRORS[:1]]):
        yield from _one(spot.answering(int(code), why=f"the upstream answers {code}"))
    yield from _one(spot.answering(200, why="the upstream answers 200"))


def bodies(spot: Spot) -> Iterator[Draft]:
    """Yield requests whose upstream sends the strings that `sub_filter` replaces, each twice, in every type that counts."""
    strings = [args[0] for args in spot.values("sub_filter") if args and "$" not in args[0]]
    text = "".join(f"<p>{each}</p><p>{each}</p>\n" for each in dict.fromkeys(strings))
    for kind in types_of(spot, "sub_filter_types"):
        answer = ((_TYPE, kind), ("Last-Modified", EPOCH))
        yield from _one(spot.answering(200, answer, body=text, why=f"the upstream sends what is replaced, as {kind}"))


def types(spot: Spot) -> Iterator[Draft]:
    """Yield the plain request, and requests whose upstream sends each type that counts, with and without a charset."""
    yield spot.draft
    for kind in types_of(spot, "charset_types", "addition_types"):
        for text in (kind, f"{kind}; charset=koi8-r"):
            page = "<html><body>probe</body></html>\n"
            yield from _one(spot.answering(200, ((_TYPE, text),), body=page, why=f"the upstream sends {text}"))


def types_of(spot: Spot, *names: str) -> list[str]:
    """Return the types that directives name, `text/html` first, and one that none names."""
    words = [word for name in names for word in spot.words(name)]
    named = [word for word in words if "/" in word and "*" not in word and is_header(_TYPE, word)]
    return list(dict.fromkeys([_HTML, *named[:_MOST], "application/x-probe"]))


def _one(draft: Draft | None) -> Iterable[Draft]:
    return () if draft is None else (draft,)

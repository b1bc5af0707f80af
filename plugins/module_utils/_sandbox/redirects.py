# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which request a client sends next when it is redirected, and whether that one is still ours to answer. No I/O."""

from __future__ import annotations

import contextlib
import re
import typing as t
from urllib.parse import urljoin, urlsplit

Probe = t.Dict[str, t.Any]
_REDIRECTS = {301, 302, 303, 307, 308}
_FORWARDED = "x-forwarded-proto"
_PORTS = {"http": 80, "https": 443}
#: A redirect chain longer than this is given up, as clients do (browsers after 20).
MOST_HOPS = 20


def url_of(probe: t.Mapping[str, t.Any]) -> str:
    """The URL as the client knows it: behind an edge that ends TLS, X-Forwarded-Proto tells its scheme."""
    listen = probe["listen"]
    forwarded = [value for name, value in probe.get("headers") or () if name.lower() == _FORWARDED]
    scheme = "https" if listen.get("ssl") else "http"
    port = int(listen.get("port") or 80)
    if not listen.get("ssl") and forwarded and forwarded[0] in _PORTS:
        port = _PORTS[forwarded[0]] if port == _PORTS[scheme] or forwarded[0] != scheme else port
        scheme = forwarded[0]
    host = probe.get("host") or probe.get("sni") or "localhost"
    if port != _PORTS[scheme] and not re.search(r":\d+$", host):
        host += f":{port}"
    target = str(probe["target"])
    return f"{scheme}://{host}{target}" if target.startswith("/") else f"{scheme}://{host}/"


def next_probe(
    probe: Probe,
    outcome: t.Mapping[str, t.Any],
    listens: t.Sequence[t.Mapping[str, t.Any]],
    edge: t.Sequence[t.Mapping[str, t.Any]],
    names: t.Optional[ServerNames] = None,
) -> t.Union[Probe, str, None]:
    """What follows on an outcome.

    Args:
        probe: the request.
        outcome: what came of it.
        listens: the listeners of both configurations.
        edge: where https of a name without a TLS listener goes; an automatic entry holds when there is none.
        names: those of the servers; hosts beyond them and the edge's are somebody else's. None: all are ours.

    Returns:
        The next probe, "external" when it leaves these servers, None when the outcome is no redirect.
    """
    if outcome.get("status") not in _REDIRECTS or not outcome.get("location"):
        return None
    try:
        parts = urlsplit(urljoin(url_of(probe), str(outcome["location"]).replace(" ", "%20")))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "external"
    if parts.scheme not in _PORTS or not host:
        return "external"
    port = port or _PORTS[parts.scheme]
    same = host == (urlsplit(url_of(probe)).hostname or "")
    ours = names is None or host in names or any(is_named(host, entry["names"]) for entry in edge)
    if not same and not ours:
        return "external"
    secure = parts.scheme == "https"
    listen = _listener(probe["listen"], listens, port, secure=secure, host=host)
    headers = [pair for pair in probe.get("headers") or () if pair[0].lower() not in {_FORWARDED, "host"}]
    if listen is None and secure:
        entry = next((entry for entry in edge if is_named(host, entry["names"])), None)
        if entry is None and edge:
            return "external"
        entry = entry or {"to": 80, "headers": [["X-Forwarded-Proto", "https"]]}
        listen = _listener(probe["listen"], listens, int(entry["to"]), secure=False, host=host)
        set_here = {str(name).lower() for name, _value in entry.get("headers") or ()}
        headers = [pair for pair in headers if pair[0].lower() not in set_here]
        headers += [list(pair) for pair in entry.get("headers") or ()]
    elif not secure and len(headers) < len(probe.get("headers") or ()):
        headers.append(["X-Forwarded-Proto", "http"])
    if listen is None:
        return "external"
    again = outcome["status"] in {307, 308} or probe["method"] in {"GET", "HEAD"}
    netloc = host if port == _PORTS[parts.scheme] else f"{host}:{port}"
    return {
        **probe,
        "listen": dict(listen),
        "sni": host if listen.get("ssl") else None,
        "host": netloc,
        "target": (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        "headers": headers,
        "method": probe["method"] if again else "GET",
        "body": probe.get("body") or "" if again else "",
    }


class ServerNames:
    """Names as in `server_name`; whether a host is one of them takes the same time for ten and for ten thousand.

    Exact, `*.x`, `.x`, `x.*` or `~regex` (ngx_http_server_names). A regular expression that Python cannot read has no host.
    """

    def __init__(self, names: t.Iterable[str] = ()) -> None:
        self._exact: t.Set[str] = set()
        self._tails: t.Set[str] = set()
        self._heads: t.Set[str] = set()
        self._patterns: t.Dict[str, t.Pattern[str]] = {}
        self.update(names)

    def update(self, names: t.Iterable[str]) -> None:
        """Adds names."""
        for name in names:
            lower = name.lower()
            if lower.startswith("~"):
                with contextlib.suppress(re.error):
                    self._patterns[name] = re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", name[1:]), re.IGNORECASE)
            elif lower.startswith("*."):
                self._tails.add(lower[2:])
            elif lower.startswith("."):
                self._tails.add(lower[1:])
                self._exact.add(lower[1:])
            elif lower.endswith(".*"):
                self._heads.add(lower[:-2])
            else:
                self._exact.add(lower)

    def __contains__(self, host: str) -> bool:
        if host in self._exact:
            return True
        dots = [place for place, sign in enumerate(host) if sign == "."]
        if any(host[dot + 1 :] in self._tails or host[:dot] in self._heads for dot in dots):
            return True
        return any(pattern.search(host) for pattern in self._patterns.values())


def is_named(host: str, names: t.Iterable[str]) -> bool:
    """Whether a host is one of some server names."""
    return host in ServerNames(names)


def _listener(
    now: t.Mapping[str, t.Any], listens: t.Iterable[t.Mapping[str, t.Any]], port: int, *, secure: bool, host: str
) -> t.Optional[t.Mapping[str, t.Any]]:
    # The one where this client would arrive: at its address if it listens there, else one of the same family.
    found = [
        listen
        for listen in listens
        if int(listen.get("port") or 0) == port
        and bool(listen.get("ssl")) == secure
        and not str(listen["address"]).startswith("unix:")
        and (not secure or not listen.get("names") or is_named(host, listen["names"]))
    ]
    v6 = ":" in str(now["address"])

    def rank(listen: t.Mapping[str, t.Any]) -> t.Tuple[bool, bool, bool]:
        address = str(listen["address"])
        return address != now["address"], (":" in address) != v6, address not in {"0.0.0.0", "::"}  # noqa: S104

    return min(found, key=rank, default=None)

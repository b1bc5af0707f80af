# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes, outcomes and sides as the other rooms make them, out of as few words as a test needs."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import replace

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import (
    ComparedSide,
    RouteCheckReport,
    compare,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import diff as semantic_diff
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import instrument

Dict = dict[str, t.Any]


class Make:
    """`probe(url)`, `outcome(status)`, `upstream(target)`, `side(config, outcomes)`."""

    @staticmethod
    def probe(url: str = "http://www.example.com/", number: int = 1, **changed: t.Any) -> Probe:
        scheme, _sep, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        ssl = scheme == "https"
        address = changed.pop("address", "0.0.0.0")
        probe: Dict = {
            "id": f"p{number}",
            "origin": "generated",
            "why": "a test",
            "file": None,
            "line": None,
            "listen": {
                "address": address,
                "port": 443 if ssl else 80,
                "ssl": ssl,
                "http2": False,
                "proxy_protocol": False,
            },
            "sni": host if ssl else None,
            "client": "198.51.100.1",
            "method": "GET",
            "target": slash + path or "/",
            "host": host,
            "headers": [],
            "body": "",
            "version": "1.1",
            "answers": [],
            "follow": True,
        }
        return decode(Probe, {**probe, **changed})

    @staticmethod
    def outcome(status: int | None = 200, number: int = 1, **changed: t.Any) -> ProbeOutcome:
        body = str(changed.pop("body", f"body of {status}")).encode()
        headers = changed.pop("headers", {})
        headers = list(map(list, headers.items())) if isinstance(headers, dict) else headers
        location = changed.get("location")
        outcome: Dict = {
            "id": f"p{number}",
            "status": status,
            "closed": None,
            "location": None,
            "headers": [["Server", "nginx"], *headers, *([["Location", location]] if location else [])],
            "body_length": len(body),
            "body_digest": hashlib.sha256(body).hexdigest()[:12],
            "upstreams": [],
            "errors": [],
            "hops": [],
            "chain": None,
            "trace": [],
        }
        return decode(ProbeOutcome, {**outcome, **changed})

    @staticmethod
    def upstream(target: str = "http://app:8080", uri: str = "/", **changed: t.Any) -> Dict:
        upstream: Dict = {
            "target": target,
            "protocol": "http",
            "address": "198.18.0.3:8080",
            "method": "GET",
            "uri": uri,
            "headers": [["Host", "www.example.com"]],
            "params": {},
            "status": 200,
        }
        return {**upstream, **changed}

    @staticmethod
    def config(text: str) -> t.Any:
        return load_files({"nginx.conf": f"events {{}}\nhttp {{\n{text}\n}}\n".encode()}, config_dir="/etc/nginx")

    def side(
        self, text: str, outcomes: list[ProbeOutcome], ways: list[str] | None = None, **more: t.Any
    ) -> ComparedSide:
        """`ways` name the blocks that each probe passed, by the words that they begin with, separated by `>`."""
        config = self.config(text)
        markers = instrument(config)[1]
        traced = None
        if ways is not None:
            traced = [replace(each, trace=_marks(way, markers)) for each, way in zip(outcomes, ways, strict=True)]
        return ComparedSide(outcomes, config=config, markers=markers if ways is not None else {}, traced=traced, **more)

    def compare(
        self, probes: list[Probe], before: ComparedSide, after: ComparedSide, **more: t.Any
    ) -> RouteCheckReport:
        diff = semantic_diff(before.config, after.config) if before.config and after.config else None
        return compare(probes, before, after, diff=diff, **more)

    def classes(self, before: ProbeOutcome, after: ProbeOutcome, probe: Probe | None = None) -> list[str]:
        """The classes of one request without any configuration."""
        report = compare([probe or self.probe()], [before], [after])
        return [change.name for change in report.changes]


def _marks(way: str, markers: t.Mapping[str, t.Any]) -> list[str]:
    names = filter(None, (each.strip() for each in way.split(">")))
    return [next(mark for mark, block in markers.items() if block.text.startswith(name)) for name in names]

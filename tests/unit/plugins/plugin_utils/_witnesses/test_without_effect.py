# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Property: of a change that is called "without effect", nginx shows no effect on random requests either.

Each example is a small random configuration with one random edit, told by its seed. `FAILSAFE_SOAK_EXAMPLES` sets how many are
tried, `FAILSAFE_SOAK_SEED` the first one.
"""

from __future__ import annotations

import base64
import os
import random
import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import pack, unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._plan import host
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderEntry, FolderSpec
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.jobs import RouteCheckAnswer, RouteCheckJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.route_check import run
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.outcome_diff import differences
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.outcomes import OutcomeReader
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.route_check import RouteCheck, read_answer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import ConfigSource

EXAMPLES: t.Final = int(os.environ.get("FAILSAFE_SOAK_EXAMPLES", "6"))
SEED: t.Final = int(os.environ.get("FAILSAFE_SOAK_SEED", "1"))
REQUESTS: t.Final = 60
OPTIONS: t.Final = host.HostOptions("/etc/nginx", store="/nowhere", timeout=120.0)

HEADS: t.Final = ("/", "/a", "/a/", "= /a", "^~ /b/", r"~ \.php$", r"~* \.(png|jpg)$", "~ ^/(a|b)/[0-9]+$", "~ ^/ab?c")
LINES: t.Final = (
    "add_header X-One 1;",
    "add_header X-Two $arg_x;",
    "add_header X-Three 1 always;",
    "proxy_set_header X-Four $host;",
    "expires 1h;",
    "deny 192.0.2.0/24;",
    "server_tokens off;",
    "if ($arg_x) { return 403; }",
    "if ($request_method = POST) { return 405; }",
    "rewrite ^/a/(.*)$ /b/$1 last;",
    "client_max_body_size 1k;",
)
ENDS: t.Final = ("return 200 one;", "return 404;", "proxy_pass http://10.0.0.1;", "proxy_pass http://10.0.0.1/v1/;", "")
EDITS: t.Final = (
    ("X-One 1", "X-One 2"),
    ("$arg_x", "$arg_y"),
    ("X-Four $host", "X-Four $http_host"),
    ("expires 1h", "expires 2h"),
    ("192.0.2.0/24", "192.0.0.0/16"),
    ("tokens off", "tokens on"),
    ("^/a/(.*)$", "^/a/(.+)$"),
    ("/b/$1 last", "/b/$1? last"),
    ("/b/$1 last", "/b/$1$arg_y last"),
    ("1k", "2k"),
    (r"\.php$", r"\.ph[p]$"),
    ("(png|jpg)", "(jpg|png)"),
    ("(png|jpg)", "(png|jpeg)"),
    ("[0-9]+", r"\d+"),
    ("[0-9]+", "[0-9]*"),
    ("^/ab?c", "^/a(b|)c"),
    ("^/ab?c", "^/abc"),
    ("return 403", "return 404"),
    ("= POST", "= PUT"),
    ("200 one", "200 two"),
    ("10.0.0.1/v1/", "10.0.0.1/v2/"),
    ("return 404", "return 410"),
    ("~ ", "~* "),
)


def configuration(chance: random.Random) -> str:
    blocks = []
    for head in chance.sample(HEADS, 4):
        lines = chance.sample(LINES, chance.randint(0, 3))
        ends = ENDS if not head.startswith("~") else ENDS[:3]
        blocks.append(f"location {head} {{ {' '.join(lines)} {chance.choice(ends)} }}")
    outer = " ".join(chance.sample([line for line in LINES if "rewrite" not in line], 2))
    return f"server {{ listen 80; server_name www.example.com; root /srv/www; {outer}\n" + "\n".join(blocks) + "\n}"


def edited(text: str, chance: random.Random) -> str:
    """Change one place of a configuration."""
    found = [(old, new) for old, new in EDITS if old in text]
    old, new = chance.choice(found or [("/srv/www", "/srv/web")])
    parts = text.split(old)
    place = chance.randrange(1, len(parts))
    return old.join(parts[:place]) + new + old.join(parts[place:])


def requests(chance: random.Random) -> list[Probe]:
    def one(number: int) -> Probe:
        words = chance.choices(["a", "b", "c", "1", "2", "A", "/", ".php", ".png", ".jpg", ".jpeg", "/a/", "abc"], k=4)
        query = chance.choice(["", "", "?x=1", "?y=1"])
        method = chance.choice(["GET", "GET", "GET", "POST", "PUT"])
        return Probe(
            f"r{number}",
            ListenSocket("0.0.0.0"),
            target="/" + "".join(words[: chance.randint(0, 4)]).lstrip("/") + query,
            method=method,
            host=chance.choice(["www.example.com", "WWW.Example.com", "other.invalid"]),
            client=chance.choice(["198.51.100.1", "192.0.2.7", "192.0.77.7"]),
            body="x" * chance.choice([1, 1500, 3000]) if method != "GET" else "",
        )

    return [one(number) for number in range(REQUESTS)]


def source(text: str) -> ConfigSource:
    files = {"nginx.conf": f"events {{ worker_connections 64; }}\nhttp {{\n{text}\n}}\n".encode()}
    entries = [FolderEntry(path, "file", None, base64.b64encode(data).decode()) for path, data in files.items()]
    return ConfigSource("x", FolderSpec("files", entries=entries), load_files(files, config_dir="/etc/nginx"), files)


def sent(check: RouteCheck) -> RouteCheckAnswer:
    job = host.unpack_job(RouteCheckJob, pack(encode(check.job())))
    return read_answer(unpack(host.pack_answer(run(OPTIONS, job))))


def outcomes(answer: RouteCheckAnswer, name: str) -> list[ProbeOutcome]:
    return OutcomeReader().read(ProbeOutcome, answer.worlds[name].outcomes or [])


def states_and_effects(seed: int) -> tuple[dict[str, str], dict[str, frozenset[str]]]:
    """Return the state of each change, and the differences that random requests show."""
    chance = random.Random(seed)  # noqa: S311 - examples, no secrets
    text = configuration(chance)
    sides = [source(each) for each in (text, edited(text, chance))]
    check = RouteCheck(*sides)
    report = check.judge(sent(check))
    states = {account.change.line: account.state for account in report.accounts}
    check.plan.probes = requests(chance)
    answer = sent(check)
    pairs = zip(check.plan.probes, outcomes(answer, "before"), outcomes(answer, "after"), strict=True)
    effects = {f"{probe.method} {probe.target}": differences(old, new, {}, {}) for probe, old, new in pairs}
    return states, {request: found for request, found in effects.items() if found}


@pytest.mark.nginx
@pytest.mark.root
@pytest.mark.parametrize("seed", range(SEED, SEED + EXAMPLES))
def test_without_effect_holds_for_random_requests(seed: int) -> None:
    states, effects = states_and_effects(seed)
    if effects:
        assert "shown" in states.values() or "not-exercised" in states.values(), (seed, states, effects)

# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Laws of generated probes, over the linter's fixtures, configurations from the wild and random ones."""

from __future__ import annotations

import importlib.util
import ipaddress
import json
import re
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode, encode
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, ConfigError, load_files, load_text
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import flatten
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import ProbePlan, listens_of, plan_probes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router

ROUTES = Path(__file__).resolve().parents[1] / "_routing"
LINT = ROUTES.parent / "_lint"
FIELDS = {
    *("id", "origin", "why", "file", "line", "blocks", "listen", "sni", "client", "method", "target", "host"),
    *("headers", "body", "version", "answers", "follow", "protocol"),
}
LISTEN = {"address", "port", "ssl", "http2", "proxy_protocol"}
ANSWER = {"upstream", "status", "headers", "body", "delay", "down"}
CALM = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def random_config(seed: int) -> Config:
    spec = importlib.util.spec_from_file_location("failsafe_random_config", ROUTES / "random_config.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return of_text(module.RandomConfig(seed).block)


def of_text(block: str) -> Config:
    return load_files({"nginx.conf": f"events {{}}\nhttp {{\n{block}\n}}\n".encode()}, config_dir="/etc/nginx")


def fixtures() -> list[tuple[str, Config]]:
    found = []
    for path in sorted(LINT.glob("fixtures/*/*/*.conf")):
        try:
            config = load_text(path.read_bytes(), name=path.name)
        except ConfigError:
            continue
        found.append((f"{path.parent.parent.name}/{path.parent.name}", config))
    for folder in sorted({path.parent for path in LINT.glob("known_good/*/nginx.conf")}):
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        found.append((folder.name, load_files(files, config_dir="/etc/nginx", partial=True)))
    return found


FIXTURES = fixtures()


def assert_well_formed(probe: dict[str, t.Any]) -> None:
    assert set(probe) == FIELDS, probe
    assert set(probe["listen"]) == LISTEN
    request = f"{probe['method']} {probe['target']} HTTP/{probe['version']}"
    assert re.fullmatch(r"[A-Z_-]+ /[\x21-\x7e]* HTTP/(1\.0|1\.1|2)", request), request
    assert "#" not in probe["target"]
    lines = [f"{name}: {value}" for name, value in probe["headers"]]
    lines += [] if probe["host"] is None else [f"Host: {probe['host']}"]
    for line in lines:
        assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\x20-\x7e]+", line), line
    names = [name.lower() for name, _value in probe["headers"]]
    assert not {"host", "content-length", "transfer-encoding"} & set(names)
    if probe["host"] is None and probe["protocol"] == "http":
        assert probe["version"] != "1.1"
    client = ipaddress.ip_address(probe["client"])
    if not probe["listen"]["address"].startswith("unix:"):
        assert client.version == ipaddress.ip_address(probe["listen"]["address"]).version
    assert probe["listen"]["ssl"] or probe["sni"] is None or probe["protocol"] == "tcp"
    assert probe["why"]
    assert "\n" not in probe["why"]
    assert all(set(answer) == ANSWER for answer in probe["answers"])


def assert_laws(before: Config | None, after: Config | None) -> ProbePlan:
    plan = plan_probes(before, after)
    sent = [encode(probe) for probe in plan.probes]
    assert [decode(Probe, probe) for probe in json.loads(json.dumps(sent))] == plan.probes
    for probe in sent:
        assert_well_formed(probe)
    ids = [probe.id for probe in plan.probes]
    asked = [probe.id for probe in plan.probes if probe.protocol in ("http", "tls")]
    assert asked == [f"p{number}" for number in range(1, len(asked) + 1)]
    assert ids[len(asked) :] == [f"s{number}" for number in range(1, len(ids) - len(asked) + 1)]
    seen = [json.dumps({k: v for k, v in probe.items() if k in ASKED}, sort_keys=True) for probe in sent]
    assert len(set(seen)) == len(seen), "a request is made twice"
    assert_all_blocks(plan, before=before, after=after)
    listens = [replace(listen, names=None, nameless=None) for listen in listens_of(before, after)]
    assert all(probe.listen in listens for probe in plan.probes if probe.protocol in ("http", "tls"))
    return plan


ASKED = FIELDS - {"id", "origin", "why", "file", "line", "blocks", "follow"}


def assert_all_blocks(plan: ProbePlan, **sides: Config | None) -> None:
    known = {(block.side, block.file, block.line) for probe in plan.probes for block in probe.blocks}
    known |= {(block.side, block.file, block.line) for block in plan.unprobed if block.reason}
    for side, config in sides.items():
        for block in blocks(config) if config is not None else ():
            assert (side, *block) in known, block


def blocks(config: Config) -> t.Iterator[tuple[str, int]]:
    def below(directives: t.Iterable[t.Any]) -> t.Iterator[tuple[str, int]]:
        for directive in flatten(directives):
            if directive.name == "location" and directive.args and directive.block is not None:
                yield directive.file, directive.line
                yield from below(directive.block)

    for server in Router(config).servers:
        yield server.scope.directive.file, server.scope.directive.line
        yield from below(server.scope.directive.block or ())


@pytest.mark.parametrize(("name", "config"), FIXTURES, ids=[name for name, _config in FIXTURES])
def test_laws_hold_for_what_people_write(name: str, config: Config) -> None:
    assert name
    assert_laws(None, config)


@CALM
@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_laws_hold_for_any_two_configurations(one: int, other: int) -> None:
    before, after = random_config(one), random_config(other)
    plan = assert_laws(before, after)
    again = plan_probes(random_config(one), random_config(other))
    assert again == plan


@CALM
@given(st.integers(0, 100_000), st.integers(0, 60))
def test_a_limit_takes_a_part_of_the_plan_and_says_what_it_leaves_out(seed: int, limit: int) -> None:
    config = random_config(seed)
    whole, part = plan_probes(None, config), plan_probes(None, config, limit=limit)
    assert len(part.probes) == min(limit, len(whole.probes))
    without_ids = [replace(probe, id="") for probe in whole.probes]
    positions = [without_ids.index(replace(probe, id="")) for probe in part.probes]
    assert positions == sorted(positions)
    assert_all_blocks(part, after=config)


@CALM
@given(st.integers(0, 100_000))
def test_the_same_configuration_twice_asks_no_more_than_once(seed: int) -> None:
    one = plan_probes(None, random_config(seed))
    both = plan_probes(random_config(seed), random_config(seed))
    assert [replace(probe, blocks=[]) for probe in both.probes] == [replace(probe, blocks=[]) for probe in one.probes]


NASTY = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@CALM
@given(st.lists(st.tuples(NASTY, NASTY), max_size=4), NASTY)
def test_no_word_of_a_configuration_breaks_a_request(pairs: list[tuple[str, str]], name: str) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "") + '"'

    entries = "".join(f"{quoted(key)} {quoted(value)};\n" for key, value in pairs)
    rules = "".join(
        f"location {quoted('/' + key)} {{ if ($http_x = {quoted(value)}) {{ return 403; }} }}\n" for key, value in pairs
    )
    regexes = "".join(f"location ~ {quoted(value)} {{ add_header A $m; }}\n" for _key, value in pairs)
    block = f"map $http_a$cookie_b $m {{ {entries} }}\nserver {{ listen 80; server_name {quoted(name)}; {rules} {regexes} }}"
    assert_laws(None, of_text(block))

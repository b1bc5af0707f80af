# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import LintError, Rule, Target


@pytest.mark.parametrize(
    ("version", "asked", "expected"),
    [
        (None, "1.25.1", None),
        ("1.25.1", "1.25.1", True),
        ("1.25.1", "1.25", True),
        ("1.25.0", "1.25.1", False),
        ("nginx/1.9.15", "1.25.1", False),
        ("1.21.4.1", "1.21.4", True),
        ("2", "1.25.1", True),
    ],
)
def test_versions(version: str | None, asked: str, expected: bool | None) -> None:  # noqa: FBT001
    assert Target.of(version).at_least(asked) is expected


@pytest.mark.parametrize("version", ["", "new", "1.25.x", "1.25.1-ubuntu", "nginx", "-1", "1." * 9, "9" * 99])
def test_no_versions(version: str) -> None:
    with pytest.raises(LintError, match="is no version of nginx"):
        Target.of(version)
    assert Target.of_host(version) == Target()


def test_a_host_that_does_not_say() -> None:
    assert Target.of_host(None) == Target()
    assert Target.of_host("1.24.0") == Target.of("1.24.0")


def test_modules() -> None:
    target = Target.of(modules=["--with-http_ssl_module", "ngx_http_geoip2_module", "http_perl_module=dynamic"])
    assert target.modules == {"http_ssl_module", "http_geoip2_module", "http_perl_module"}
    assert Target.of(modules=["with-http_ssl_module"]).modules == {"http_ssl_module"}
    assert Target().modules is None


@pytest.mark.parametrize(
    ("version", "applies"), [(None, True), ("1.24.0", False), ("1.25.1", True), ("1.26.3", True), ("1.27.0", False)]
)
def test_a_rule_about_some_versions(version: str | None, applies: bool) -> None:  # noqa: FBT001
    rule = Rule("x", "advice", "y", since="1.25.1", until="1.27.0")
    assert rule.applies(Target.of(version)) is applies

# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import (
    Instance,
    NginxError,
    find_binary,
    parse_build,
    read_build,
)

VERSION = "nginx version: nginx/1.25.3 (Ubuntu)\nbuilt with OpenSSL 3.0\n"


def test_build_of_the_source_distribution() -> None:
    build = parse_build("nginx", "nginx version: nginx/1.24.0\nconfigure arguments:\n")
    assert (build.name, build.version, build.version_info) == ("nginx", "1.24.0", (1, 24, 0))
    assert build.conf_path == "/usr/local/nginx/conf/nginx.conf"
    assert build.pid_path == "/usr/local/nginx/logs/nginx.pid"
    assert build.error_log_path == "/usr/local/nginx/logs/error.log"
    assert build.modules_path == "/usr/local/nginx/modules"


def test_build_of_a_distribution() -> None:
    build = parse_build(
        "nginx",
        VERSION
        + "configure arguments: --with-cc-opt='-g -O2 --with-x' --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf"
        " --error-log-path=stderr --pid-path=/run/nginx.pid --with-compat --with-http_ssl_module --with-stream=dynamic"
        " --with-mail --add-dynamic-module=/src/ngx_headers_more/ --add-module=/src/echo --with-http_perl_module=dynamic",
    )
    assert build.conf_path == "/etc/nginx/nginx.conf"
    assert build.error_log_path == "stderr"
    assert build.static_modules == ("http_ssl_module", "mail", "echo")
    assert build.dynamic_modules == ("stream", "ngx_headers_more", "http_perl_module")


def test_openresty() -> None:
    build = parse_build(
        "x", "nginx version: openresty/1.21.4.1\nconfigure arguments: --prefix=/usr/local/openresty/nginx"
    )
    assert (build.name, build.version_info) == ("openresty", (1, 21, 4, 1))
    assert build.conf_path == "/usr/local/openresty/nginx/conf/nginx.conf"


def test_broken_quotes_in_the_arguments_are_no_crash() -> None:
    assert parse_build("x", VERSION + "configure arguments: --prefix=/a --with-ld-opt='-Wl").prefix == "/a"


@pytest.mark.parametrize("text", ["", "Apache/2.4", "\x00\x01", "nginx version: ?"])
def test_another_program_is_named(text: str) -> None:
    with pytest.raises(NginxError, match="/bin/x -V does not answer as nginx does"):
        parse_build("/bin/x", text)


@pytest.mark.nginx
def test_real_build() -> None:
    build = Instance("/etc/nginx").build()
    assert build.version_info >= (1, 18)
    assert "http_ssl_module" in build.static_modules


def test_argv() -> None:
    instance = Instance("/etc/nginx/", binary="/bin/true", prefix="/srv/p/", globals_="daemon off;")
    assert instance.conf == "/etc/nginx/nginx.conf"
    assert instance.argv("-t") == [
        "/bin/true",
        "-c",
        "/etc/nginx/nginx.conf",
        "-p",
        "/srv/p/",
        "-g",
        "daemon off;",
        "-t",
    ]
    assert Instance("/e", main="m.conf", binary="/bin/true").argv(conf="/x") == ["/bin/true", "-c", "/x"]


def test_no_nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NginxError, match=r"no nginx found: nginx-missing is neither on PATH nor in .*install nginx"):
        find_binary("nginx-missing")
    with pytest.raises(NginxError, match=r"no nginx at /nowhere/nginx: install"):
        find_binary("/nowhere/nginx")


def test_not_executable(tmp_path: Path) -> None:
    file = tmp_path / "nginx"
    file.write_text("text")
    file.chmod(0o644)
    with pytest.raises(NginxError, match="not an executable file"):
        find_binary(str(file))
    with pytest.raises(NginxError, match="not an executable file"):
        find_binary(str(tmp_path))
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(NginxError, match="cannot be run"):
        read_build(str(file))

# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What we accept, refuse and resolve is compared with the real nginx."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, Directive, load_dump, load_path

pytestmark = pytest.mark.nginx

HEAD = "pid nginx.pid; error_log stderr;\nevents {}\n"


def nginx(prefix: Path, flag: str) -> subprocess.CompletedProcess[bytes]:
    binary = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert binary, "these tests need nginx: install the package nginx"
    argv = [binary, flag, "-q", "-p", str(prefix), "-c", str(prefix / "nginx.conf")]
    return subprocess.run(argv, capture_output=True, check=False, timeout=60)


def errors(config: Config) -> list[str]:
    return [f"{p.kind}: {p.message} ({p.place})" for p in config.problems if p.kind != "unknown-directive"]


def write(prefix: Path, files: dict[str, str | bytes]) -> Path:
    (prefix / "logs").mkdir(exist_ok=True)
    for name, text in files.items():
        path = prefix / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return prefix


def outline(directives: list[Directive]) -> list[object]:
    return [
        (
            d.name,
            d.args,
            d.raw_args,
            Path(d.file).name,
            d.line,
            d.column,
            outline(d.block or []),
            outline(d.include or []),
        )
        for d in directives
    ]


def block(text: str) -> str:
    return f"{HEAD}http {{ access_log off; {text} }}"


def location(text: str) -> str:
    return block(f"server {{ listen 127.0.0.1:21000; location / {{ {text} }} }}")


#: nginx itself gives the verdict, and the loader must give the same.
CONFIGS = {
    "empty http": block(""),
    "empty included file": f"{HEAD}include conf.d/empty.conf;",
    "template leftovers": block("{% if x %}"),
    "merge leftovers": f"<<<<<<< HEAD\n{HEAD}",
    "quotes": location('return 200 "a;{}#\'";'),
    "escapes": location(r'return 200 "a\"b\\";'),
    "escaped quote stays open": location(r'return 200 "a\";'),
    "single quotes": location("return 200 'a\"b';"),
    "unclosed quote": location("return 200 'a;"),
    "text glued to a quote": location("return 200 'a'b;"),
    "comment glued to a quote": location("return 200 'a'#b\n;"),
    "quote inside a word": location("return 200 a'b;"),
    "hash inside a word": location("return 200 a#b;"),
    "brace closes inside a word": location("return 200 a}b;"),
    "variable in braces": location("return 200 ${host}; "),
    "variable in braces before an argument": block("log_format f ${host} b;"),
    "word cut by a brace": location("set $a ${host}{b;"),
    "map without blank before the brace": block("map $host $a{ a b; }"),
    "empty arguments": block("log_format f '' \"\";"),
    "argument on the next line": location("return\n200\n'x'\n;"),
    "comment between arguments": location("return # 200\n 201;"),
    "carriage returns": location("return\r\n200;\r\n"),
    "form feed is no blank": location("return\f200;"),
    "no-break space is no blank": location("return\u00a0200;"),
    "missing semicolon before a brace": location("return 200"),
    "missing semicolon at the end": f"{HEAD}user nobody",
    "missing brace": f"{HEAD}http {{ server {{ listen 127.0.0.1:21000; }}",
    "brace too many": f"{HEAD}}}",
    "semicolon alone": f"{HEAD};",
    "semicolon twice": location("return 200;;"),
    "brace alone": f"{HEAD}{{}}",
    "block in map": block("map $host $a { a { b; } }"),
    "block in types": block("types { text/plain { b; } }"),
    "block in geo": block("geo $a { 10.0.0.0/8 { b; } }"),
    "block in split_clients": block("split_clients $host $a { * { b; } }"),
    "map entries": block("map $host $a { hostnames; default 1; ~^a\\.b{2}$ 2; 'x y' 3; .example.com 4; }"),
    "map entries with a brace in a pattern": block('map $host $a { "~^a{2}$" 2; }'),
    "types, geo and split_clients": block(
        "types { text/plain txt; } geo $b { default 0; 10.0.0.0/8 1; } split_clients $host $c { 50% a; * b; }",
    ),
    "upstream": block("upstream u { server 127.0.0.1:1 weight=2; keepalive 3; least_conn; }"),
    "directive in the wrong context": block("proxy_pass http://127.0.0.1;"),
    "server in server": block("server { server { } }"),
    "location in http": block("location / { }"),
    "http in http": block("http { }"),
    "if in http": block("if ($host) { return 200; }"),
    "if in if": location("if ($host) { if ($host) { return 200; } }"),
    "if": location('if ($host = "a b") { return 200; } if (!-f $uri) { return 200; } if ( $host ) { return 200; }'),
    "if with a quote before the parenthesis": location('if ($host ~ "^a") { return 200; }'),
    "if without parentheses": location("if $host { return 200; }"),
    "if without a condition": location("if { return 200; }"),
    "if with an empty condition": location("if () { return 200; }"),
    "set in if": location("if ($host) { set $a b; }"),
    "root in if in server": block("server { if ($host) { root /x; } }"),
    "allow in limit_except": location("limit_except GET { deny all; }"),
    "return in limit_except": location("limit_except GET { return 200; }"),
    "nested locations": location("location /a { location /a/b { return 200; } }"),
    "too few arguments": location("proxy_set_header Host;"),
    "too many arguments": location("root /a /b;"),
    "no arguments": location("root;"),
    "flag": location("tcp_nodelay on; autoindex OFF;"),
    "flag with a wrong value": location("tcp_nodelay yes;"),
    "block without a brace": location("limit_except GET;"),
    "brace after a simple directive": location("root /a { }"),
    "include without an argument": location("include;"),
    "include with two arguments": location("include a b;"),
    "include of nothing by pattern": location("include nothing/*.conf;"),
    "include of nothing": location("include nothing.conf;"),
    "include of a folder": location("include conf.d;"),
    "include in if": location("if ($host) { include conf.d/good.conf; }"),
    "include in limit_except": location("limit_except GET { include conf.d/deny.conf; }"),
    "include in a map": block("map $host $a { include conf.d/map; }"),
    "include by pattern in a map": block("map $host $a { include conf.d/ma?; }"),
    "include by pattern in a geo": block("geo $a { include conf.d/ge?; }"),
    "include in a geo": block("geo $a { include conf.d/geo; }"),
    "include with a missing semicolon": location("include conf.d/unfinished.conf;"),
    "include that opens a block": location("include conf.d/open.conf; }"),
    "include that closes a block": location("include conf.d/close.conf;"),
    "include of a directive of another context": block("include conf.d/good.conf; include conf.d/location.conf;"),
    "byte order mark": b"\xef\xbb\xbf" + HEAD.encode(),
    "NUL byte": HEAD.encode() + b"user no\0body;",
    "an argument at the limit": block(f"log_format f {'a' * 4095};"),
    "an argument over the limit": block(f"log_format f {'a' * 4096};"),
    "a quoted argument at the limit": block(f"log_format f '{'a' * 4094}';"),
    "a quoted argument over the limit": block(f"log_format f '{'a' * 4095}';"),
    "a comment at the limit": f"#{'a' * 4094}\n{HEAD}",
    "a comment over the limit": f"#{'a' * 4095}\n{HEAD}",
}

#: Files that the configurations above may include.
SNIPPETS: dict[str, str | bytes] = {
    "conf.d/empty.conf": "",
    "conf.d/good.conf": "set $included yes;\n",
    "conf.d/deny.conf": "deny all;\n",
    "conf.d/map": "a b;\n",
    "conf.d/geo": "10.0.0.0/8 1;\n",
    "conf.d/unfinished.conf": "return 200",
    "conf.d/open.conf": "if ($host) {",
    "conf.d/close.conf": "}",
    "conf.d/location.conf": "location / { }",
}


@pytest.mark.parametrize("name", CONFIGS)
def test_our_verdict_is_nginxs(tmp_path: Path, name: str) -> None:
    write(tmp_path, {**SNIPPETS, "nginx.conf": CONFIGS[name]})
    tested = nginx(tmp_path, "-t")
    ours = errors(load_path(tmp_path))
    assert (ours == []) is (tested.returncode == 0), (ours, tested.stderr.decode())


def test_what_came_after_the_directive_table_is_known(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"nginx.conf": block("server { listen 127.0.0.1:21000 ssl; ssl_reject_handshake on; keepalive_time 1h; }")},
    )
    assert nginx(tmp_path, "-t").returncode == 0
    config = load_path(tmp_path)
    assert config.problems == []


TREE: dict[str, str | bytes] = {
    "nginx.conf": block(
        "include mime.types;\n include conf.d/*.conf;\n include ./sites/*;\n include conf.d/[!.]*/x;\n"
    ),
    "mime.types": "types { text/html html; }\n",
    "conf.d/B.conf": "map $host $from_b { default 'a b'; }\n",
    "conf.d/a.conf": "server { listen 127.0.0.1:21001; include snippets/x.conf; location / { include snippets/x.conf; } }",
    "conf.d/a-b.conf": "server { listen 127.0.0.1:21002; }\n# the end",
    "conf.d/a.b.conf": "# configuration file /not/this.conf:\nserver { listen 127.0.0.1:21003; }\n\n\n",
    "conf.d/.hidden.conf": "broken",
    "conf.d/\u00e4.conf": "server { listen 127.0.0.1:21004; }\n",
    "conf.d/_.conf": "",
    "conf.d/z/x": "server { listen 127.0.0.1:21005; }\n",
    "conf.d/Z/x": "server { listen 127.0.0.1:21006; if ($host = \"a\") { return 200 '#'; } }\n",
    "sites/b": "server { listen 127.0.0.1:21007; }\n",
    "sites/a": "server { listen 127.0.0.1:21008; }\n",
    "snippets/x.conf": "# configuration file /etc/nginx/x:\nadd_header X ${host}y always; # tail\n",
    "not-included.conf": "broken {",
}


def test_includes_are_read_in_nginxs_order(tmp_path: Path) -> None:
    config = load_path(write(tmp_path, TREE))
    dumped = nginx(tmp_path, "-T")
    assert dumped.returncode == 0, dumped.stderr.decode()
    # The marker that a file holds itself names no file below the prefix.
    marker = b"# configuration file " + os.fsencode(tmp_path) + b"/"
    theirs = [
        os.path.normpath(line[len(marker) : -1].decode())
        for line in dumped.stdout.splitlines()
        if line.startswith(marker)
    ]
    assert list(config.texts) == theirs


def test_a_dump_is_the_same_tree_as_its_folder(tmp_path: Path) -> None:
    folder = load_path(write(tmp_path, TREE))
    dump = load_dump(nginx(tmp_path, "-T").stdout)
    assert folder.problems == []
    assert dump.problems == []
    assert outline(dump.root) == outline(folder.root)
    assert [(c.text, c.place.line, c.own_line) for c in dump.comments] == [
        (c.text, c.place.line, c.own_line) for c in folder.comments
    ]
    assert list(dump.texts.values()) == list(folder.texts.values())


def test_a_stock_configuration_has_no_problems() -> None:
    config = load_path("/etc/nginx")
    assert errors(config) == []
    assert [d.name for d in config.root if d.name in {"events", "http"}] == ["events", "http"]

# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random but plausible `http` blocks and requests: the same seed gives the same ones."""

from __future__ import annotations

import random
import typing as t

#: What proxy_pass leads to; it also makes the variables known that others only use.
STUB = "server { listen 8999; set $v ''; set $w ''; return 200 stub; }\n"
MADE_UP = ("zz", "qq")
_NAMES = (
    *("a.test", "www.a.test", "b.test", "x.b.test", "*.b.test", ".c.test", "mail.*", "A.Test", "_", '""'),
    *(r"~^(?<sub>\w+)\.d\.test$", r"~^w\d\.", "d.test www.d.test"),
)
_HOSTS = (
    "a.test",
    "www.a.test",
    "b.test",
    "x.b.test",
    "y.b.test",
    "c.test",
    "w.c.test",
    "k.d.test",
    "d.test",
    "none.test",
)
_FOLDERS = ("a", "b", "app", "old")
_FILES = ("new.html", "img.png", "index.php")
_PREFIXES = ("/", "/", "/a", "/a/", "/b/", "/app/", "/app", "/old/", "/new.html", "/index.php", "/a/b/")
_REGEXES = (
    *(
        r"\.php$",
        r"\.html$",
        r"^/a/(.*)$",
        r"^/(?<first>[^/]+)/",
        r"^/(.+)/$",
        r"/b",
        r"^/old(/.*)?$",
        r"^(.*)/x$",
        r"^/$",
    ),
    *(r"^/(a|b)/(.+)$", r"^/app/(\w+)$", r"[.](png|html)$", r"^(?!/app)", r"^/z+"),
)
_CODES = (400, 403, 404, 410, 500, 503)


class RandomConfig:
    """`block` is the inside of an `http` block, `requests` are URLs, `made_up` what exists nowhere."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 -- reproducible on purpose
        self.named: list[str] = []
        maps = "".join(self._map(number) for number in range(2))
        http = "".join(self._settings() for _unused in range(self._chance(0.2)))
        self.block = maps + http + "".join(self._server() for _unused in range(self.random.randint(1, 4))) + STUB

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _map(self, number: int) -> str:
        source = self._pick("$uri", "$host", "$scheme", "$args", "$request_uri", "$host$uri", "$arg_q")
        entries = [f"default {self._pick('', '0', '/a', 'b.test')!r};" if self._chance(0.7) else ""]
        if source == "$host":
            entries += ["hostnames;"] if self._chance(0.5) else []
            entries += ["a.test www.a.test;", "*.b.test b.test;" if "hostnames;" in entries else "b.test x.b.test;"]
        else:
            entries += ["/a/b /b/a;", "/old $uri/new;", r"~^/app/(?<tail>.+)$ /b/$tail;", "http 1;", "1 /q;"]
            entries += [r"~*^/OLD/(.*)$ /$1;"] if self._chance(0.5) else []
        return f"map {source} $m{number} {{ {' '.join(self.random.sample(entries, self.random.randint(1, len(entries))))} }}\n"

    def _pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    # -- servers

    def _server(self) -> str:
        self.named = ["@one", "@two"][: self.random.choice((0, 1, 1, 2))]
        listens = self.random.sample(["80", "443 ssl", "8080", "8443 ssl"], self.random.choice((1, 1, 2, 2, 3)))
        names = self.random.sample(_NAMES, self.random.choice((1, 1, 2)))
        lines = [f"listen {listen};" for listen in listens]
        lines += [f"server_name {' '.join(names)};"] if self._chance(0.9) else []
        lines += {
            line.split()[0]: line for line in (self._settings() for _unused in range(self.random.choice((0, 0, 1, 2))))
        }.values()
        lines += self._program(self.random.choice((0, 0, 0, 1, 2)))
        lines += ["merge_slashes off;"] if self._chance(0.05) else []
        lines += [self._try_files()] if self._chance(0.1) else []
        lines += self._locations(self.random.choice((0, 1, 2, 3, 4)), depth=0)
        lines += [f"location {name} {{ {self._body()} }}" for name in self.named if self._chance(0.9)]
        self.random.shuffle(lines)
        return "server {\n" + "".join(f"    {line}\n" for line in lines if line) + "}\n"

    def _settings(self) -> str:
        return self._pick(
            self._error_page(),
            self._error_page(),
            "recursive_error_pages on;",
            "absolute_redirect off;",
            "port_in_redirect off;",
            "server_name_in_redirect on;",
            "index index.html;",
            f"index {self._pick('/a/index.html', '/app', '/index.php', '/')};",
            "auth_basic closed; auth_basic_user_file AUTH;",
        )

    def _error_page(self) -> str:
        answer = self._pick("", "", "", " =", " =200", " =404", " =302")
        target = self._pick("/404.html", "/a", "/b/x", "/app?e=1", "https://a.test/gone", "/yy", "$uri", *self.named)
        codes = " ".join(map(str, self.random.sample(_CODES, self.random.choice((1, 2)))))
        return f"error_page {codes}{answer} {target};"

    def _locations(self, count: int, depth: int, below: str = "") -> list[str]:
        found: dict[str, str] = {}
        for _unused in range(count):
            if self._chance(0.35) or below == "~":
                head = f"{self._pick('~', '~', '~*')} {self._pick(*_REGEXES)}"
            else:
                modifier = self._pick("", "", "", "=", "^~")
                name = below.rstrip("/") + self._pick(*_PREFIXES)
                head = f"{modifier} {name}".strip()
            key = head.removeprefix("^~").strip()
            nested = self._chance(0.2) and depth == 0 and not head.startswith("=")
            inner = ""
            if nested:
                inner = " ".join(self._locations(2, 1, "~" if head[0] == "~" else head.removeprefix("^~").strip()))
            found.setdefault(key, f"location {head} {{ {self._body()} {inner} }}")
        return list(found.values())

    def _body(self) -> str:
        lines = [self._settings()] if self._chance(0.25) else []
        lines += self._program(self.random.choice((0, 1, 1, 1, 2)))
        lines += [self._try_files()] if self._chance(0.35) else []
        lines += ["internal;"] if self._chance(0.1) else []
        lines += ["proxy_pass http://127.0.0.1:8999;"] if self._chance(0.2) else []
        lines += ["limit_except POST { deny all; }"] if self._chance(0.04) else []
        lines += ["deny all;"] if self._chance(0.04) else []
        return " ".join(line for line in lines if line)

    def _try_files(self) -> str:
        checks = self.random.sample(
            ["$uri", "$uri/", "$uri.html", "/app", "/a/", "/static$uri", "index.html"], self.random.choice((1, 2))
        )
        fallback = self._pick(
            "=404",
            "=410",
            "/index.php",
            "/index.php?q=$uri&$args",
            "/app",
            "/yy",
            "$uri.html",
            "index.html",
            *self.named,
        )
        return f"try_files {' '.join(checks)} {fallback};"

    # -- the rewrite module

    def _program(self, count: int) -> list[str]:
        return [self._step() for _unused in range(count)]

    def _step(self) -> str:
        return self.random.choice((self._rewrite, self._rewrite, self._return, self._if, self._if, self._set))()

    def _rewrite(self) -> str:
        target = self._pick(
            *("/a/$1", "/b/$1", "/$1", "/app", "/new.html", "$uri/", "/old$uri", "/index.php?p=$1", "/b?", "/a?x=1?"),
            *("https://a.test/$1", "http://$host$uri", "$scheme://www.a.test/$1?", "/yy/$1", "b"),
        )
        return f"rewrite {self._pick('^', '^(.*)$', *_REGEXES)} {target} {self._pick('last', 'break', 'redirect', 'permanent', '')};"

    def _return(self) -> str:
        status = self._pick("301", "302", "307", "308", "303")
        target = self._pick(
            *(
                "https://$host$request_uri",
                "http://$host$request_uri",
                "$scheme://www.a.test$request_uri",
                "/a$uri",
                "/b",
                "/",
            ),
            *(
                "https://$server_name$request_uri",
                "$scheme://$http_host/app/",
                "https://a.test$uri?$args",
                "//b.test/x",
            ),
            *(
                "$scheme://$host:$server_port/a",
                "https://$host:8443$request_uri",
                "http://a.test:8080/$1",
                "new",
                "/m$m0",
            ),
            *("https://b.test$request_uri", "http://$v$uri", "?x=1", "/q$is_args$args", "$uri/"),
        )
        return self._pick(
            f"return {status} {target};", f"return {status} {target};", f"return {self.random.choice(_CODES)};", "return 204;",
            f"return 200 {self._pick('ok', '')!r};", "return 444;", f"return {self.random.choice(_CODES)} text;", "return https://b.test/;",
        )  # fmt: skip

    def _set(self) -> str:
        return f"set {self._pick('$v', '$w', '$args')} {self._pick('a.test', '0', '$uri', '$host', 'x$1', '$w', '$m1', 'q=1')};"

    def _if(self) -> str:
        condition = self._pick(
            *(
                "$scheme = http",
                "$scheme != https",
                "$scheme = https",
                "$host = a.test",
                "$host != www.a.test",
                "$host ~ ^www[.](.*)$",
            ),
            *(
                "$uri ~ ^/a/(.*)$",
                "$request_uri ~* /b",
                "$uri = /app",
                "$args",
                "$args ~ q=(.*)",
                "$arg_q = 1",
                "$arg_q",
                "$http_x",
            ),
            *(
                "$http_x = 1",
                "$http_x ~ (b)",
                "-f $request_filename",
                "!-e $request_filename",
                "-d $document_root$uri",
                "$v",
                "$m0",
            ),
            *(
                "$request_method = POST",
                "$v = a.test",
                "$is_args = ''",
                "$server_port = 80",
                "$http_cookie ~* c",
                "$m0 ~ ^(.+)$",
            ),
        )
        body = self._pick("break;", self._return(), self._return(), self._rewrite(), self._set(), self._set())
        return f"if ({condition}) {{ {body} }}"

    # -- requests

    def requests(self, count: int) -> t.Iterator[tuple[str, int, str, str]]:
        """URLs in parts: scheme, port, host, path and arguments."""
        for _unused in range(count):
            scheme, port = self.random.choice(
                (("http", 80), ("http", 80), ("https", 443), ("http", 8080), ("https", 8443))
            )
            depth = self.random.choice((0, 1, 1, 2, 2, 3))
            path = "/" + "".join(f"{self._pick(*_FOLDERS, *MADE_UP)}/" for _unused in range(depth))
            path += self._pick(*_FILES) if self._chance(0.3) else ""
            path = path.rstrip("/") if depth and self._chance(0.7) else path
            query = self._pick("", "", "", "?q=1", "?q=0&x=%20", "?Q=b")
            yield scheme, port, self._pick(*_HOSTS), path + query

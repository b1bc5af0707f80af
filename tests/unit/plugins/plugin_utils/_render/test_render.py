# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import os
import socket
import zlib
from collections.abc import Callable
from pathlib import Path

import ansible.parsing.vault
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.template import Templar
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._common.redaction import MASK, Redactor
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render._templar import render_source, vaulted_values
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Candidate, Rendered
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.source import (
    RenderError,
    find_source,
    scan_source,
)

KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def src(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    (folder / "conf.d").mkdir(parents=True)
    (folder / "nginx.conf").write_text("events {}\n")
    return folder


def render(src: Path, variables: dict | None = None, loader: DataLoader | None = None) -> Candidate:
    loader = loader or DataLoader()
    variables = variables or {}
    return render_source(
        str(src), templar=Templar(loader=loader, variables=variables), loader=loader, task_vars=variables
    )


def content(candidate: Candidate, path: str) -> bytes:
    return next(entry.content for entry in candidate.entries if entry.path == path)


def test_a_source_becomes_its_paths_below_the_config_folder(src: Path) -> None:
    (src / "conf.d" / "app.conf.j2").write_text("x")
    (src / "conf.d" / "app.conf~").write_text("editor's leftover")
    (src / ".git").mkdir()
    (src / "enabled.conf").symlink_to("conf.d/app.conf.j2")
    paths = [(entry.path, entry.type, entry.template) for entry in scan_source(str(src))]
    assert paths == [
        ("conf.d", "directory", False),
        ("conf.d/app.conf", "file", True),
        ("enabled.conf", "link", False),
        ("nginx.conf", "file", False),
    ]


def _fifo(src: Path) -> None:
    os.mkfifo(src / "pipe")


def _socket(src: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(src / "sock"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(
            lambda src: (src / "evil").symlink_to("../../etc/passwd"), "leaves the source folder", id="escape"
        ),
        pytest.param(lambda src: (src / "abs").symlink_to("/etc/passwd"), "leaves the source folder", id="absolute"),
        pytest.param(
            lambda src: (src / "gone").symlink_to("missing.conf"), "is not in the source folder", id="dangling"
        ),
        pytest.param(lambda src: (src / "loop").symlink_to("loop"), "is not in the source folder", id="loop"),
        pytest.param(_fifo, "is a FIFO", id="fifo"),
        pytest.param(_socket, "is a socket", id="socket"),
        pytest.param(lambda src: (src / "a\nb").write_text(""), "control character", id="newline"),
        pytest.param(
            lambda src: Path(os.fsdecode(bytes(src) + b"/a\xff")).write_text(""), "not valid UTF-8", id="bytes"
        ),
        pytest.param(lambda src: (src / "nginx.conf.j2").write_text(""), "both become nginx.conf", id="two sources"),
        pytest.param(lambda src: (src / ".j2").write_text(""), "needs a name", id="nameless"),
    ],
)
def test_what_cannot_be_deployed_is_refused_with_its_path(
    src: Path, spoil: Callable[[Path], object], words: str
) -> None:
    spoil(src)
    with pytest.raises(RenderError, match=words) as refusal:
        scan_source(str(src))
    assert str(src.resolve()) in str(refusal.value)


def test_missing_empty_and_file_sources_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    for name, words in (("missing", "cannot read"), ("empty", "holds no file"), ("file", "has to be a folder")):
        with pytest.raises(RenderError, match=words):
            scan_source(str(tmp_path / name))


def test_a_relative_source_is_looked_for_in_every_base(tmp_path: Path) -> None:
    (tmp_path / "b" / "site").mkdir(parents=True)
    bases = (str(tmp_path / "a"), str(tmp_path / "b"))
    assert find_source("site", bases) == str(tmp_path / "b" / "site")
    with pytest.raises(RenderError, match=r"looked for .*/a/other and .*/b/other"):
        find_source("other", bases)


def test_templates_get_the_variables_and_plain_files_stay_bytes(src: Path) -> None:
    (src / "conf.d" / "a.conf.j2").write_text("{% if tls %}\nlisten {{ port }};\n{% endif %}\n# \\1 ünï\n")
    (src / "conf.d" / "raw.conf").write_bytes(b"# {{ not a template }}\r\n\xff\n")
    candidate = render(src, {"tls": True, "port": 8443})
    assert content(candidate, "conf.d/a.conf") == "listen 8443;\n# \\1 ünï\n".encode()
    assert content(candidate, "conf.d/raw.conf") == b"# {{ not a template }}\r\n\xff\n"


def test_a_template_may_include_its_neighbour(src: Path) -> None:
    (src / "conf.d" / "_macro.j2").write_text("{% macro m(x) %}server_name {{ x }};{% endmacro %}")
    (src / "conf.d" / "a.conf.j2").write_text("{% from 'conf.d/_macro.j2' import m %}{{ m('a') }}\n")
    assert content(render(src), "conf.d/a.conf") == b"server_name a;\n"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        pytest.param("a\nb\n{{ missing_variable }}\n", "a.conf.j2:3: .*missing_variable", id="undefined"),
        pytest.param("a\n{{ {}.nope }}\n", "a.conf.j2:2: .*nope", id="attribute"),
        pytest.param("a\n{% if %}\n", "a.conf.j2:2", id="syntax"),
        pytest.param("{{ 1 / 0 }}", "a.conf.j2", id="exception"),
    ],
)
def test_a_template_that_fails_is_named(src: Path, template: str, words: str) -> None:
    (src / "conf.d" / "a.conf.j2").write_text(template)
    with pytest.raises(RenderError, match=words) as refusal:
        render(src)
    assert "conf.d/a.conf.j2" in str(refusal.value)


def test_a_template_that_is_not_utf8_is_named_with_its_line(src: Path) -> None:
    (src / "a.conf.j2").write_bytes(b"ok\n\xff\n")
    with pytest.raises(RenderError, match=r"a\.conf\.j2:2: a template has to be UTF-8"):
        render(src)


@pytest.fixture
def vault() -> tuple[DataLoader, VaultLib]:
    secrets = [("default", VaultSecret(b"password"))]
    loader = DataLoader()
    loader.set_vault_secrets(secrets)
    # From 2.19 on inline vaulted values are decrypted with the secrets of the process.
    context = getattr(ansible.parsing.vault, "VaultSecretsContext", None)
    if context is not None and context.current(optional=True) is None:
        context.initialize(context(secrets))
    return loader, VaultLib(secrets)


def test_a_vaulted_file_is_decrypted_and_marked_secret(src: Path, vault: tuple[DataLoader, VaultLib]) -> None:
    loader, lib = vault
    (src / "tls.key").write_bytes(lib.encrypt(KEY))
    (src / "plain.key").write_text(KEY)
    candidate = render(src, loader=loader)
    assert content(candidate, "tls.key") == KEY.encode()
    assert {entry.path for entry in candidate.entries if entry.secret} == {"tls.key", "plain.key"}
    assert "tls.key" not in candidate.files()


def test_what_a_vaulted_configuration_file_says_is_in_no_output(src: Path, vault: tuple[DataLoader, VaultLib]) -> None:
    loader, lib = vault
    text = "proxy_set_header Authorization 'Bearer s3cr3t-t0ken';\nset $api_key abcdef0123456789; # note\n"
    (src / "auth.conf").write_bytes(lib.encrypt(text))
    (src / "plain.conf").write_text("return 301 https://www.example.com;\n")
    redact = Redactor(render(src, loader=loader).secrets)
    assert redact.text("+ set $api_key abcdef0123456789") == "+ set $api_key ********"
    assert "s3cr3t" not in redact.text("proxy_set_header Authorization Bearer s3cr3t-t0ken")
    assert redact.text("return 301 https://www.example.com;") == "return 301 https://www.example.com;"


def test_a_vaulted_file_without_its_password_is_refused(src: Path, vault: tuple[DataLoader, VaultLib]) -> None:
    (src / "tls.key").write_bytes(vault[1].encrypt(KEY))
    with pytest.raises(RenderError, match=r"tls\.key: cannot decrypt"):
        render(src)


def test_every_vaulted_value_is_known_whatever_way_it_came(tmp_path: Path, vault: tuple[DataLoader, VaultLib]) -> None:
    loader, lib = vault
    whole = tmp_path / "whole.yml"
    whole.write_bytes(lib.encrypt("api: {token: from-a-vaulted-file, port: 12345}\n"))
    inline = tmp_path / "inline.yml"
    indented = "\n".join(f"  {line}" for line in lib.encrypt("inline-vaulted").decode().splitlines())
    inline.write_text(f"token: !vault |\n{indented}\nplain: not-a-secret\n")
    variables = {**loader.load_from_file(str(whole)), "nested": [loader.load_from_file(str(inline))]}
    assert set(vaulted_values(variables, loader)) == {"from-a-vaulted-file", "12345", "inline-vaulted"}


def test_the_payload_carries_every_byte() -> None:
    entry = Rendered("a", "file", content=bytes(range(256)), mode=0o600, secret=True)
    document = json.loads(zlib.decompress(base64.b64decode(Candidate((entry,), secrets=("s",)).payload())))
    assert base64.b64decode(document["entries"][0]["content"]) == bytes(range(256))
    assert document["entries"][0]["mode"] == 0o600
    assert document["secrets"] == ["s"]


def test_links_are_seen_by_the_linter_as_what_they_point_to() -> None:
    candidate = Candidate(
        (
            Rendered("sites-available/a", "file", content=b"server {}"),
            Rendered("sites-enabled/a", "link", target="../sites-available/a"),
        )
    )
    assert candidate.files()["sites-enabled/a"] == b"server {}"


@pytest.mark.parametrize(
    ("secrets", "text", "expected"),
    [
        (["hunter2"], "token hunter2;", "token ********;"),
        (["abc", "on", ""], "abc on", "abc on"),
        (["pass", "password"], "password", "********"),
        (["line one is long enough\nline two is long enough"], "  line two is long enough\n", "  ********\n"),
        (["a.b*c"], "axbbc a.b*c", "axbbc ********"),
        ([], "nothing", "nothing"),
    ],
)
def test_secrets_are_masked(secrets: list[str], text: str, expected: str) -> None:
    assert Redactor(secrets).text(text) == expected


@given(st.lists(st.text(min_size=4), max_size=5), st.text())
def test_no_secret_survives_the_redactor(secrets: list[str], text: str) -> None:
    redactor = Redactor(secrets)
    result = redactor({"a": [text + secret for secret in secrets], text: 1})
    for line in result["a"]:
        assert not any(value in line.replace(MASK, "\0") for value in redactor.values)


def test_rendering_leaves_no_temporary_file(src: Path, vault: tuple[DataLoader, VaultLib]) -> None:
    loader, lib = vault
    (src / "tls.key").write_bytes(lib.encrypt(KEY))
    render(src, loader=loader)
    assert not loader._tempfiles

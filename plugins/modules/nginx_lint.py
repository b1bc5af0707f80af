#!/usr/bin/python
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation of the nginx_lint action, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_lint
short_description: Find what is wrong with an nginx configuration before a host sees it
version_added: 0.1.0
description:
  - Reads a whole nginx configuration and reports what would break traffic, which C(nginx -t) does not tell. Rewrite
    cycles, C(try_files) cycles, redirect loops, servers that never answer, named locations that do not exist, and
    everything that could not be read.
  - A redirect or rewrite that some condition can stop, and that the configuration alone cannot decide, is never
    reported.
  - A finding is suppressed by the comment C(# failsafe:ignore RULE reason) on the line before it or at the end of its
    line. The reason is mandatory, and a comment that suppresses nothing is a finding itself. O(suppressions) is for
    what no comment can say.
  - Runs on the controller. No connection to the host is made. The same rules run without Ansible as the command
    C(failsafe-lint), see C(docs/linting.md).
author:
  - failsafe.nginx contributors (@failsafe-nginx)
requirements:
  - crossplane >= 0.5.8 on the controller
options:
  path:
    description:
      - A configuration folder, its main file or a snippet on the controller. A relative path starts at the playbook's
        folder, then at the current one.
      - Exactly one of O(path), O(dump), O(src) and O(explain) is given.
    type: str
  dump:
    description:
      - What C(nginx -T) printed. Places in findings are the absolute paths of the dump.
    type: raw
  src:
    description:
      - A source folder with plain files and C(.j2) templates, laid out as below the configuration folder. Templates
        are rendered with the variables of the host.
    type: str
  exclude:
    description:
      - Patterns of files in O(src) that are no part of the configuration. The default is that of
        M(failsafe.nginx.nginx_release).
    type: list
    elements: str
  config_dir:
    description:
      - The path that the folder has on a host. Absolute includes below it are looked up in the folder.
    type: str
    default: /etc/nginx
  main:
    description:
      - The main file, below the configuration folder. With O(dump) its absolute path.
      - The default is V(nginx.conf), with O(dump) the first file of the dump.
    type: str
  partial:
    description:
      - Whether files that the configuration includes may be missing because they live on the host.
      - The default is V(true) with O(src) and V(false) with O(path). It does not matter with O(dump).
    type: bool
  fail_on:
    description:
      - The lowest severity that fails the task. An V(error) will break traffic, a V(warning) is probably not what was
        meant, V(advice) is hardening and style.
      - What could not be read fails the task always.
    type: str
    choices: [error, warning, advice, never]
    default: error
  ignore:
    description:
      - Ids of rules that are left out. Rules about input that could not be read cannot be left out.
    type: list
    elements: str
    default: []
  suppressions:
    description:
      - A project file on the controller that says what is not reported. A relative path starts at the playbook's
        folder, then at the current one.
      - It holds the key C(suppressions), a list of entries with C(rule), C(path) (a pattern such as C(conf.d/*.conf),
        where C(**) stands for any number of folders), C(reason), and C(expires) (a date, the last day on which the
        entry holds).
      - Entries that suppress nothing, that are past their date or that are wrong are findings.
      - The default is C(.failsafe-lint.yml) in the folder of O(path) or O(src), if it is there.
    type: str
  nginx_version:
    description:
      - The version of the nginx that the configuration is for, such as V(1.24.0). Rules about other versions are left
        out. By default every rule applies.
    type: str
  modules:
    description:
      - The modules of that nginx, named as C(nginx -V) prints them.
    type: list
    elements: str
  fix:
    description:
      - Whether to repair what can be repaired for certain, in the files below O(path), which has to be a folder.
        Comments and layout stay as they are.
      - The result of every repair is linted before it is written. One that would add an error or a warning is left
        out, and nothing is repaired while something cannot be read.
      - In check mode the repairs are shown as a diff and nothing is written.
    type: bool
    default: false
  report:
    description:
      - A file on the controller that gets the findings in the format of another tool. It is written in check mode too.
    type: dict
    suboptions:
      format:
        description:
          - The format. V(gitlab) is GitLab's Code Quality, V(github) are GitHub's workflow commands.
        type: str
        choices: [text, json, sarif, junit, github, gitlab, checkstyle]
        default: sarif
      path:
        description:
          - The file. A relative path starts at the playbook's folder. Paths in the report are relative to the current
            folder, so that Ansible should be run from the top of the repository.
        type: str
        required: true
  explain:
    description:
      - The id of a rule whose page is returned, instead of linting something.
    type: str
extends_documentation_fragment:
  - failsafe.nginx.attributes
  - failsafe.nginx.attributes.action
attributes:
  check_mode:
    support: full
  connection:
    support: none
  delegation:
    support: partial
    details: Nothing runs on the host, so delegation only changes which variables O(src) is rendered with.
  diff_mode:
    support: full
    details: With O(fix).
  idempotent:
    support: full
  platform:
    support: full
    platforms: all
seealso:
  - module: failsafe.nginx.nginx_release
"""

EXAMPLES = r"""
- name: Lint a folder of plain files
  failsafe.nginx.nginx_lint:
    path: files/nginx

- name: Lint what this host would get, templates rendered with its variables
  failsafe.nginx.nginx_lint:
    src: nginx/
    fail_on: warning

- name: Read what a host runs now
  ansible.builtin.command:
    cmd: nginx -T
  register: running
  changed_when: false
  check_mode: false

- name: Lint it, but only report
  failsafe.nginx.nginx_lint:
    dump: "{{ running.stdout }}"
    fail_on: never
    ignore:
      - unknown-directive

- name: Lint for the nginx of a host, with a report for code scanning
  failsafe.nginx.nginx_lint:
    path: files/nginx
    nginx_version: 1.24.0
    suppressions: files/suppressions.yml
    report:
      format: sarif
      path: build/nginx.sarif

- name: Repair what can be repaired for certain
  failsafe.nginx.nginx_lint:
    path: files/nginx
    fix: true

- name: Print the page of a rule
  failsafe.nginx.nginx_lint:
    explain: redirect-loop
"""

RETURN = r"""
findings:
  description: Everything found, sorted by file, line and rule.
  returned: always, unless the configuration as a whole could not be loaded
  type: list
  elements: dict
  contains:
    rule:
      description: The id of the rule. Each has a page in C(docs/rules).
      type: str
    severity:
      description: V(error), V(warning) or V(advice).
      type: str
    message:
      description: What happens, with the requests and redirects that show it.
      type: str
    file:
      description: The file, below the configuration folder, or absolute for a dump.
      type: str
    line:
      description: The line, counted from 1.
      type: int
    column:
      description: The column, counted from 1.
      type: int
    related:
      description: Every other line that has a part in it.
      type: list
      elements: dict
      contains:
        message:
          description: What part.
          type: str
        file:
          description: The file.
          type: str
        line:
          description: The line.
          type: int
  sample:
    - rule: redirect-loop
      severity: error
      message: "GET http://a.example/ -> 301 https://a.example/ -> 301 http://a.example/: back where it began, without an end"
      file: conf.d/a.conf
      line: 4
      column: 5
      related:
        - message: "return: to http://a.example/"
          file: conf.d/a.conf
          line: 9
summary:
  description: How many findings there are of each severity.
  returned: always, unless the configuration as a whole could not be loaded
  type: dict
  sample: {error: 1, warning: 0, advice: 2}
outcome:
  description: How it ended. V(unreadable) when something was not read, so that nothing is known to be fine;
    V(findings) when there are some of O(fail_on) or worse, with V(never) any; else V(clean).
  returned: always, unless the configuration as a whole could not be loaded
  type: str
  sample: findings
fixed:
  description: The files that were repaired, or would be in check mode. RV(findings) are those after the repairs.
  returned: with O(fix)
  type: list
  elements: str
page:
  description: The page of the rule, in Markdown.
  returned: with O(explain)
  type: str
msg:
  description: The counts in words. When the task fails, every finding that made it fail, with its lines.
  returned: always
  type: str
"""

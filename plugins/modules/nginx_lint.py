#!/usr/bin/python
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation of the nginx_lint action, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_lint
short_description: Find faults of an nginx configuration before it is deployed
version_added: 0.1.0
description:
  - Reads a whole nginx configuration and reports faults that would break traffic, which C(nginx -t) does not find. Among them
    are rewrite cycles, C(try_files) cycles, redirect loops, servers that never answer, named locations that do not exist,
    and everything that could not be read.
  - A loop is not reported if a condition can stop it that the configuration alone does not decide.
  - The comment C(# failsafe:ignore RULE reason) on the line before a finding, or at the end of its line, suppresses it. The
    reason is mandatory, and a comment that suppresses nothing is a finding itself. O(suppressions) names a file for
    suppressions that are no comments.
  - Runs on the controller, without a connection to the host. The command C(failsafe-lint) runs the same rules without
    Ansible, see C(docs/linting.md).
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
      - The output of C(nginx -T). Findings name the absolute paths of the dump.
    type: raw
  src:
    description:
      - A source folder with plain files and C(.j2) templates, laid out as below the configuration folder. Templates
        are rendered with the variables of the host.
    type: str
  exclude:
    description:
      - Patterns of files in O(src) to leave out. The default is that of
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
      - Included files may be missing, because they lie on the host.
      - The default is V(true) with O(src) and V(false) with O(path). It does not matter with O(dump).
    type: bool
  fail_on:
    description:
      - The lowest severity that fails the task. An V(error) breaks traffic, a V(warning) is probably a mistake, V(advice) is
        hardening and style.
      - Input that could not be read fails the task always.
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
      - A project file on the controller with suppressions. A relative path starts at the playbook's folder, then at the
        current one.
      - It holds the key C(suppressions), a list of entries with C(rule), C(path) (a pattern such as C(conf.d/*.conf),
        where C(**) stands for any number of folders), C(reason), and C(expires) (a date, the last day on which the
        entry holds).
      - An entry that suppresses nothing, is past its date, or is wrong is a finding.
      - The default is C(.failsafe-lint.yml) in the folder of O(path) or O(src), if it is there.
    type: str
  nginx_version:
    description:
      - The version of nginx that runs the configuration, such as V(1.24.0). Rules about other versions are left out. By
        default every rule applies.
    type: str
  modules:
    description:
      - The modules of that nginx, named as C(nginx -V) prints them.
    type: list
    elements: str
  fix:
    description:
      - Repair findings that have a safe repair, in the files below O(path), which has to be a folder. Comments and layout stay
        as they are.
      - The result of every repair is linted before it is written. A repair that would add an error or a warning is left out.
        Nothing is repaired if a part of the configuration cannot be read.
      - In check mode the repairs are shown as a diff, and nothing is written.
    type: bool
    default: false
  report:
    description:
      - A file on the controller for the findings in the format of another tool. It is written in check mode too.
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
            folder, so run Ansible from the top of the repository.
        type: str
        required: true
  explain:
    description:
      - The id of a rule. Its page is returned, and nothing is linted.
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
    details: Nothing runs on the host, so delegation only changes the variables that O(src) is rendered with.
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

- name: Lint a source folder rendered for this host
  failsafe.nginx.nginx_lint:
    src: nginx/
    fail_on: warning

- name: Read the running configuration
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

- name: Repair findings that have a safe repair
  failsafe.nginx.nginx_lint:
    path: files/nginx
    fix: true

- name: Print the page of a rule
  failsafe.nginx.nginx_lint:
    explain: redirect-loop
"""

RETURN = r"""
findings:
  description: The findings, sorted by file, line and rule.
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
      description: The fault, with the requests and redirects that show it.
      type: str
    file:
      description: The file, relative to the configuration folder; absolute for a dump.
      type: str
    line:
      description: The line, counted from 1.
      type: int
    column:
      description: The column, counted from 1.
      type: int
    related:
      description: The other lines that the finding involves.
      type: list
      elements: dict
      contains:
        message:
          description: The part that the line plays.
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
  description: The number of findings of each severity.
  returned: always, unless the configuration as a whole could not be loaded
  type: dict
  sample: {error: 1, warning: 0, advice: 2}
outcome:
  description: V(unreadable) if a part was not read, so that the configuration is not known to be fine; V(findings) if there are
    findings of O(fail_on) or worse, with V(never) any; else V(clean).
  returned: always, unless the configuration as a whole could not be loaded
  type: str
  sample: findings
fixed:
  description: The repaired files; in check mode, the files to repair. RV(findings) are those after the repairs.
  returned: with O(fix)
  type: list
  elements: str
page:
  description: The page of the rule, in Markdown.
  returned: with O(explain)
  type: str
msg:
  description: The numbers in words. If the task fails, also every finding that made it fail, with its lines.
  returned: always
  type: str
"""

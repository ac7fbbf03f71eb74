"""Build files that several tests read: the two of the design, and bad ones."""

SMALLEST = """\
stages:
  - test: make check
"""

FULL = """\
# yaml-language-server: $schema=https://HUB/schema/v1/build.json
when:
  - event: pull_request
  - event: push
    branch: [main, release/*]
  - event: tag
    tag: v*
platforms: [debian-13, freebsd-15, macos-15, windows-2025]
matrix:
  python: [3.11, 3.14]
  exclude:
    - {platform: windows-2025, python: 3.11}
env: {PYTHONUNBUFFERED: 1}
image: "python:3.14"
services:
  db: {image: "postgres:17", env: {POSTGRES_PASSWORD: ci}, ready: pg_isready}
cache:
  - {paths: .venv, key: venv, files: uv.lock}
timeout: 45m
notify: {irc: "#builds", events: [broken, fixed]}
stages:
  - lint: uv run ruff check
  - test:
      run: uv run pytest --junitxml=out/junit.xml
      reports: out/*.xml
      timeout: 20m
      retry: 1
  - package:
      run: uv build
      artifacts: {paths: dist/*, keep: 30d}
  - publish:
      run: uv publish
      when: {event: tag, platform: debian-13, matrix: {python: 3.14}}
      secrets: [PYPI_TOKEN]
  - diagnose:
      run: ./ci/collect-cores.sh
      when: {status: failure}
      artifacts: {paths: cores/**, status: always, keep: 7d}
"""

# Text, place and words of the first problem. All of these the JSON Schema refuses too.
BAD = [
    ("name: x", (1, 1), "must have the key `stages`"),
    ("stages: []", (1, 9), "1 to 200 items, not 0"),
    ("stages: make", (1, 9), "a list of stages"),
    ("stages: {test: make}", (1, 9), "a list of stages"),
    ("stages: [make]", (1, 10), "must be one stage"),
    ("stages: [{}]", (1, 10), "one stage"),
    ("stages: [{a: x, b: y}]", (1, 10), "split this item"),
    ("stages: [a: [x, y]]", (1, 13), "a command, or a mapping with `run`, not a list"),
    ("stages: [a: ]", (1, 13), "must be a command, not empty"),
    ("stages: [a: {}]", (1, 13), "must have the key `run`"),
    ("stages: [-a: x]", (1, 10), "stage's name"),
    ("stages: [../../x: x]", (1, 10), "stage's name"),
    (f"stages: [{'a' * 65}: x]", (1, 10), "stage's name"),
    ("stages: [a: {run: x, timeout: 20}]", (1, 31), "duration"),
    ("stages: [a: {run: x, timeout: 0s}]", (1, 31), "duration"),
    ("stages: [a: {run: x, timeout: 9999999d}]", (1, 31), "duration"),
    ("stages: [a: {run: x, retry: 4}]", (1, 29), "0, 1, 2 or 3"),
    ("stages: [a: {run: x, retry: -1}]", (1, 29), "0, 1, 2 or 3"),
    ("stages: [a: {run: x, once: maybe}]", (1, 28), "true or false"),
    ("stages: [a: {run: x, shell: zsh}]", (1, 29), "sh, bash"),
    ("stages: [a: {run: x, dir: /etc}]", (1, 27), "inside the workspace"),
    ("stages: [a: {run: x, dir: 'C:\\x'}]", (1, 27), "inside the workspace"),
    ("stages: [a: {run: x, reports: [ok.xml, a/../../x]}]", (1, 40), "inside the workspace"),
    ("stages: [a: {run: x, artifacts: {paths: ..}}]", (1, 41), "inside the workspace"),
    ("stages: [a: {run: x, artifacts: {keep: 1d}}]", (1, 33), "must have the key `paths`"),
    ("stages: [a: {run: x, env: {1A: x}}]", (1, 28), "variable's name"),
    ("stages: [a: {run: x, env: [A]}]", (1, 27), "mapping of variables"),
    ("stages: [a: {run: x, secrets: a-b}]", (1, 31), "variable's name"),
    ("stages: [a: {run: x, when: {}}]", (1, 28), "not empty"),
    ("stages: [a: {run: x, when: {status: broken}}]", (1, 37), "success, failure or always"),
    ("stages: [a: {run: x, when: {branches: x}}]", (1, 29), "did you mean 'branch'?"),
    ("when: {status: failure}\nstages: [a: x]", (1, 8), "unknown key 'status'"),
    ("when: {event: pull-request}\nstages: [a: x]", (1, 15), "did you mean 'pull_request'?"),
    ("version: 2\nstages: [a: x]", (1, 10), "must be 1, not '2'"),
    ("platforms: []\nstages: [a: x]", (1, 12), "items"),
    ("matrix: {a: b}\nstages: [a: x]", (1, 13), "a list of values"),
    ("matrix: {a: []}\nstages: [a: x]", (1, 13), "items"),
    ("matrix: {a: [{}]}\nstages: [a: x]", (1, 14), "not a mapping"),
    ("matrix: {platform: [a]}\nstages: [a: x]", (1, 10), "platforms go under `platforms`"),
    ("services: {db: {env: {}}}\nstages: [a: x]", (1, 16), "must have the key `image`"),
    ("image: -v\nstages: [a: x]", (1, 8), "an image such as"),
    ("image: 'debian:'\nstages: [a: x]", (1, 8), "an image such as"),
    ("image: a b\nstages: [a: x]", (1, 8), "an image such as"),
    ("image: a/../b?c\nstages: [a: x]", (1, 8), "an image such as"),
    ("image: a\nservices: {localhost: b}\nstages: [a: x]", (2, 12), "service's name"),
    ("image: a\nservices: [{image: b}]\nstages: [a: x]", (2, 12), "must have the key `name`"),
    ("image: a\nservices: {db: {image: b, privileged: true}}\nstages: [a: x]", (2, 27), "unknown key 'privileged'"),
    ("cache: .venv\nstages: [a: x]", (1, 8), "a mapping with `paths`"),
    ("notify: {events: [never]}\nstages: [a: x]", (1, 19), "broken"),
    ("cancel: always\nstages: [a: x]", (1, 9), "superseded or never"),
    ("on: push\nstages: [a: x]", (1, 1), "did you mean 'when'?"),
    ("steps: [a: x]\nstages: [a: x]", (1, 1), "did you mean 'stages'?"),
]

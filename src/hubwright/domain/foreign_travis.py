"""A `.travis.yml` as a recipe.

https://docs.travis-ci.com/user/job-lifecycle/ and https://config.travis-ci.com/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice, product
from typing import Any

from hubwright.domain.foreign_files import (
    MAX_POINTS,
    Keys,
    Outline,
    Words,
    listed,
    mapping_of,
    texts_of,
    write_export,
)

VERSIONS = (
    "python", "node_js", "ruby", "rvm", "go", "php", "jdk", "perl", "rust", "ghc", "scala", "otp_release", "elixir",
    "compiler", "d", "julia", "dart", "r", "crystal", "gemfile", "xcode_image", "osx_image",
)  # fmt: skip
"""Keys whose values are an axis each."""

PLATFORMS = {"linux": "linux-*", "osx": "darwin-*", "windows": "windows-*", "freebsd": "freebsd-*"}

DEFAULTS = {
    "python": ("pip install -r requirements.txt", ""),
    "node_js": ("npm ci || npm install", "npm test"),
    "ruby": ("bundle install --jobs=3 --retry=3", "rake"),
    "go": ("go get -t ./...", "go test ./..."),
    "rust": ("", "cargo build --verbose && cargo test --verbose"),
    "java": ("mvn install -DskipTests=true", "mvn test"),
    "c": ("", "./configure && make && make test"),
    "cpp": ("", "./configure && make && make test"),
}
"""`install` and `script` where the file says none: https://docs.travis-ci.com/user/languages/"""

_BEFORE = ("before_install", "install", "before_script", "script")
_AFTER = {"after_success": "success", "after_failure": "failure", "after_script": "always"}
_LEAKS = re.compile(
    r"^\s*(?:export|cd|source|\.|eval|set|unset|pushd|nvm use|rvm use|sdk use|pyenv shell)\b", re.MULTILINE
)
_CACHES = {
    "pip": "~/.cache/pip", "npm": "~/.npm", "yarn": "~/.cache/yarn", "cargo": "~/.cargo", "bundler": "vendor/bundle",
    "ccache": "~/.ccache",
}  # fmt: skip
_QUIET = {
    "language", "os", "dist", "sudo", "env", "cache", "branches", "jobs", "matrix", "services", "addons", "git",
    "version",
    "notifications", "deploy", "before_cache", *VERSIONS, *_BEFORE, *_AFTER,
}  # fmt: skip
_ASSIGNMENT = re.compile(r"""([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|'[^']*'|\S*)""")


def read_travis(file: Keys) -> Outline:
    """The recipe of one file; its versions and environments are points of a matrix."""
    outline = Outline()
    for key in file.keys() - _QUIET:
        outline.note(file[key], f"`{key}` is left out")
    outline.keys["when"] = _read_branches(mapping_of(file.get("branches")), outline)
    systems = texts_of(file.get("os"))
    outline.keys["platforms"] = list(dict.fromkeys(PLATFORMS.get(one, one) for one in map(str, systems)))
    if systems:
        outline.note(systems[0], "platforms are called as your builders are")
    variables = _read_env(file, outline)
    exports = _read_matrix(file, variables, outline)
    _read_cache(file.get("cache"), outline)
    _note_rest(file, outline)
    _add_stages(file, exports, outline)
    return outline


def _read_env(file: Keys, outline: Outline) -> list[dict[str, str]]:
    """The plain variables of all go to the outline; returned are those of each point."""
    said = file.get("env")
    given = mapping_of(said)
    everywhere = (
        listed(given.get("global")) if given.keys() & {"global", "jobs", "matrix"} else [given] if given else []
    )
    points = listed(given.get("jobs") or given.get("matrix")) if given else listed(said)
    shared: dict[str, str] = {}
    for one in everywhere:
        shared |= _read_variables(one, outline)
    outline.keys["env"] = shared
    return [found for one in points if (found := _read_variables(one, outline))]


def _read_variables(said: Any, outline: Outline) -> dict[str, str]:
    if isinstance(said, Mapping):
        if "secure" in said:
            outline.note(said, "a secret: see `hubwright secret set`, and `secrets` of the stages that need it")
            return {}
        return {str(name): str(value) for name, value in said.items() if isinstance(value, Words)}
    return {found[1]: found[2].strip("\"'") for found in _ASSIGNMENT.finditer(str(said))}


def _read_matrix(file: Keys, variables: list[dict[str, str]], outline: Outline) -> list[str]:
    """The matrix of versions and environments; the lines that give a point's variables their old names."""
    axes: dict[str, Any] = {}
    for key in VERSIONS:
        values = [str(one) for one in texts_of(file.get(key))]
        if key in file and len(values) > 1:
            axes[key] = values
            outline.note(file[key], f"commands choose the version themselves: `$MATRIX_{key.upper()}` is the point's")
        elif values:
            outline.note(file[key], f"builders need {key} {values[0]}, or the stages an `image` that has it")
    names = list(dict.fromkeys(name for point in variables for name in point))
    if len(names) == 1 and all(point.keys() == {*names} for point in variables):
        axes[names[0].lower()] = [point[names[0]] for point in variables]
    elif variables:
        axes = _spread(axes, variables)
    jobs = mapping_of(file.get("jobs") or file.get("matrix"))
    include = [point for one in listed(jobs.get("include")) if (point := _read_point(one, names, outline))]
    if include:
        axes["include"] = [*axes.get("include", []), *include]
    exclude = [point for one in listed(jobs.get("exclude")) if (point := _read_point(one, names, outline))]
    outline.keys["matrix"] = {**axes, **({"exclude": exclude} if exclude else {})}
    if "allow_failures" in jobs:
        outline.note(jobs["allow_failures"], "`allow_failures` is left out: `allow_failure` is said of stages")
    return [
        f'[ -z "${{MATRIX_{name.upper()}+x}}" ] || ' + write_export(name, f"$MATRIX_{name.upper()}") for name in names
    ]


def _spread(axes: Mapping[str, list[str]], variables: list[dict[str, str]]) -> dict[str, Any]:
    """Environments of several variables have no axis: every combination is a point of its own."""
    points = []
    for versions, values in islice(product(product(*axes.values()), variables), MAX_POINTS):
        points.append(
            {**dict(zip(axes, versions, strict=True)), **{name.lower(): value for name, value in values.items()}}
        )
    return {"include": points}


def _read_point(said: Any, names: list[str], outline: Outline) -> dict[str, str]:
    """A job of `include` or `exclude` as a point; empty, with a note, where it says more than one can."""
    given = mapping_of(said)
    point: dict[str, str] = {}
    for key, value in given.items():
        if key in VERSIONS and isinstance(value, Words):
            point[key] = str(value)
        elif key == "env":
            found = [_read_variables(one, outline) for one in listed(value)]
            names += [name for one in found for name in one if name not in names]
            point |= {name.lower(): text for one in found for name, text in one.items()}
        elif key not in ("name", "dist", "sudo", "language"):
            outline.note(said, f"a job of its own with `{key}` has no counterpart as a point of the matrix: left out")
            return {}
    return point


def _read_branches(given: Mapping[str, Any], outline: Outline) -> Any:
    only, beside = texts_of(given.get("only")), texts_of(given.get("except"))
    for one in [*only, *beside]:
        if one.startswith("/"):
            outline.note(one, f"the branch {one} is a regular expression: write a glob")
    names = [str(one) for one in only if not one.startswith("/")]
    names += [f"!{one}" for one in beside if not one.startswith("/")]
    return [{"event": "push", "branch": names}, {"event": "pull_request", "branch": names}] if names else None


def _read_cache(said: Any, outline: Outline) -> None:
    given = mapping_of(said)
    folders = [str(one).replace("$HOME/", "~/") for one in texts_of(given.get("directories"))]
    kinds = (
        [str(one) for one in texts_of(said)] if not given else [key for key, value in given.items() if value == "true"]
    )
    paths = [*folders, *(_CACHES[one] for one in kinds if one in _CACHES)]
    for one in kinds:
        if one not in _CACHES and one not in ("false", "true"):
            outline.note(said, f"the cache `{one}` is left out: name its `paths`")
    if paths:
        outline.keys["cache"] = [{"paths": paths}]


def _note_rest(file: Keys, outline: Outline) -> None:
    addons = mapping_of(file.get("addons"))
    packages = [str(one) for one in texts_of(mapping_of(addons.get("apt")).get("packages"))]
    if packages:
        outline.note(addons, f"builders need these packages: {', '.join(packages[:50])}")
    for key in addons.keys() - {"apt"}:
        outline.note(addons[key], f"the addon `{key}` is left out")
    for service in texts_of(file.get("services")):
        outline.note(service, f"the service {service} runs on the builder, or is one of `services` beside an `image`")
    for key, what in (
        ("deploy", "write a stage with `when: {event: tag}` and `secrets`"),
        ("notifications", "receivers of mail, chats and IRC belong to the hub and the job"),
        ("git", "the builder checks out the commit alone"),
    ):
        if key in file:
            outline.note(file[key], f"`{key}` is left out: {what}")


def _add_stages(file: Keys, exports: list[str], outline: Outline) -> None:
    language = str(file.get("language") or "ruby").lower()
    install, script = DEFAULTS.get(language, ("", ""))
    phases = {name: [str(one) for one in texts_of(file.get(name))] for name in _BEFORE}
    if "install" not in file and install:
        phases["install"] = [install]
    if "script" not in file and script:
        phases["script"] = [script]
    phases = {name: [one for one in lines if one not in ("true", "skip", "false")] for name, lines in phases.items()}
    given = {name: lines for name, lines in phases.items() if lines}
    if any(_LEAKS.search("\n".join(lines)) for lines in [*given.values()][:-1]):
        outline.note(file, "what one phase exports another uses: they are one stage here, for stages share no shell")
        given = {"test": [line for lines in given.values() for line in lines]}
    bash = {"shell": "bash"}
    for name, lines in given.items():
        outline.add_stage("test" if name == "script" else name, "\n".join([*exports, *lines]), **bash)
    for name, status in _AFTER.items():
        if lines := [str(one) for one in texts_of(file.get(name))]:
            run = "\n".join([*exports, *lines])
            outline.add_stage(name, run, **bash, when={"status": status}, allow_failure="true")

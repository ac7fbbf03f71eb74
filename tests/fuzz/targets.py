"""Every target: what reads the bytes, what to begin with, and the words that its input is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fuzz import (
    file_targets,
    github_targets,
    irc_targets,
    log_targets,
    request_targets,
    seeds,
    text_targets,
    wire_targets,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One way in.

    `read` takes any bytes: True when they were understood, False when they were refused as promised; all else that it
    raises is a finding. `about` says what comes in, `seeds` are good inputs to begin with, `words` what is worth
    putting into them. `modules` (prefixes of names below `hubwright`) are what it is to reach.
    """

    read: Callable[[bytes], bool]
    about: str
    modules: tuple[str, ...]
    seeds: Callable[[], Iterable[bytes]]
    words: tuple[str, ...] = ()


TARGETS: dict[str, Target] = {
    "webhook": Target(
        read=github_targets.read_webhook,
        about="requests at the door for webhooks",
        modules=("github.webhook", "github.payloads"),
        seeds=seeds.webhooks,
        words=("payload=", "%7B", "\\ud800", "sha256="),
    ),
    "payload": Target(
        read=github_targets.read_payload,
        about="GitHub's payloads, spoiled",
        modules=("github.payloads", "github.record", "domain.replica_merge"),
        seeds=seeds.numbers(len(github_targets.PAYLOADS)),
    ),
    "api-answer": Target(
        read=github_targets.read_api_answer,
        about="answers of GitHub's API",
        modules=("github.answers",),
        seeds=seeds.answers,
        words=("link: ", "rel=", "retry-after: ", "date: ", "page="),
    ),
    "recipe": Target(
        read=text_targets.read_recipe,
        about="build files, as bytes",
        modules=("domain.recipe",),
        seeds=seeds.recipes,
        words=seeds.RECIPE_WORDS,
    ),
    "recipe-tree": Target(
        read=text_targets.read_recipe_tree,
        about="build files, spoiled",
        modules=("domain.recipe", "domain.planning", "domain.matching"),
        seeds=seeds.numbers(len(text_targets.TREES)),
    ),
    "job": Target(
        read=text_targets.read_job,
        about="definitions of jobs and folders",
        modules=("domain.job_definitions", "domain.job_nodes", "domain.job_patches", "domain.job_checks"),
        seeds=seeds.jobs,
    ),
    "foreign": Target(
        read=text_targets.read_foreign,
        about="build files of other systems",
        modules=("domain.foreign",),
        seeds=seeds.foreign,
        words=seeds.FOREIGN_WORDS,
    ),
    "detection": Target(
        read=text_targets.detect,
        about="trees without a build file",
        modules=("domain.detection",),
        seeds=seeds.trees,
    ),
    "frame": Target(
        read=wire_targets.read_frame,
        about="text frames, as bytes",
        modules=("wire.frames",),
        seeds=seeds.frames,
    ),
    "message": Target(
        read=wire_targets.read_message,
        about="messages of the wire, spoiled",
        modules=("wire.frames",),
        seeds=seeds.numbers(len(wire_targets.EXAMPLES)),
    ),
    "log-bytes": Target(
        read=wire_targets.read_log_bytes,
        about="binary frames",
        modules=("wire.frames",),
        seeds=seeds.log_bytes,
    ),
    "cache": Target(
        read=file_targets.unpack_cache,
        about="packed caches",
        modules=("builder.archives",),
        seeds=seeds.caches,
    ),
    "kept-file": Target(
        read=file_targets.look_into_file,
        about="files that are looked into for secrets",
        modules=("builder.packed", "builder.leaks"),
        seeds=seeds.kept_files,
    ),
    "archive": Target(
        read=file_targets.write_archive,
        about="names of files that are sent as a zip",
        modules=("domain.archive",),
        seeds=seeds.archives,
    ),
    "report": Target(
        read=file_targets.read_test_report,
        about="reports of tests",
        modules=("builder.harvest", "builder.report_cases", "builder.reports_"),
        seeds=lambda: seeds.files("reports"),
        words=seeds.REPORT_WORDS,
    ),
    "ansi": Target(
        read=log_targets.paint_log,
        about="logs on a page",
        modules=("domain.ansi",),
        seeds=seeds.logs,
        words=seeds.TERMINAL_WORDS,
    ),
    "channel": Target(
        read=log_targets.paint_channel,
        about="what is said on IRC, on a page",
        modules=("domain.channel_text",),
        seeds=seeds.sayings,
        words=("\x03", "\x02", "\x0f", "https://", "\x1f"),
    ),
    "log": Target(
        read=log_targets.read_log,
        about="groups, errors and escapes of logs",
        modules=("domain.log_groups", "domain.error_lines"),
        seeds=seeds.logs,
        words=seeds.LOG_WORDS,
    ),
    "problems": Target(
        read=log_targets.find_problems,
        about="what compilers and tests say",
        modules=("domain.problem",),
        seeds=seeds.told_problems,
        words=seeds.PROBLEM_WORDS,
    ),
    "secrets": Target(
        read=log_targets.hide_secrets,
        about="logs with secrets",
        modules=("builder.masking",),
        seeds=seeds.secret_logs,
        words=("::add-mask::", "\x1b[31m", "hunter2-", "second", "line"),
    ),
    "irc-server": Target(
        read=irc_targets.hear_server,
        about="lines of IRC servers",
        modules=("irc.session", "irc.scene", "irc.entry", "irc.lines"),
        seeds=seeds.irc_lines,
        words=seeds.IRC_WORDS,
    ),
    "irc-person": Target(
        read=irc_targets.hear_person,
        about="what people say to the bot",
        modules=("irc.orders", "irc.lines", "irc.subjects"),
        seeds=seeds.orders,
    ),
    "range": Target(
        read=request_targets.ask_range,
        about="ranges of bytes",
        modules=("web.api.windows",),
        seeds=seeds.ranges,
    ),
    "list": Target(
        read=request_targets.ask_list,
        about="cursors and filters of lists",
        modules=("store.replica_reading", "store.views_waiting", "store.scans"),
        seeds=seeds.lists,
    ),
    "condition": Target(
        read=request_targets.ask_condition,
        about="conditions, days, names and addresses",
        modules=("web.api.conditions", "domain.refs"),
        seeds=seeds.conditions,
    ),
}

"""`hubwright builder`: an agent that takes runs from a hub."""

from __future__ import annotations

import platform
from pathlib import Path

import click

from hubwright.builder.agent import Identity
from hubwright.builder.connection import Hub
from hubwright.builder.executors.terms import Policy
from hubwright.builder.slots import Bounds, Rules, read_bounds
from hubwright.cli.exits import Exit
from hubwright.cli.policies import policy_options
from hubwright.cli.via import CLUSTERS, via_options
from hubwright.config import Log, LogFormat, LogLevel
from hubwright.errors import ConflictError, HubAwayError, SettingsError
from hubwright.wiring.builder import PROTOCOLS, BuilderOptions, serve_builder
from hubwright.wiring.via import serve_via

IN_USE = 75
"""Exit code: the work folder has another builder (EX_TEMPFAIL)."""


def this_machine() -> str:
    """The default platform's name, like `linux-x86_64`."""
    return f"{platform.system()}-{platform.machine()}".lower()


def _default_work_dir() -> str:
    return str(Path.home() / ".local/share/hubwright/builder")


def _read_slots(_context: click.Context, _parameter: click.Parameter, text: str) -> Bounds:
    try:
        return read_bounds(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.option("--hub", required=True, envvar="HUBWRIGHT_URL", help="Address of the hub, http(s)://…")
@click.option("--token", envvar="HUBWRIGHT_BUILDER_TOKEN", help="Better in the environment or a file: ps shows it.")
@click.option("--token-file", envvar="HUBWRIGHT_BUILDER_TOKEN_FILE", type=click.Path(path_type=Path))
@click.option("--join", envvar="HUBWRIGHT_BUILDER_JOIN", help="A join token: used up once, not needed afterwards.")
@click.option("--name", envvar="HUBWRIGHT_BUILDER_NAME", help="Default: as it joined, else the host's name.")
@click.option("--platform", "place", envvar="HUBWRIGHT_BUILDER_PLATFORM", help="Default: as here.")
@click.option("--label", "labels", multiple=True, help="What the builder has; may be given several times.")
@click.option(
    "--slots", "bounds", envvar="HUBWRIGHT_BUILDER_SLOTS", default="1", metavar="N|A..B", callback=_read_slots,
    help="Runs at a time, or the bounds between which their number follows the waiting work.",
)  # fmt: skip
@click.option(
    "--slots-idle", default=60.0, type=click.FloatRange(0), metavar="SECONDS", help="How long a slot may be idle."
)
@click.option(
    "--slots-load", default=90, type=click.IntRange(1), metavar="PERCENT", help="No slot is added above this load."
)
@click.option("--once", is_flag=True, help="Take one run and end.")
@click.option(
    "--idle-exit", default=0.0, type=click.FloatRange(0), metavar="SECONDS", help="End after so long without a run."
)
@click.option(
    "--executor", envvar="HUBWRIGHT_BUILDER_EXECUTOR", default="auto", help="auto, process, bubblewrap or container."
)
@click.option(
    "--work-dir", envvar="HUBWRIGHT_BUILDER_WORK_DIR", default=_default_work_dir, type=click.Path(path_type=Path)
)
@click.option("--mirrors", type=click.Path(path_type=Path), help="Folder of git mirrors. Default: in the work folder.")
@policy_options
@click.option("--allow-file-protocol", is_flag=True, help="git may fetch from this machine's folders.")
@click.option("--protocols", envvar="HUBWRIGHT_GIT__ALLOW_PROTOCOLS", default=PROTOCOLS, help="What git may speak.")
@click.option(
    "--log-format",
    envvar="HUBWRIGHT_LOG__FORMAT",
    default="auto",
    type=click.Choice(["auto", "json", "text"]),
    help="How the builder's own log is written. Default: text on a terminal, else JSON.",
)
@click.option(
    "--log-level", envvar="HUBWRIGHT_LOG__LEVEL", default="info",
    type=click.Choice(["debug", "info", "warning", "error"]), help="What it has.",
)  # fmt: skip
@click.option("--parent-pid", type=int, hidden=True)
@click.option(
    "--via", type=click.Choice(CLUSTERS), help="Submit builders for one run each to this scheduler, --slots at a time."
)
@click.option(
    "--submit-option", "submit_options", multiple=True, metavar="OPTION", help="With --via, for sbatch: --partition=ci."
)
def builder(  # noqa: PLR0913  one argument an option
    *, hub: str, token: str | None, token_file: Path | None, join: str | None, name: str | None, place: str | None,
    labels: tuple[str, ...], bounds: Bounds, slots_idle: float, slots_load: int, once: bool, idle_exit: float,
    executor: str, work_dir: Path, mirrors: Path | None, policy: Policy, allow_file_protocol: bool, protocols: str,
    log_format: LogFormat, log_level: LogLevel, parent_pid: int | None, via: str | None,
    submit_options: tuple[str, ...],
) -> int:  # fmt: skip
    """Be a builder of a hub: take runs, work them off, tell how they went.

    SIGTERM: take no more and end when all is delivered; a second one cancels what runs.
    """
    protocols = ":".join(protocols.replace(",", ":").split(":") + (["file"] if allow_file_protocol else []))
    address, logged = Hub(_check_hub(hub), _read_token(token, token_file)), Log(format=log_format, level=log_level)
    try:
        if via is not None:
            serve_via(via_options(click.get_current_context(), address, this_machine(), logged))
            return 0
        if submit_options:
            raise SettingsError("--submit-option is for builders that are submitted: give --via too.")
        options = BuilderOptions(
            hub=address,
            join=join,
            named=name is not None,
            placed=place is not None,
            identity=Identity(
                name=name or platform.node(),
                platform=place or this_machine(),
                labels=labels,
                slots=bounds.least,
                most_slots=bounds.most,
                slot_rules=Rules(patience=slots_idle, busy=slots_load / 100),
                once=once,
                idle_exit=idle_exit,
                parent_pid=parent_pid,
            ),
            work_dir=work_dir.absolute(),
            mirrors=(mirrors or work_dir / "mirrors").absolute(),
            executor=executor,
            policy=policy,
            protocols=protocols,
            machine=this_machine(),
            log=logged,
        )
        serve_builder(options)
    except (ConflictError, HubAwayError) as error:
        click.echo(f"Error: {error}", err=True)
        return Exit.BROKEN if isinstance(error, HubAwayError) else IN_USE
    return 0


def _check_hub(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"--hub {url!r} is no address: it must begin with http:// or https://.")
    return url


def _read_token(token: str | None, file: Path | None) -> str:
    """The token that was given; "" for none: then it has joined, or joins now."""
    if file is not None:
        try:
            token = file.read_text().strip()
        except OSError as error:
            raise SettingsError(f"The token file {file} can't be read: {error.strerror}.") from error
    return token or ""

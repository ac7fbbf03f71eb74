"""A notification on the desktop, by what the system has for it; where it has nothing, the terminal rings its bell.

What is told has names from outside in it. It goes as arguments or in the environment, never into a shell or a script.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hubwright.cli.output import shown
from hubwright.domain.wording import Look

TIMEOUT = 5.0
"""Seconds that a notification may take: it is not worth more."""

_MAX_TEXT = 300

_OSASCRIPT = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)
"""https://developer.apple.com/library/archive/documentation/LanguagesUtilities/Conceptual/MacAutomationScriptingGuide/"""

_TITLE, _TEXT = "HUBWRIGHT_NOTICE_TITLE", "HUBWRIGHT_NOTICE_TEXT"
_TOAST = f"""
[void][Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType = WindowsRuntime]
$toast = [Windows.UI.Notifications.ToastNotificationManager]::GetTemplateContent('ToastText02')
$texts = $toast.GetElementsByTagName('text')
[void]$texts.Item(0).AppendChild($toast.CreateTextNode($env:{_TITLE}))
[void]$texts.Item(1).AppendChild($toast.CreateTextNode($env:{_TEXT}))
$from = '{{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}}\\WindowsPowerShell\\v1.0\\powershell.exe'
$shower = [Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier($from)
$shower.Show([Windows.UI.Notifications.ToastNotification]::new($toast))
"""
"""For Windows PowerShell 5, which every Windows has: later ones can't reach WinRT. The texts are in the environment."""

Find = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Command:
    """What shows a notification: a program with its arguments, and variables that it gets besides."""

    arguments: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


def notify(look: Look, title: str, text: str) -> None:
    """Tell who sits at this machine how something ended; nothing that goes wrong here is an error."""
    command = choose_command(sys.platform, os.environ, shutil.which, f"{look.sign} {look.word}: {title}", text)
    if (command is None or not _run(command)) and sys.stderr.isatty():
        sys.stderr.write("\a")
        sys.stderr.flush()


def choose_command(platform: str, environment: Mapping[str, str], find: Find, title: str, text: str) -> Command | None:
    """The command for this system (`sys.platform`); None where no desktop can be reached, over SSH for instance.

    `title` must not begin with a dash. `find` gives the path of a program, as `shutil.which`.
    """
    title, text = (shown(one)[:_MAX_TEXT] for one in (title, text))
    windows = platform == "win32" or "WSL_DISTRO_NAME" in environment
    if windows and (found := find("powershell.exe")):
        return _toast(found, environment, title, text)
    if platform == "darwin" and "SSH_CONNECTION" not in environment and (found := find("osascript")):
        script = (word for line in _OSASCRIPT for word in ("-e", line))
        return Command((found, *script, title, text))
    seats = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS")
    if any(environment.get(seat) for seat in seats) and (found := find("notify-send")):
        return Command((found, "--app-name=Hubwright", "--", title, _escape_body(text)))
    return None


def _toast(program: str, environment: Mapping[str, str], title: str, text: str) -> Command:
    passed = {_TITLE: title, _TEXT: text}
    if "WSL_DISTRO_NAME" in environment:  # what is not named there stays on the side of Linux
        names = [name for name in (environment.get("WSLENV"), _TITLE, _TEXT) if name]
        passed["WSLENV"] = ":".join(names)
    return Command((program, "-NoProfile", "-NonInteractive", "-Command", _TOAST), passed)


def _escape_body(text: str) -> str:
    """notify-send reads backslashes as C does; desktops read the body as a little HTML.

    https://specifications.freedesktop.org/notification-spec/latest/markup.html
    """
    body = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return body.replace("\\", "\\\\")


def _run(command: Command) -> bool:
    """Whether it was shown."""
    try:
        done = subprocess.run(
            command.arguments,
            env={**os.environ, **command.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0

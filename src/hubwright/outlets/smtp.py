"""Mail by SMTP, with the standard library: https://docs.python.org/3/library/smtplib.html."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hubwright.errors import OutletError, OutletRefusedError

TIMEOUT = 20.0
"""Seconds for each step of a conversation."""

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A mail server. `security`: `smtp` is plain, `smtp+starttls` must become TLS, `smtps` is from the start."""

    security: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None


def read_server(url: str, ca_file: Path | None = None) -> Server:
    """`smtps://USER:PASSWORD@HOST:PORT` and kin. Raises OutletError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in {"", "/"}:
        raise OutletError("An address like smtp+starttls://USER:PASSWORD@HOST:587, smtps:// or smtp:// is expected.")
    return Server(
        security=parts.scheme,
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        ca_file=ca_file,
    )


def send_mail(server: Server, message: EmailMessage, sender: str, recipient: str) -> None:
    """Hand one message to the server. Raises OutletError; OutletRefusedError when it never will be taken."""
    try:
        with _connect(server) as connection:
            if server.user is not None:
                connection.login(server.user, server.password or "")
            connection.send_message(message, sender, [recipient])
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        code, told = _read_refusal(error)
        problem = f"The mail server refused mail to {recipient}: {code} {told}"
        # 5yz is for good, 4yz is not: https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1
        raise (OutletRefusedError(problem) if code >= 500 else OutletError(problem)) from error
    except (OSError, smtplib.SMTPException) as error:  # a wrong password too: it is soon put right
        raise OutletError(f"The mail server {server.host} can't be used: {error}") from error


def probe_server(server: Server, timeout: float = TIMEOUT) -> None:
    """Greet the server, with TLS and password as for a mail, and say good-bye. Raises OutletError."""
    try:
        with _connect(server, timeout) as connection:
            if server.user is not None:
                connection.login(server.user, server.password or "")
            connection.noop()
    except (OSError, smtplib.SMTPException) as error:
        raise OutletError(f"The mail server {server.host} can't be used: {error}") from error


def _connect(server: Server, timeout: float = TIMEOUT) -> smtplib.SMTP:
    trust = ssl.create_default_context(cafile=server.ca_file)
    if server.security == "smtps":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=timeout, context=trust)
    connection = smtplib.SMTP(server.host, server.port, timeout=timeout)
    if server.security == "smtp+starttls":
        try:
            connection.starttls(context=trust)
        except BaseException:
            connection.close()
            raise
    return connection


def _read_refusal(error: smtplib.SMTPException) -> tuple[int, str]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, told = next(iter(error.recipients.values()))
    else:
        code, told = getattr(error, "smtp_code", 400), getattr(error, "smtp_error", b"")
    return int(code), told.decode("utf-8", "replace")[:200] if isinstance(told, bytes) else str(told)[:200]

"""The kinds of values that settings have. A description says what is expected, as the end of "... is expected"."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

_SECRET = {"secret": True}

Text = Annotated[str, Meta(min_length=1, description="some text")]
Host = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:%-]+$", description="a name or an IP address of this machine")]
Secret = Annotated[str, Meta(min_length=1, description="a secret", extra=_SECRET)]
Secrets = Annotated[tuple[Secret, ...], Meta(description="a list of secrets (JSON or comma-separated)", extra=_SECRET)]
Names = Annotated[tuple[Text, ...], Meta(description="a list of names (JSON or comma-separated)")]
Labels = Annotated[
    tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9._+-]{1,100}$")], ...],
    Meta(description="a list of labels (JSON or comma-separated)"),
]
Accounts = Annotated[
    tuple[Annotated[str, Meta(pattern=r"^[^\s=]+=[A-Za-z0-9-]{1,39}$", description="ACCOUNT=LOGIN")], ...],
    Meta(description="a list of ACCOUNT=LOGIN (JSON or comma-separated)"),
]
Switch = Annotated[bool, Meta(description="true or false")]
Chosen = Annotated[Literal["off", "jobs", "all"], Meta(description="off, jobs or all")]
Port = Annotated[int, Meta(ge=0, le=65535, description="a port number from 0 (any free one) to 65535")]
Count = Annotated[int, Meta(ge=1, description="a whole number from 1")]
Days = Annotated[int, Meta(ge=1, description="a number of days from 1")]
WholeSeconds = Annotated[
    int, Meta(ge=1, description="a whole number of seconds, or a time like 45m", extra={"unit": "seconds"})
]
Seconds = Annotated[float, Meta(gt=0, description="a number of seconds, or a time like 45m", extra={"unit": "seconds"})]
Bytes = Annotated[int, Meta(ge=1, description="a number of bytes, or a size like 256MiB", extra={"unit": "bytes"})]
SlotBounds = Annotated[
    str,
    Meta(
        pattern=r"^(\d{1,3}\.\.)?[1-9]\d{0,2}$",
        description="a whole number from 1, or bounds like 0..4,",
        extra={"unit": "slots"},
    ),
]
Url = Annotated[
    str, Meta(pattern=r"^https?://[^/]", description="an address like https://host", extra={"is_base": True})
]
TraceUrl = Annotated[
    str,
    Meta(pattern=r"^https?://[^/]+/.*\{trace\}", description="an address like https://HOST/trace/{trace}"),
]
DocsUrl = Annotated[
    str,
    Meta(pattern=r"^https?://[^/]+/.*\{page\}", description="an address like https://HOST/{page}.html"),
]
DatabaseUrl = Annotated[
    str,
    Meta(
        pattern=r"^(sqlite:///|postgresql(\+psycopg)?://)",
        description="sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME",
    ),
]
BrokerUrl = Annotated[str, Meta(pattern=r"^(rediss?|amqps?)://", description="redis://HOST/0 or amqp://HOST")]
RedisUrl = Annotated[str, Meta(pattern=r"^(rediss?|unix)://", description="an address like redis://HOST/0")]
MailUrl = Annotated[
    str,
    Meta(
        pattern=r"^smtp(s|\+starttls)?://",
        description="an address like smtp+starttls://USER:PASSWORD@HOST:587",
        extra=_SECRET,
    ),
]
StorageUrl = Annotated[str, Meta(pattern=r"^(file|s3|gs|az)://", description="file:///PATH or s3://BUCKET/PREFIX")]
CloneBase = Annotated[
    str,
    Meta(
        pattern=r"^(https?|ssh|git|file)://",
        description="an address like https://github.com, to which /OWNER/NAME.git is added",
        extra={"is_base": True},
    ),
]

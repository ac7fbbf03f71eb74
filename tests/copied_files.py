"""Files of an object store carried to and fro by rclone, set up as docs/object-store.md says."""

from __future__ import annotations

import os
import subprocess


def copy_files(source: str, target: str) -> None:
    """`rclone copy`; what begins with `store:` is in the S3 server that the environment names."""
    settings = {
        "TYPE": "s3", "PROVIDER": "Other", "ENV_AUTH": "true", "NO_CHECK_BUCKET": "true",
        "ENDPOINT": os.environ["AWS_ENDPOINT_URL"],
    }  # fmt: skip
    needed = ("PATH", "HOME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
    environment = {key: os.environ[key] for key in needed}  # of the machine's own AWS_CA_BUNDLE it makes an error
    environment |= {f"RCLONE_CONFIG_STORE_{key}": value for key, value in settings.items()}
    argv = ["rclone", "--config=", "copy", source, target]
    subprocess.run(argv, check=True, timeout=120, env=environment)


def in_rclone(url: str) -> str:
    """What rclone calls `s3://bucket/prefix`."""
    return f"store:{url.removeprefix('s3://')}"

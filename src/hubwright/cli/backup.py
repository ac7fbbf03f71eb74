"""`hubwright backup` and `hubwright restore`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from hubwright.cli.options import settings_of, settings_options
from hubwright.cli.output import json_option, print_json, print_line, tell
from hubwright.domain.wording import word_size
from hubwright.hub.backups import drop_backups
from hubwright.wiring import backups


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--files/--no-files", default=True, help="Also artifacts, caches and filed builds.")
@click.option("--keep", type=click.IntRange(min=1), help="Delete all backups in FOLDER but so many, the newest.")
@settings_options
@json_option
def backup(
    *, folder: Path, files: bool, keep: int | None, config: Path | None, data_dir: str | None, as_json: bool
) -> None:
    """Copy an embedded installation into a new folder below FOLDER, while its hub runs.

    No key is in it: keep copies of secrets.key and signing.key somewhere else.
    """
    settings = settings_of(config, data_dir=data_dir)
    kept = backups.back_up(settings, folder, time.time(), with_storage=files)
    if kept.gone:
        tell(f"{kept.gone} files were deleted by the hub while they were copied.")
    dropped = drop_backups(folder, keep) if keep is not None else 0
    if dropped:
        tell(f"{dropped} older backups are deleted.")
    if as_json:
        told = {"folder": str(kept.folder), "made_at": kept.manifest.made_at, "files": kept.manifest.files}
        print_json({**told, "bytes": kept.manifest.size, "gone": kept.gone, "dropped": dropped})
    else:
        print_line(f"{kept.folder}: {kept.manifest.files:,} files of {word_size(kept.manifest.size)}")


@click.command()
@click.argument("folder", metavar="BACKUP", type=click.Path(exists=True, file_okay=False, path_type=Path))
@settings_options
@json_option
def restore(*, folder: Path, config: Path | None, data_dir: str | None, as_json: bool) -> None:
    """Make an installation of BACKUP, which every byte is compared with. There must be no database yet."""
    settings = settings_of(config, data_dir=data_dir)
    manifest = backups.restore(settings, folder)
    missing = backups.find_missing_keys(settings, manifest)
    if missing:
        tell(f"Its secrets need keys that are not here ({', '.join(missing)}): put your copy of secrets.key into")
        tell(f"{settings.data_dir}, or the keys into SECRETS__KEYS, before the hub starts.")
    if as_json:
        print_json({"made_at": manifest.made_at, "files": manifest.files, "missing_keys": missing})
    else:
        print_line(f"Restored as of {manifest.made_at}: {manifest.files:,} files of {word_size(manifest.size)}.")

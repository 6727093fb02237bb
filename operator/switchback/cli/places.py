"""Options that say where restore points are: a folder, or a bucket. No driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.snapshots.places import Place

KEEPS = "DIR|s3://BUCKET/PREFIX"
POINT = "DIR|s3://BUCKET/PREFIX/NAME"

_region = click.option(
    "--region", default="", metavar="REGION", help="Region of the bucket; default: the environment's."
)
_endpoint = click.option(
    "--endpoint-url", default="", metavar="URL", help="Service that the bucket is at, if it is not AWS."
)
_kms = click.option(
    "--kms-key-id", default="", metavar="KEY", help="Key that the bucket encrypts with (SSE-KMS)."
)


def bucket(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options for reading from a bucket."""
    return _region(_endpoint(command))


def kept_in(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where restore points are kept."""
    to = click.option(
        "--to", required=True, metavar=KEEPS, help="Folder or bucket that holds the restore points."
    )
    return to(bucket(command))


def written_to(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where restore points are kept, for a command that makes one."""
    scratch = click.option(
        "--scratch", metavar="DIR", help="Folder that a dump is made in before it is uploaded to a bucket."
    )
    return kept_in(_kms(scratch(command)))


def place(text: str, values: dict[str, Any]) -> Place:
    """What `text` and the options together name."""
    from switchback.snapshots.places import Place  # noqa: PLC0415 - help must not import the driver

    return Place(text, values["region"], values["endpoint_url"], values.get("kms_key_id", ""))

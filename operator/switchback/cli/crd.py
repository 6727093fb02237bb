"""`switchback crd`: print the CustomResourceDefinition."""

from __future__ import annotations

import click

from switchback.cli.options import INSTALL_OPERATOR
from switchback.contract.exits import ExitCode


@click.command("crd")
def command() -> None:
    """Print the CustomResourceDefinition of DatabaseMigration as YAML.

    Install it with: switchback crd | kubectl apply --server-side -f -

    It needs the operator's packages: pip install '/path/to/checkout[operator]'. A checkout has the same text
    in its folder crds.
    """
    try:
        from switchback.api import crd  # noqa: PLC0415 - pydantic loads only when it is needed
    except ImportError as error:
        click.echo(
            f"switchback crd needs the package {error.name}, which comes with the operator: "
            f"{INSTALL_OPERATOR}",
            err=True,
        )
        raise SystemExit(ExitCode.USAGE) from None
    click.echo(crd.text(), nl=False)

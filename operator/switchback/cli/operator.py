"""`switchback operator`: run the operator."""

from __future__ import annotations

import click

from switchback.cli.options import INSTALL_OPERATOR
from switchback.contract.exits import ExitCode


@click.command("operator")
@click.option(
    "--runner-image",
    envvar="SWITCHBACK_RUNNER_IMAGE",
    show_envvar=True,
    required=True,
    help="Image of the Jobs; usually the operator's own.",
)
@click.option(
    "--runner-pull-policy",
    envvar="SWITCHBACK_RUNNER_PULL_POLICY",
    show_envvar=True,
    default="IfNotPresent",
    type=click.Choice(["Always", "IfNotPresent", "Never"]),
    help="When the kubelet pulls that image.",
)
@click.option(
    "--client-images",
    envvar="SWITCHBACK_CLIENT_IMAGES",
    show_envvar=True,
    default="{}",
    help='Images with pg_dump by server major version, as JSON: {"15": "postgres:15"}.',
)
@click.option(
    "--namespaces",
    envvar="SWITCHBACK_NAMESPACES",
    show_envvar=True,
    default="",
    help="Namespaces to serve, between commas. Empty: all.",
)
@click.option(
    "--pod-namespace",
    envvar="POD_NAMESPACE",
    show_envvar=True,
    default="default",
    help="Namespace of the Lease.",
)
@click.option(
    "--pod-name", envvar="POD_NAME", show_envvar=True, default="switchback", help="Who holds the Lease."
)
@click.option(
    "--lease-name",
    envvar="SWITCHBACK_LEASE_NAME",
    show_envvar=True,
    default="switchback",
    help="Name of the Lease by which one operator is elected.",
)
@click.option(
    "--approval-policy",
    envvar="SWITCHBACK_APPROVAL_POLICY",
    show_envvar=True,
    default="",
    help="ValidatingAdmissionPolicy without which no approval counts. Empty: approvals count without one.",
)
@click.option(
    "--installation",
    envvar="SWITCHBACK_INSTALLATION",
    show_envvar=True,
    default="",
    help="Id that is written on restore points, to tell those of several operators apart.",
)
@click.option(
    "--rds-allow",
    envvar="SWITCHBACK_RDS_ALLOW",
    show_envvar=True,
    default="[]",
    help="Which namespaces may use which instances of Amazon RDS, as JSON: "
    '[{"namespaces": ["shop"], "instances": ["shop-*"]}]. Empty: none.',
)
@click.option(
    "--log-level",
    envvar="SWITCHBACK_LOG_LEVEL",
    show_envvar=True,
    default="info",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="How much is logged.",
)
@click.option(
    "--log-format",
    envvar="SWITCHBACK_LOG_FORMAT",
    show_envvar=True,
    default="json",
    type=click.Choice(["json", "text"]),
    help="How it is logged.",
)
@click.option(
    "--port",
    envvar="SWITCHBACK_PORT",
    show_envvar=True,
    default=8080,
    type=click.IntRange(0, 65535),
    help="Port of /healthz, /readyz and /metrics; 0 takes a free one.",
)
def command(
    log_level: str, log_format: str, namespaces: str, client_images: str, rds_allow: str, **fixed: str | int
) -> None:
    """Run the operator: watch DatabaseMigrations and do what they ask for.

    In a pod it logs in with the service account, elsewhere with KUBECONFIG. It needs the CRD to be installed.
    """
    try:
        # The operator's libraries take a second to load; nothing else should wait for them.
        from switchback.controller import log, main, settings  # noqa: PLC0415
    except ImportError as error:
        click.echo(
            f"switchback operator needs the package {error.name}, which comes with the operator: "
            f"{INSTALL_OPERATOR}",
            err=True,
        )
        raise SystemExit(ExitCode.USAGE) from None
    try:
        chosen = settings.Settings(
            namespaces=settings.namespaces(namespaces),
            client_images=settings.client_images(client_images),
            rds_allow=settings.rds_allow(rds_allow),
            **fixed,  # type: ignore[arg-type]  # click has checked each of them
        )
    except settings.SettingsError as error:
        click.echo(f"switchback operator: {error}", err=True)
        raise SystemExit(ExitCode.USAGE) from None
    log.configure(log_level, log_format)
    raise SystemExit(main.run(chosen))

"""`switchback explain`: what the operator would do with a manifest."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.options import INSTALL_OPERATOR


@click.command("explain")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-n",
    "--namespace",
    default="",
    metavar="NAME",
    help="Namespace of what names none; default: that of the context.",
)
@click.option(
    "--context", default="", metavar="NAME", help="Context of the kubeconfig; its cluster has to answer."
)
@click.option(
    "--kubeconfig",
    default="",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Default: KUBECONFIG, else ~/.kube/config.",
)
@click.option("--offline", is_flag=True, help="Ask no cluster, look only at the files.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON on stdout.")  # fmt: skip
def command(**values: Any) -> int:
    """Tell what the operator would do with DatabaseMigrations. Changes nothing, anywhere.

    FILE is YAML or JSON with any number of documents; - is standard input. ConfigMaps, Secrets and claims in
    the same files count as applied together with the resource. Of Secrets only names are looked at.

    The manifest is judged as the API server would, all mistakes at once. When a cluster can be reached, it is
    asked: a dry run of the manifest and of the Jobs, the resource as it is there, what the spec names. Then
    the operator's own decisions are played through, in every case in which the database may be.

    Exit codes: 0 nothing refuses it, 2 a manifest is invalid, 7 the cluster of --context or --kubeconfig
    does not answer, 11 something would refuse it, whichever case comes.
    """
    try:
        from switchback.cli import explain_work  # noqa: PLC0415 - help must not wait for the operator's packages
    except ImportError as error:
        raise click.ClickException(  # who has asked for JSON gets it: `main.run` sees to that
            f"switchback explain needs the package {error.name}, which comes with the operator: "
            f"{INSTALL_OPERATOR}"
        ) from None
    return explain_work.run(
        explain_work.Wishes(
            files=tuple(values["files"]),
            namespace=values["namespace"],
            context=values["context"],
            kubeconfig=values["kubeconfig"],
            offline=values["offline"],
            json=values["as_json"],
        )
    )

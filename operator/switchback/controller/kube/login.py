"""Where the API server is and who we are there: service account in a pod, kubeconfig on a desk.

The official client (`kubernetes.aio`) does what is easy to get wrong: reading kubeconfigs with certificates,
tokens and exec plugins, following a service account's token as it is renewed, TLS. Its generated models are
not used: reading a list of 20 pods through them costs 8 ms of processor time against 0.7 ms as plain JSON.
The package itself adds 2 MiB to a process that has loaded kopf, which imports it anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

# The client has no annotations for these two.
_in_cluster: Callable[..., None] = load_incluster_config
_kubeconfig: Callable[..., Awaitable[None]] = load_kube_config


class LoginError(Exception):
    """Neither a service account nor a usable kubeconfig. The message says what was tried and what to do."""


async def login(environ: Mapping[str, str]) -> Configuration:
    """The client's configuration, by the first way that is there.

    Args:
        environ: `KUBERNETES_SERVICE_HOST` marks a pod; else `KUBECONFIG`, or `~/.kube/config`.

    Raises:
        LoginError: the way that applies does not work.
    """
    configuration = Configuration()
    # Proxies come from the kubeconfig. Reading them (and ~/.netrc) from the environment on each request
    # would more than double its cost.
    configuration.client_session_kwargs = {"trust_env": False}
    try:
        if environ.get("KUBERNETES_SERVICE_HOST"):
            _in_cluster(client_configuration=configuration)
        else:
            await _kubeconfig(
                config_file=environ.get("KUBECONFIG") or None,
                client_configuration=configuration,
                persist_config=False,  # a renewed token is not worth rewriting somebody's file
            )
    except (ConfigException, OSError, ValueError) as error:
        raise LoginError(
            f"no way to log in to Kubernetes: {error}. In a pod, mount the service account's token; "
            "elsewhere, set KUBECONFIG to a kubeconfig file."
        ) from None
    return configuration

"""The fake AWS as a server in this process."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import MotoRequestHandler
from typing_extensions import override
from werkzeug.serving import ThreadedWSGIServer

from tests.aws.control import Control, serve
from tests.aws.place import listening_in
from tests.aws.shim import Shim
from tests.aws.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_rds import RDSClient
    from types_boto3_s3 import S3Client
    from types_boto3_sts import STSClient

KEY_ID = "AKIAFAKEFORTESTS0000"
KEY = "not-a-secret"


class FakeAws(Control):
    """An AWS on a port of its own, while the `with` lasts. One at a time in a process: moto is global.

    Args:
        host: the address to listen on.
        port: 0 takes a free one.
        netns: the network namespace that the address is in. Pods of the test bed reach the address of
            their node, and so does this machine: `node_ip` in `netns` of the bed.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, netns: Path | None = None) -> None:
        super().__init__(Shim(World()))
        # Werkzeug ends the whole process when a port is taken.
        with listening_in(netns, host, port) as listening:
            self._server = ThreadedWSGIServer(host, port, self._shim, handler=_Handler, fd=listening.fileno())
        self._shim.control = functools.partial(serve, Control(self._shim))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._clients: dict[str, Any] = {}
        self.host = host
        self.port: int = self._server.port
        self.url = f"http://{host}:{self.port}"

    def __enter__(self) -> Self:
        self.reset()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def environment(self) -> dict[str, str]:
        """What makes an AWS client in another process talk to this one."""
        return environment(self.url, self._world.settings.region)

    def rds(self, **config: Any) -> RDSClient:
        """A client that never tries twice, unless the config says so."""
        return self._client("rds", config)  # type: ignore[no-any-return]

    def s3(self, **config: Any) -> S3Client:
        """A client that never tries twice, unless the config says so."""
        return self._client("s3", config)  # type: ignore[no-any-return]

    def sts(self, **config: Any) -> STSClient:
        """A client that never tries twice, unless the config says so."""
        return self._client("sts", config)  # type: ignore[no-any-return]

    def _client(self, service: Any, config: dict[str, Any]) -> Any:
        """One for each service and config: to make one takes a tenth of a second."""
        region = self._world.settings.region
        name = f"{service} {region} {config}"
        if name not in self._clients:
            self._clients[name] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=region,
                aws_access_key_id=KEY_ID,
                aws_secret_access_key=KEY,
                config=Config(**{"retries": {"total_max_attempts": 1}} | config),
            )
        return self._clients[name]


def environment(url: str, region: str = "eu-central-1") -> dict[str, str]:
    """What makes an AWS client in another process talk to a fake AWS."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class _Handler(MotoRequestHandler):
    """Says nothing: the calls are in the book."""

    @override
    def log(self, type: str, message: str, *args: Any) -> None:
        pass

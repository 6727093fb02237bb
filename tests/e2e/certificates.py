"""An authority and a server's certificate, made anew for a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.run import run

if TYPE_CHECKING:
    from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


def make(folder: Path, host: str) -> tuple[str, str, str]:
    """(the authority's certificate, the server's, the server's key), in PEM format."""
    ca, ca_key, request, certificate, key = (
        folder / name for name in ("ca.crt", "ca.key", "server.csr", "server.crt", "server.key")
    )
    subject = ("-subj", "/CN=authority of a test", "-days", "2")
    run(["openssl", "req", "-x509", *_KEY, "-keyout", ca_key, "-out", ca, *subject])
    name = ("-subj", "/CN=server", "-addext", f"subjectAltName=DNS:{host}")
    run(["openssl", "req", *_KEY, "-keyout", key, "-out", request, *name])
    signed = ("-CA", ca, "-CAkey", ca_key, "-days", "2", "-copy_extensions", "copy")
    run(["openssl", "x509", "-req", "-in", request, "-out", certificate, *signed])
    return ca.read_text(), certificate.read_text(), key.read_text()

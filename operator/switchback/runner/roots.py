"""The public authorities of this machine, for `sslrootcert=system`.

The TLS library that comes with the driver looks for them where its builder has, which is no folder here. The
variables that it asks first are those of OpenSSL, so that whoever has set them is followed.
"""

from __future__ import annotations

import os
from pathlib import Path

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError

SYSTEM = "system"
"""The value of sslrootcert that means them."""

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)
_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def provide() -> None:
    """Make the driver's TLS library find them.

    Raises:
        RunnerError: `TLSFailed` when this machine has none.
    """
    if any(os.environ.get(name) for name in _VARIABLES):
        return
    os.environ[_VARIABLES[0]] = str(bundle())


def bundle() -> Path:
    """The file that holds them, in PEM format.

    Raises:
        RunnerError: `TLSFailed` when this machine has none.
    """
    chosen = os.environ.get(_VARIABLES[0], "")
    found = next((Path(path) for path in (chosen, *BUNDLES) if path and Path(path).is_file()), None)
    if found is None:
        raise RunnerError(
            Reason.TLS_FAILED,
            "sslrootcert is `system`, and this machine has no bundle of public authorities.",
            "Install ca-certificates, or name a file: sslrootcert in the URL, PGSSLROOTCERT, "
            "spec.database.caFrom.",
        )
    return found

"""Throw-away certificates and kubeconfigs of one bed."""

from __future__ import annotations

import base64
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.cluster.run import run

if TYPE_CHECKING:
    from pathlib import Path

_DAYS = "365"
_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
# Without a configuration of our own, openssl marks every certificate as an authority.
_OPENSSL = "[req]\ndistinguished_name = dn\n[dn]\n"
# kubeconfig name -> subject
_CLIENTS = {
    "admin": "/O=system:masters/CN=admin",
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "node": "/O=system:nodes/CN=system:node:{node}",
    "proxy": "/CN=system:kube-proxy",
}


@dataclass(frozen=True)
class _Certificate:
    name: str
    subject: str
    usage: str
    names: str = ""


def create(folder: Path, *, node: str, node_ip: str, service_ip: str) -> None:
    """Write a fresh authority, certificates, service account keys and kubeconfigs into `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    (folder / "openssl.cnf").write_text(_OPENSSL)
    _authority(folder)
    local = f"IP:127.0.0.1,IP:{node_ip},DNS:localhost"
    service = "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
    certificates = [
        _Certificate("apiserver", "/CN=kube-apiserver", "serverAuth", f"{local},IP:{service_ip},{service}"),
        _Certificate("kubelet-server", f"/CN={node}", "serverAuth", f"{local},DNS:{node}"),
        *(_Certificate(name, subject.format(node=node), "clientAuth") for name, subject in _CLIENTS.items()),
    ]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda certificate: _sign(folder, certificate), certificates))
    run(["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", folder / "sa.key"])
    run(["openssl", "ec", "-in", folder / "sa.key", "-pubout", "-out", folder / "sa.pub"])
    for name in _CLIENTS:
        write_kubeconfig(folder, name, f"https://{node_ip}:6443", folder / f"{name}.kubeconfig")


def write_kubeconfig(folder: Path, user: str, server: str, target: Path) -> None:
    """Write a kubeconfig that needs no other file, readable by its owner only."""

    def data(name: str) -> str:
        return base64.b64encode((folder / name).read_bytes()).decode()

    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "switchback",
                "cluster": {"server": server, "certificate-authority-data": data("ca.crt")},
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": data(f"{user}.crt"),
                    "client-key-data": data(f"{user}.key"),
                },
            }
        ],
        "contexts": [{"name": "switchback", "context": {"cluster": "switchback", "user": user}}],
        "current-context": "switchback",
    }
    partial = target.with_name(f".{target.name}.new")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(config, indent=1))
    partial.replace(target)


def _authority(folder: Path) -> None:
    run(
        [
            *("openssl", "req", "-x509", "-config", folder / "openssl.cnf", *_EC, "-days", _DAYS),
            *("-keyout", folder / "ca.key", "-out", folder / "ca.crt", "-subj", "/CN=switchback-test-ca"),
            *("-addext", "basicConstraints=critical,CA:TRUE"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"),
            *("-addext", "subjectKeyIdentifier=hash"),
        ]
    )


def _sign(folder: Path, certificate: _Certificate) -> None:
    argv: list[str | Path] = [
        *("openssl", "req", "-x509", "-config", folder / "openssl.cnf", *_EC, "-days", _DAYS),
        *("-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-subj", certificate.subject),
        *("-keyout", folder / f"{certificate.name}.key", "-out", folder / f"{certificate.name}.crt"),
        *("-addext", "basicConstraints=critical,CA:FALSE"),
        *("-addext", "keyUsage=critical,digitalSignature"),
        *("-addext", f"extendedKeyUsage={certificate.usage}"),
        # Python 3.13 refuses certificates that do not name their authority's key.
        *("-addext", "subjectKeyIdentifier=hash", "-addext", "authorityKeyIdentifier=keyid"),
    ]
    if certificate.names:
        argv += ["-addext", f"subjectAltName={certificate.names}"]
    run(argv)

"""The programs of a node: their configuration files and their command lines."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from tests.cluster import binaries, network
from tests.cluster.paths import HERE

if TYPE_CHECKING:
    from tests.cluster.paths import Bed

NODE = "node-1"
# What a test may freeze and continue.
NAMES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "containerd",
    "kubelet",
    "kube-proxy",
    "coredns",
)
_TEMPLATES = HERE / "node_config"
_ETCD = "http://127.0.0.1:2379"


def write_config(bed: Bed, index: int) -> None:
    """Fill in the templates of `node_config/`."""
    values = {
        "name": bed.name,
        "node": NODE,
        "node_ip": network.node_ip(index),
        "pod_cidr": network.POD_CIDR,
        "state": str(bed.state),
        "config": str(bed.config),
        "pki": str(bed.pki),
        "cgroup": bed.cgroup,
    }
    for folder in (bed.config / "cni", bed.logs, bed.audit_log.parent, bed.state / "containerd", bed.volumes):
        folder.mkdir(parents=True, exist_ok=True)
    for template in _TEMPLATES.iterdir():
        target = bed.config / ("cni" if template.suffix == ".conflist" else "") / template.name
        target.write_text(Template(template.read_text()).substitute(values))


def command(bed: Bed, name: str, index: int) -> list[str]:
    """Return the command line of one program of the bed."""
    ip = network.node_ip(index)
    pki, config = bed.pki, bed.config

    def kubeconfigs(user: str) -> list[str]:
        file = pki / f"{user}.kubeconfig"
        return [f"--{kind}kubeconfig={file}" for kind in ("", "authentication-", "authorization-")]

    flags: dict[str, list[str]] = {
        "etcd": [
            f"--data-dir={bed.state / 'etcd'}",
            f"--listen-client-urls={_ETCD}",
            f"--advertise-client-urls={_ETCD}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",  # a bed does not outlive its machine
            "--log-level=warn",
        ],
        "kube-apiserver": [
            f"--etcd-servers={_ETCD}",
            "--bind-address=0.0.0.0",
            f"--advertise-address={ip}",
            "--secure-port=6443",
            f"--tls-cert-file={pki / 'apiserver.crt'}",
            f"--tls-private-key-file={pki / 'apiserver.key'}",
            f"--client-ca-file={pki / 'ca.crt'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki / 'sa.pub'}",
            f"--service-account-signing-key-file={pki / 'sa.key'}",
            f"--service-cluster-ip-range={network.SERVICE_CIDR}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--kubelet-client-certificate={pki / 'admin.crt'}",
            f"--kubelet-client-key={pki / 'admin.key'}",
            f"--kubelet-certificate-authority={pki / 'ca.crt'}",
            "--kubelet-preferred-address-types=InternalIP",
            "--profiling=false",
            f"--audit-policy-file={config / 'audit.yaml'}",
            f"--audit-log-path={bed.audit_log}",
            "--audit-log-maxsize=4096",  # megabytes; tests read one file, so it must not be rotated away
        ],
        "kube-controller-manager": [
            *kubeconfigs("controller-manager"),
            f"--service-account-private-key-file={pki / 'sa.key'}",
            f"--root-ca-file={pki / 'ca.crt'}",
            f"--cluster-signing-cert-file={pki / 'ca.crt'}",
            f"--cluster-signing-key-file={pki / 'ca.key'}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            # Two of its workers write to a volume that is being bound. A claim whose worker loses that race
            # waits for the next look, which by default comes after up to 15 seconds.
            "--pvclaimbinder-sync-period=1s",
        ],
        "kube-scheduler": [*kubeconfigs("scheduler"), "--leader-elect=false"],
        "containerd": [f"--config={config / 'containerd.toml'}"],
        "kubelet": [
            f"--config={config / 'kubelet.yaml'}",
            f"--kubeconfig={pki / 'node.kubeconfig'}",
            f"--hostname-override={NODE}",
            f"--node-ip={ip}",
            f"--root-dir={bed.state / 'kubelet'}",
            f"--cert-dir={bed.state / 'kubelet' / 'pki'}",
        ],
        "kube-proxy": [f"--config={config / 'kube-proxy.yaml'}"],
        "coredns": [f"-conf={config / 'Corefile'}"],
    }
    program = "containerd" if name == "containerd" else str(binaries.path(name))
    return [program, *flags[name]]

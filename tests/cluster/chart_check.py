"""The chart, judged without a cluster: helm's lint, and Kubernetes' own schemas for what it renders."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from tests.cluster import binaries
from tests.cluster.chart import CHART, RELEASE
from tests.cluster.console import say
from tests.cluster.paths import cache_root
from tests.cluster.run import locked, run

_SWAGGER = "api/openapi-spec/swagger.json"
# Kinds of other projects; their schemas are not Kubernetes' own.
_SKIPPED = "ServiceMonitor,CustomResourceDefinition"


def check() -> None:
    """Fail with the first complaint."""
    binaries.ensure("helm", "kubeconform")
    helm, conform = binaries.path("helm"), binaries.path("kubeconform")
    print(run([helm, "lint", "--strict", CHART]).stdout.strip())
    schemas = _schemas()
    version = ["--kube-version", binaries.KUBERNETES.lstrip("v")]
    rendered = run([helm, "template", RELEASE, CHART, *version]).stdout
    location = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    flags = ["-strict", "-summary", "-skip", _SKIPPED, "-schema-location", location]
    print(run([conform, *flags, "-"], stdin=rendered).stdout.strip())


def _schemas() -> Path:
    """Return a folder of JSON schemas, made once from the API description that Kubernetes' module carries."""
    folder = cache_root() / f"schemas-{binaries.KUBERNETES}"
    if not folder.is_dir():
        with locked(cache_root() / "schemas.lock", "making schemas"):
            if not folder.is_dir():
                say("making JSON schemas of Kubernetes' own kinds")
                swagger = binaries.module_folder("kubernetes", "k8s.io/kubernetes") / _SWAGGER
                _convert(json.loads(swagger.read_text()), folder)
    return folder


def _convert(swagger: dict[str, Any], folder: Path) -> None:
    definitions = swagger["definitions"]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="schemas-", dir=folder.parent) as temporary:
        made = Path(temporary) / "done"
        made.mkdir()
        (made / "_definitions.json").write_text(json.dumps({"definitions": strict(definitions)}))
        for name, definition in definitions.items():
            for kind in definition.get("x-kubernetes-group-version-kind", []):
                (made / file_name(kind)).write_text(
                    json.dumps({"$ref": f"_definitions.json#/definitions/{name}"})
                )
        made.rename(folder)


def file_name(kind: dict[str, str]) -> str:
    """Return the name under which kubeconform looks for a kind."""
    group = kind["group"].split(".")[0]
    return "-".join(part.lower() for part in (kind["kind"], group, kind["version"]) if part) + ".json"


def strict(definitions: dict[str, Any]) -> dict[str, Any]:
    """Forbid unknown fields wherever a definition lists its fields, and allow both forms of int-or-string."""
    changed: dict[str, Any] = {}
    for name, definition in definitions.items():
        if definition.get("format") == "int-or-string":
            changed[name] = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
        elif name.endswith("api.resource.Quantity"):
            changed[name] = {"oneOf": [{"type": "string"}, {"type": "number"}]}
        elif "properties" in definition:
            changed[name] = {
                **definition,
                "additionalProperties": definition.get("additionalProperties", False),
            }
        else:
            changed[name] = definition
    return changed

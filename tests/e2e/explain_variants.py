"""Specs for the API server and for explain to judge: good ones, and ones that break a bound or a rule."""

from __future__ import annotations

import copy
from typing import Any

from tests.e2e.everything import SPEC

Body = dict[str, Any]

BOOLEANS = (True, False)


def several(path: str, *values: Any) -> list[tuple[str, Any]]:
    return [(path, value) for value in values]


def variants() -> list[tuple[str, Any]]:
    """(path below spec, value): what is good, and what breaks each kind of bound and every rule."""
    labels, pod = "jobTemplate.metadata.labels", "jobTemplate.spec"
    names = ("DATABASE_URL", "PGHOST", "PYTHONPATH", "LD_PRELOAD", "PYTHO", "1A", "A B")
    mounts = ("/", "//", "/switchback", "/switchback/x", "/switchbackx", "a", "//switchback/", "/a\n")
    volumes = ("switchback", "switchback-x", "A", "a.b", "a")
    containers = ("source", "downs", "dump", "snapshot", "fence", "login", "restore", "restored", "switchbac")
    user = {"secretKeyRef": {"name": "a", "key": "b"}}
    by_token = {"host": "db", "name": "shop", "usernameFrom": user, "iam": {"region": "eu-west-1"}}
    modes = ("disable", "prefer", "require", "verify-ca", "verify-full")
    amounts = (1.5, 1, "x", "1e3", "-1", "1Zi", *BOOLEANS)
    dump = {"persistentVolumeClaim": {"claimName": "a"}}
    return [
        *several("target", "0006", "", "-1", "a/b", "a\nb", "x" * 254, 6, None, *BOOLEANS),
        *several("database.ledgerSchema", "pg_x", "public", "pgx", 'a"b', "a\n", ""),
        *several("database.searchPath", [], ["a"] * 17, ["a", "a"], [""], "a"),
        *several("database.caFrom", {}, {"secretKeyRef": {"name": "A", "key": "b"}}),
        *several("database.urlFrom", {"secretKeyRef": {"name": "a", "key": "b"}}),
        *several("database.connection.sslMode", "verify-ca", "Require"),
        *several("database.connection", by_token, *({**by_token, "sslMode": mode} for mode in modes)),
        *several("database.connection.port", 0, 65536, "5432", 5432.0, 5432.5),
        *several("database.connection.host", "a,b", "a b", "a\u00a0b", "[::1]"),
        *several("source.image.path", "/", "a", "/a/../b", "/..a", "/a/..", "//a", "/a\n"),
        *several("source.image.reference", "a b", "", "a\n", "a\u00a0b"),
        *several("source.image.pullPolicy", "always"),
        *several("source.configMapRefs", [{"name": "a"}], [], None),
        *several("source.format", "pairs"),
        *several("execution.backoffLimit", 101, -1, 100),
        *several("execution.statementTimeoutSeconds", 0, None),
        *several("execution", None, []),
        *several("rollback", [], "Deny"),
        *several("approval.approvedPlan", "a b", "ap1:x\n", "x" * 129, "ap1:x"),
        *several("snapshot", None, {}, *({"none": {"acknowledge": yes}} for yes in (True, False))),
        *several("snapshot", {"none": {"acknowledge": True}, "pgDump": dump}),
        *several("snapshot.pgDump.clientImages", {}, {"14": "x"}, {str(n): "x" for n in range(15, 20)}),
        *several("snapshot.pgDump.jobs", 33),
        *several(labels, *({key: "x"} for key in ("job-name", "switchback.dev/x", "batch.kubernetes.io/x"))),
        *several(labels, {"a": "b c"}, {f"k{number}": "x" for number in range(33)}),
        *several("jobTemplate.metadata.annotations", {"app.kubernetes.io/managed-by": "x"}, {"a": 1}),
        *several(f"{pod}.env", *([{"name": name}] for name in names), [{"name": "A"}, {"name": "A"}]),
        *several(f"{pod}.env", [{"name": "A", "valueFrom": {"whatever": {"is": "kept"}}}]),
        *several(f"{pod}.volumes", *([{"name": one}] for one in volumes)),
        *several(f"{pod}.volumeMounts", *([{"name": "a", "mountPath": path}] for path in mounts)),
        *several(f"{pod}.initContainers", *([{"name": one}] for one in containers)),
        *several(f"{pod}.resources.limits", *({"cpu": one} for one in amounts)),
        *several(f"{pod}.securityContext.runAsUser", 0, 2**31),
        *several(f"{pod}.affinity", {"anything": [1]}, "x"),
        *several(f"{pod}.tolerations", [{"tolerationSeconds": 2**31}]),
        *several(f"{pod}.hostNetwork", *BOOLEANS),
        *of_traffic(),
        *several("unknown", 1),
        *several("suspend", "true"),
        *several("jobHistoryLimit", 1e1),
    ]


def of_traffic() -> list[tuple[str, Any]]:
    """The same for spec.cutover and spec.checks."""
    slot, check = "cutover.slots.0", "checks.0"
    get, query = {"url": "http://shop"}, {"query": "SELECT true"}
    one = {"name": "x", "stages": ["AfterMigrate"], "httpGet": get}
    urls = ("ftp://x", "http://me:secret@x", "https://x.y:1/z?a#b", "http://x/@", "http://", "http://a b")
    keys = ("a", "a/b", "a/b/c", "A/b", "-a", "a.b/C_d", "a/-b", "")
    numbers = ("0.5", "-1e3", "x", "", "1,5")
    sources: list[tuple[str, Any]] = [
        (f"{slot}.schema", {}),
        *several("source", *({}, None)),
        *several("cutover", None, {}, []),
        *several(
            "checks",
            None,
            [],
            [one, one],
            [{**one, "sql": query}],
            [{"name": "x", "stages": ["AfterMigrate"]}],
        ),
    ]
    return [
        *sources,
        *several("cutover.serviceName", "a", "A", "a.b", "1a", "a" * 64),
        *several("cutover.selectorKey", *keys),
        *several("cutover.activeSlot", "blue", "Green_2", "green_2", "purple", ""),
        *several("cutover.slots", [], [{"name": "a", "workloadRef": {"name": "a"}}]),
        *several(f"{slot}.name", "Green_2", "-a", "a.", "a" * 64),
        *several(
            f"{slot}.workloadRef", {"name": "shop-green"}, {"name": "shop-green", "kind": "StatefulSet"}, {}
        ),
        *several(f"{slot}.applicationName", "", "a b", "a\nb", "é"),
        *several("cutover.minimumReadyPercent", 0, 1, 100, 101),
        *several("cutover.switchDeadlineSeconds", 4, 5, 3601),
        *several("cutover.driftPolicy", "Fight", "Report"),
        *several(f"{check}.stages", [], ["AfterMigrate"] * 2, ["Later"], ["AfterMigrate", "AfterCutover"]),
        *several(f"{check}.name", "a" * 40, "a" * 41, "A", "a."),
        *several(f"{check}.sql", query, None),
        *several(f"{check}.httpGet", None, {}, *({"url": url} for url in urls)),
        *several(
            f"{check}.httpGet.headers.0", *({"name": name, "value": "v"} for name in ("a b", "a:", "A-b"))
        ),
        *several(f"{check}.httpGet.headers.0.value", "a\nb", "", None),
        *several(f"{check}.httpGet.headers.1.value", "both"),
        *several("checks.2.prometheus.expectValue", *numbers),
        *several("checks.3.command.command", [], ["a"] * 65, [""]),
        *several("rollback.automatic", "Traffic", "Schema"),
        *several("approval.cutoverPolicy", "Automatic", "Never"),
    ]


def without(*fields: str) -> Body:
    """The spec without these fields."""
    return {name: part for name, part in copy.deepcopy(SPEC).items() if name not in fields}


def unbound(spec: Body) -> Body:
    """The spec with slots of which nothing is said that needs a source or a database."""
    for slot in spec["cutover"]["slots"]:
        slot.pop("schema", None)
        slot.pop("applicationName", None)
    return spec


def wholes() -> list[Body]:
    """Specs that lack whole parts: what of source, target, database, cutover and checks belongs together."""
    schema = ("source", "target", "database")
    return [
        *(without(*fields) for fields in (("cutover",), ("source",), ("target",), ("database",), schema)),
        without("cutover", *schema),
        without("source", "target"),
        unbound(without("source", "target")),
        unbound(without(*schema)),
        unbound(without(*schema, "checks")),
        without(*schema, "checks"),
        unbound(without("source", "target", "checks")),
    ]


def with_part(path: str, value: Any) -> Body:
    spec = copy.deepcopy(SPEC)
    *way, last = path.split(".")
    part = spec
    for step in way:
        part = part[int(step) if step.isdigit() else step]  # type: ignore[index]
    part[last if not last.isdigit() else int(last)] = value  # type: ignore[index]
    return spec

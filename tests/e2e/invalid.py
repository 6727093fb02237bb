"""Specs that the API server refuses, each with the field that it names and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Body = dict[str, Any]


def put(path: str, value: object) -> Callable[[Body], None]:
    """Set one field of the resource that has everything; `-` as the value takes it away."""

    def change(body: Body) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        node: Any = body["spec"]
        for part in way:
            node = node[part]
        if value == "-":
            del node[last]
        else:
            node[last] = value

    return change


def without_ca(mode: str) -> Callable[[Body], None]:
    """A TLS mode that verifies, and nobody whom it trusts."""

    def change(body: Body) -> None:
        put("database.caFrom", "-")(body)
        put("database.connection.sslMode", mode)(body)

    return change


def by_token(mode: str) -> Callable[[Body], None]:
    """A login with a token of AWS, in this TLS mode."""

    def change(body: Body) -> None:
        put("database.connection.passwordFrom", "-")(body)
        put("database.connection.iam", {"region": "eu-west-1"})(body)
        put("database.connection.sslMode", mode)(body)

    return change


def without(*fields: str) -> Callable[[Body], None]:
    """The spec without these fields."""

    def change(body: Body) -> None:
        for field in fields:
            del body["spec"][field]

    return change


def kept(**fields: object) -> Callable[[Body], None]:
    """A spec of nothing but its cutover and these fields: no schema is changed."""

    def change(body: Body) -> None:
        body["spec"] = {"cutover": body["spec"]["cutover"], **fields}
        for slot in body["spec"]["cutover"]["slots"]:
            slot.pop("schema", None)
            slot.pop("applicationName", None)

    return change


def bounded(body: Body) -> None:
    """Bounds for a slot, and no source."""
    kept()(body)
    body["spec"]["cutover"]["slots"][0]["schema"] = {"minimum": "0001"}


def with_sessions(body: Body) -> None:
    """A slot whose sessions are looked at, and no database."""
    kept()(body)
    body["spec"]["cutover"]["slots"][0]["applicationName"] = "shop"


SLOT = "cutover.slots.0"
CHECK = "checks.0"
ASKS = {"name": "x", "stages": ["AfterMigrate"], "sql": {"query": "SELECT true"}}
POD = "jobTemplate.spec"
IMAGE = {"image": {"reference": "registry.example/shop:1"}}

INVALID: list[tuple[Callable[[Body], None], str, str]] = [
    (put("target", "-"), "spec", "target and source belong together"),
    (put("target", ""), "spec.target", "at least 1"),
    (put("target", "x" * 254), "spec.target", "Too long"),
    (put("target", "-1"), "spec.target", "nothing relative"),
    (put("target", "~2"), "spec.target", "nothing relative"),
    (put("target", "../0001"), "spec.target", "no slash"),
    (put("database", "-"), "spec", "a source needs a database"),
    (put("database", {}), "spec.database", "set exactly one of urlFrom, connection"),
    (
        put("database.urlFrom", {"secretKeyRef": {"name": "shop-db", "key": "URL"}}),
        "spec.database",
        "set exactly one of urlFrom, connection",
    ),
    (put("database.connection.host", "a,b"), "spec.database.connection.host", "should match"),
    (put("database.connection.port", 0), "spec.database.connection.port", "greater than or equal to 1"),
    (
        put("database.connection.sslMode", "verify"),
        "spec.database.connection.sslMode",
        "Unsupported value",
    ),
    (put("database.connection.passwordFrom", {}), "passwordFrom.secretKeyRef", "Required value"),
    (
        put("database.connection.usernameFrom.secretKeyRef.name", "Shop_DB"),
        "secretKeyRef.name",
        "should match",
    ),
    (put("source", "-"), "spec", "target and source belong together"),
    (without("source", "target", "cutover"), "spec", "set source, cutover or both"),
    (kept(checks=[ASKS]), "spec", "a check with sql needs a database"),
    (bounded, "spec", "slots[].schema needs a source"),
    (with_sessions, "spec", "slots[].applicationName needs a database"),
    (put("cutover.serviceName", "-"), "spec.cutover.serviceName", "Required value"),
    (put("cutover.serviceName", "Shop.Web"), "spec.cutover.serviceName", "should match"),
    (put("cutover.selectorKey", "a/b/c"), "spec.cutover.selectorKey", "should match"),
    (put("cutover.selectorKey", ""), "spec.cutover.selectorKey", "at least 1"),
    (put("cutover.activeSlot", "purple"), "spec.cutover", "activeSlot has to name one of the slots"),
    (put("cutover.slots.1", "-"), "spec.cutover.slots", "at least 2 items"),
    (put(f"{SLOT}.name", "Green_2"), "spec.cutover.slots[1]", "Duplicate value"),
    (put(f"{SLOT}.name", "-blue"), "spec.cutover.slots[0].name", "should match"),
    (put(f"{SLOT}.workloadRef", {"name": "shop-green"}), "spec.cutover", "two workloads"),
    (put(f"{SLOT}.workloadRef.kind", "DaemonSet"), "slots[0].workloadRef.kind", "Unsupported value"),
    (put(f"{SLOT}.workloadRef", "-"), "slots[0].workloadRef", "Required value"),
    (put(f"{SLOT}.applicationName", "a\nb"), "slots[0].applicationName", "should match"),
    (put("cutover.minimumReadyPercent", 0), "minimumReadyPercent", "greater than or equal to 1"),
    (put("cutover.minimumReadyPercent", 101), "minimumReadyPercent", "less than or equal to 100"),
    (put("cutover.switchDeadlineSeconds", 4), "switchDeadlineSeconds", "greater than or equal to 5"),
    (put("cutover.soakPeriodSeconds", 86401), "soakPeriodSeconds", "less than or equal to 86400"),
    (put("cutover.driftPolicy", "Fight"), "spec.cutover.driftPolicy", "Unsupported value"),
    (put("checks", [ASKS] * 2), "spec.checks[1]", "Duplicate value"),
    (put("checks", [{**ASKS, "name": f"a{n}"} for n in range(17)]), "spec.checks", "at most 16 items"),
    (put(f"{CHECK}.name", "Health"), "spec.checks[0].name", "should match"),
    (put(f"{CHECK}.httpGet", "-"), "spec.checks[0]", "set exactly one of httpGet, sql, prometheus, command"),
    (put(f"{CHECK}.sql", {"query": "SELECT true"}), "spec.checks[0]", "set exactly one of httpGet"),
    (put(f"{CHECK}.stages", []), "spec.checks[0].stages", "at least 1 items"),
    (put(f"{CHECK}.stages", ["AfterMigrate"] * 2), "spec.checks[0].stages", "each stage once"),
    (put(f"{CHECK}.stages", ["Later"]), "spec.checks[0].stages[0]", "Unsupported value"),
    (put(f"{CHECK}.httpGet.url", "ftp://shop"), "spec.checks[0].httpGet.url", "should match"),
    (put(f"{CHECK}.httpGet.url", "http://me:secret@shop"), "spec.checks[0].httpGet.url", "should match"),
    (put(f"{CHECK}.httpGet.expectStatus", 199), "expectStatus", "greater than or equal to 200"),
    (put(f"{CHECK}.httpGet.headers.0.name", "a b"), "httpGet.headers[0].name", "should match"),
    (put(f"{CHECK}.httpGet.headers.0.value", "a\nb"), "httpGet.headers[0].value", "should match"),
    (put(f"{CHECK}.httpGet.headers.1.value", "a"), "httpGet.headers[1]", "exactly one of value, valueFrom"),
    (put("checks.2.prometheus.expectValue", "half"), "checks[2].prometheus.expectValue", "should match"),
    (put("checks.2.prometheus.comparison", "<"), "checks[2].prometheus.comparison", "Unsupported value"),
    (put("checks.3.command.command", []), "checks[3].command.command", "at least 1 items"),
    (put(f"{CHECK}.failureThreshold", 0), "spec.checks[0].failureThreshold", "greater than or equal to 1"),
    (put("rollback.automatic", "Schema"), "spec.rollback.automatic", "Unsupported value"),
    (put("approval.cutoverPolicy", "Never"), "spec.approval.cutoverPolicy", "Unsupported value"),
    (put("source", {}), "spec.source", "set exactly one of image, configMapRefs"),
    (put("source", {**IMAGE, "configMapRefs": [{"name": "a"}]}), "spec.source", "set exactly one of image"),
    (put("source", {"configMapRefs": []}), "spec.source.configMapRefs", "at least 1 items"),
    (
        put("source", {"configMapRefs": [{"name": "a"}] * 2}),
        "spec.source.configMapRefs[1]",
        "Duplicate value",
    ),
    (
        put("source", {"configMapRefs": [{"name": f"a{n}"} for n in range(17)]}),
        "spec.source.configMapRefs",
        "at most 16 items",
    ),
    (put("source.image.path", "migrations"), "spec.source.image.path", "absolute path"),
    (put("source.image.path", "/a/../etc"), "spec.source.image.path", "without .."),
    (put("source.image.pullPolicy", "Sometimes"), "spec.source.image.pullPolicy", "Unsupported value"),
    (put("source.aheadPolicy", "Sometimes"), "spec.source.aheadPolicy", "Unsupported value"),
    (put("source.format", "Sqitch"), "spec.source.format", "Unsupported value"),
    (put("source.outOfOrderPolicy", "Yes"), "spec.source.outOfOrderPolicy", "Unsupported value"),
    (put("source.adoptionPolicy", "Always"), "spec.source.adoptionPolicy", "Unsupported value"),
    (put("database.ledgerSchema", "public"), "spec.database.ledgerSchema", "a schema of its own"),
    (put("database.ledgerSchema", "pg_ledger"), "spec.database.ledgerSchema", "a schema of its own"),
    (put("database.ledgerSchema", ""), "spec.database.ledgerSchema", "at least 1"),
    (put("database.role", 'a"b'), "spec.database.role", "should match"),
    (put("database.searchPath", ["x" * 64]), "spec.database.searchPath[0]", "Too long"),
    (put("database.searchPath", ["a"] * 17), "spec.database.searchPath", "at most 16 items"),
    (put("database.caFrom", {}), "spec.database.caFrom", "set exactly one of secretKeyRef, configMapKeyRef"),
    (without_ca("verify-ca"), "spec.database", "sslMode verify-ca needs caFrom"),
    *(
        (by_token(mode), "spec.database.connection", "a token is never sent in the clear")
        for mode in ("disable", "allow", "prefer", "-")
    ),
    (put("approval.migratePolicy", "Maybe"), "spec.approval.migratePolicy", "Unsupported value"),
    (put("approval.rollbackPolicy", "manual"), "spec.approval.rollbackPolicy", "Unsupported value"),
    (put("rollback.reasonPolicy", "Always"), "spec.rollback.reasonPolicy", "Unsupported value"),
    (put("rollback.downSource", "File"), "spec.rollback.downSource", "Unsupported value"),
    (put("reason", "x" * 257), "spec.reason", "Too long"),
    (put("operationDeadlineSeconds", 0), "spec.operationDeadlineSeconds", "greater than or equal to 1"),
    (
        put("execution.lockTimeoutSeconds", 0),
        "spec.execution.lockTimeoutSeconds",
        "greater than or equal to 1",
    ),
    (put("execution.backoffLimit", 101), "spec.execution.backoffLimit", "less than or equal to 100"),
    (
        put("execution.statementTimeoutSeconds", "30s"),
        "spec.execution.statementTimeoutSeconds",
        "must be of type",
    ),
    (put("rollback.policy", "allow"), "spec.rollback.policy", "Unsupported value"),
    (put("rollback.dataLossPolicy", "Maybe"), "spec.rollback.dataLossPolicy", "Unsupported value"),
    (put("approval.approvedPlan", "two words"), "spec.approval.approvedPlan", "should match"),
    (put("snapshot", {}), "spec.snapshot", "set exactly one of pgDump, rds"),
    (put("snapshot.none", {"acknowledge": True}), "spec.snapshot", "set exactly one of pgDump, rds"),
    (put("snapshot", {"none": {"acknowledge": False}}), "spec.snapshot.none.acknowledge", "must be true"),
    (put("snapshot.pgDump.persistentVolumeClaim", "-"), "spec.snapshot.pgDump", "set exactly one of"),
    (put("snapshot.pgDump.clientImages", {"14": "postgres:14"}), "pgDump.clientImages", "15, 16, 17, 18"),
    (put("snapshot.pgDump.jobs", 33), "spec.snapshot.pgDump.jobs", "less than or equal to 32"),
    (
        put("jobTemplate.metadata.labels", {"switchback.dev/step": "migrate"}),
        "spec.jobTemplate.metadata.labels",
        "set by the operator",
    ),
    (put("jobTemplate.metadata.labels", {"a": "no blanks"}), "jobTemplate.metadata.labels.a", "should match"),
    (
        put("jobTemplate.metadata.annotations", {"batch.kubernetes.io/x": ""}),
        "metadata.annotations",
        "set by",
    ),
    *(
        (put(f"{POD}.env.0.name", name), "spec.jobTemplate.spec.env[0].name", "belongs in spec.database")
        for name in ("DATABASE_URL", "PGHOST", "PGPASSWORD", "PYTHONPATH", "LD_PRELOAD")
    ),
    (put(f"{POD}.env", [{"name": "A"}, {"name": "A"}]), "spec.jobTemplate.spec.env[1]", "Duplicate value"),
    (
        put(f"{POD}.volumes.0.name", "switchback-work"),
        "spec.jobTemplate.spec.volumes[0].name",
        "operator's own",
    ),
    (put(f"{POD}.volumes.0", {"emptyDir": {}}), "spec.jobTemplate.spec.volumes[0].name", "Required value"),
    (put(f"{POD}.volumeMounts.0.mountPath", "/"), "volumeMounts[0].mountPath", "absolute path"),
    (
        put(f"{POD}.volumeMounts.0.mountPath", "/switchback/source"),
        "volumeMounts[0].mountPath",
        "operator's own",
    ),
    (put(f"{POD}.initContainers.0.name", "switchback"), "initContainers[0].name", "operator's own"),
    *(
        (put(f"{POD}.initContainers.0.name", name), "initContainers[0].name", "operator's own")
        for name in ("dump", "snapshot", "fence", "login", "restore")
    ),
    (put(f"{POD}.securityContext.runAsUser", 0), "securityContext.runAsUser", "greater than or equal to 1"),
    (
        put(f"{POD}.resources.limits", {"cpu": "much"}),
        "spec.jobTemplate.spec.resources.limits.cpu",
        "should match",
    ),
    (put("jobHistoryLimit", -1), "spec.jobHistoryLimit", "greater than or equal to 0"),
]

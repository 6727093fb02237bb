"""A spec in which every field is set."""

from __future__ import annotations

from typing import Any

SPEC: dict[str, Any] = {
    "target": "0006 add the price's currency",
    "reason": "INC-4711 checkout latency\nsecond line",
    "suspend": True,
    "operationDeadlineSeconds": 600,
    "database": {
        "connection": {
            "host": "shop-db.team.svc",
            "port": 5433,
            "name": "shop",
            "sslMode": "require",
            "usernameFrom": {"secretKeyRef": {"name": "shop-db", "key": "user"}},
            "passwordFrom": {"secretKeyRef": {"name": "shop-db", "key": "password"}},
        },
        "caFrom": {"configMapKeyRef": {"name": "shop-db-ca", "key": "ca.crt"}},
        "role": "shop_owner",
        "ledgerSchema": "shop_ledger",
        "searchPath": ["shop", "public"],
    },
    "source": {
        "image": {"reference": "registry.example/shop@sha256:0", "path": "/a.b/..c", "pullPolicy": "Always"},
        "format": "Pairs",
        "aheadPolicy": "Keep",
        "outOfOrderPolicy": "Allow",
        "adoptionPolicy": "IfNoLedger",
    },
    "cutover": {
        "serviceName": "shop-web",
        "selectorKey": "example.com/slot",
        "slots": [
            {
                "name": "blue",
                "workloadRef": {"kind": "StatefulSet", "name": "shop-blue"},
                "schema": {"minimum": "0003", "maximum": "0007"},
                "applicationName": "shop-blue 1.4",
            },
            {"name": "Green_2", "workloadRef": {"kind": "Deployment", "name": "shop-green"}},
        ],
        "activeSlot": "Green_2",
        "minimumReadyPercent": 50,
        "allowNoReturn": True,
        "slotReadyDeadlineSeconds": 60,
        "switchDeadlineSeconds": 30,
        "soakPeriodSeconds": 0,
        "drainPeriodSeconds": 0,
        "driftPolicy": "Enforce",
    },
    "checks": [
        {
            "name": "health",
            "stages": ["BeforeCutover", "AfterCutover"],
            "httpGet": {
                "url": "http://shop-web.team.svc:8080/health?full=1",
                "expectStatus": 204,
                "expectBody": "ok",
                "headers": [
                    {"name": "X-Check", "value": "switchback"},
                    {
                        "name": "Authorization",
                        "valueFrom": {"secretKeyRef": {"name": "shop-checks", "key": "authorization"}},
                    },
                ],
            },
            "periodSeconds": 1,
            "timeoutSeconds": 1,
            "failureThreshold": 1,
        },
        {
            "name": "prices",
            "stages": ["AfterMigrate"],
            "sql": {"query": "SELECT count(*)\nFROM products", "expectValue": "7"},
            "periodSeconds": 5,
            "timeoutSeconds": 2,
            "failureThreshold": 3,
        },
        {
            "name": "errors",
            "stages": ["AfterCutover"],
            "prometheus": {
                "serverURL": "http://prometheus.monitoring:9090",
                "query": "sum(rate(http_requests_total[1m]))",
                "comparison": "GreaterThanOrEqual",
                "expectValue": "-1.5e-3",
                "emptyResult": "Pass",
                "headers": [{"name": "X-Scope-OrgID", "value": "shop"}],
            },
            "periodSeconds": 15,
            "timeoutSeconds": 5,
            "failureThreshold": 2,
        },
        {
            "name": "smoke",
            "stages": ["AfterRollback"],
            "command": {"image": "registry.example/smoke:1", "command": ["/smoke", "--buy"]},
            "periodSeconds": 3600,
            "timeoutSeconds": 3600,
            "failureThreshold": 100,
        },
    ],
    "execution": {
        "lockTimeoutSeconds": 5,
        "statementTimeoutSeconds": 3600,
        "advisoryLockTimeoutSeconds": 0,
        "backoffLimit": 0,
    },
    "rollback": {
        "policy": "Deny",
        "automatic": "TrafficAndSchema",
        "dataLossPolicy": "Allow",
        "reasonPolicy": "Required",
        "downSource": "Ledger",
    },
    "approval": {
        "migratePolicy": "Manual",
        "rollbackPolicy": "Manual",
        "cutoverPolicy": "Manual",
        "timeoutSeconds": 60,
        "approvedPlan": "5f0c2d9be41a7736",
    },
    "snapshot": {
        "pgDump": {
            "persistentVolumeClaim": {"claimName": "shop-snapshots"},
            "clientImages": {"15": "postgres:15", "18": "registry.example:5000/postgres@sha256:1"},
            "jobs": 4,
        },
        "beforeMigratePolicy": "Always",
        "migrateFailurePolicy": "Continue",
        "deadlineSeconds": 90,
        "maxAgeSeconds": 600,
        "retention": {"minimumCount": 2, "minimumAgeSeconds": 86400},
        "deletionPolicy": "Delete",
        "fence": {"image": "fence:1", "command": ["/fence"], "deadlineSeconds": 30},
    },
    "jobTemplate": {
        "metadata": {"labels": {"team": "shop"}, "annotations": {"sidecar.istio.io/inject": "false"}},
        "spec": {
            "serviceAccountName": "migrator",
            "nodeSelector": {"disk": "fast"},
            "tolerations": [
                {
                    "key": "db",
                    "operator": "Equal",
                    "value": "yes",
                    "effect": "NoExecute",
                    "tolerationSeconds": 5,
                }
            ],
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
            "priorityClassName": "high",
            "resources": {"limits": {"cpu": 1, "memory": "64Mi"}, "requests": {"cpu": "100m"}},
            "env": [
                {"name": "A", "value": "b"},
                {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            ],
            "volumes": [
                {"name": "ca", "configMap": {"name": "ca", "items": [{"key": "ca.crt", "path": "c"}]}}
            ],
            "volumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "subPath": "c", "readOnly": True}],
            "initContainers": [{"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}],
            "imagePullSecrets": [{"name": "registry"}],
            "securityContext": {
                "runAsUser": 70,
                "runAsGroup": 0,
                "fsGroup": 70,
                "supplementalGroups": [1, 2],
                "seLinuxOptions": {"level": "s0", "role": "r", "type": "t", "user": "u"},
            },
        },
    },
    "jobHistoryLimit": 0,
}

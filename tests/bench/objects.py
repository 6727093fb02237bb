"""What the bench creates: one migration, whoever is to run it, and what both need."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

PASSWORD = "not-a-secret"
POSTGRES = "localhost/postgres:18"
WEB = "localhost/bookshop-web:1"
MIGRATION = {"0001_books.up.sql": "CREATE TABLE books (id int);", "0001_books.down.sql": "DROP TABLE books;"}
CONFIG_MAP = "bench"

MIGRATIONS = "/apis/switchback.dev/v1alpha1/namespaces/{}/databasemigrations"
JOBS = "/apis/batch/v1/namespaces/{}/jobs"
PODS = "/api/v1/namespaces/{}/pods"

ANNOTATION = "switchback.dev/resource"


def migration(name: str, secret: str, key: str, config_map: str = CONFIG_MAP) -> Object:
    """A resource that wants everything applied, as short as it can be written."""
    return {
        "apiVersion": "switchback.dev/v1alpha1",
        "kind": "DatabaseMigration",
        "metadata": {"name": name},
        "spec": {
            "target": "latest",
            "database": {"urlFrom": {"secretKeyRef": {"name": secret, "key": key}}},
            "source": {"configMapRefs": [{"name": config_map}]},
        },
    }


def bare_job(name: str, image: str, secret: str, key: str) -> Object:
    """A Job as a person would write it, with the same image and the same migration."""
    container = {
        "name": "switchback",
        "image": image,
        "args": ["migrate", "--dir", "/switchback/source", "--json"],
        "env": [{"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}],
        # What the operator asks for as well, or the scheduler would treat the two differently.
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "volumeMounts": [{"name": "source", "mountPath": "/switchback/source"}],
    }
    volume = {"name": "source", "configMap": {"name": CONFIG_MAP}}
    pod = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


def config_map(name: str = CONFIG_MAP, more: str = "") -> Object:
    """The files. `more` makes them other files that do the same."""
    files = {file: f"{text}{more}" for file, text in MIGRATION.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": files}


def secret(name: str, urls: dict[str, str]) -> Object:
    """A Secret with addresses of databases."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": urls}


def url(database: str, namespace: str = "") -> str:
    """Address of a database, from the same namespace or another one."""
    host = f"postgres.{namespace}" if namespace else "postgres"
    # On a busy machine even a connection takes its time; to try again would be another measurement.
    return f"postgresql://postgres:{PASSWORD}@{host}:5432/{database}?connect_timeout=60"


def server() -> list[Object]:
    """PostgreSQL in a pod, with room for many runs at once, and its Service."""
    probe = {
        "exec": {"command": ["pg_isready", "-h", "127.0.0.1", "-U", "postgres"]},
        "periodSeconds": 1,
        # On a busy machine a probe may be late; a server that is no longer reached would be measured instead.
        "timeoutSeconds": 10,
        "failureThreshold": 30,
    }
    container = {
        "name": "postgres",
        "image": POSTGRES,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-c", "max_connections=300"],
        "env": [{"name": "POSTGRES_PASSWORD", "value": PASSWORD}],
        "readinessProbe": probe,
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "postgres", "labels": {"app": "postgres"}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "postgres"},
        "spec": {"selector": {"app": "postgres"}, "ports": [{"port": 5432}]},
    }
    return [pod, service]


def is_true(item: Object, name: str, condition: str) -> bool:
    """Whether this is the object of that name, with this condition True."""
    conditions = item.get("status", {}).get("conditions", [])
    said = any(each["type"] == condition and each["status"] == "True" for each in conditions)
    return bool(item["metadata"]["name"] == name and said)


def annotation(item: Object) -> str:
    """The resource that a Job or a pod works for, as namespace/name."""
    return str(item["metadata"].get("annotations", {}).get(ANNOTATION, ""))


def state(pod: Object) -> str:
    """`waiting`, `running` or `terminated`: the container switchback of a pod."""
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return next((str(next(iter(one["state"]), "")) for one in statuses if one["name"] == "switchback"), "")

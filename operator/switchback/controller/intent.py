"""What a spec asks of the world, and its digest.

Only what changes the wished end is in it: the same intent never runs twice, whatever else is edited. Reason,
suspend, limits, approval, rollback rules, snapshot and templates say *how*, so they are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.contract import digest
from switchback.contract.words import LATEST

if TYPE_CHECKING:
    from switchback.api.cutover import Cutover
    from switchback.api.spec import Database, Spec
    from switchback.controller.observed import Source


def intent(spec: Spec, source: Source) -> dict[str, Any]:
    """The wished end as plain data: target, database, source and cutover."""
    wish = _schema(spec, source) if spec.source is not None else {}
    if spec.cutover is not None:
        wish["cutover"] = _cutover(spec.cutover)
    return wish


def _schema(spec: Spec, source: Source) -> dict[str, Any]:
    """Which version, of what, where.

    An image stands for itself as it is written; of ConfigMaps the content counts, not the names, and a
    ConfigMap that is missing is a content of its own.
    """
    image = spec.the_source.image
    content: dict[str, Any]
    if image is not None:
        content = {"image": image.reference, "path": image.path}
    else:
        content = {"files": source.digest or f"missing: {source.problem.message if source.problem else ''}"}
    wish = {"target": spec.target, "database": _database(spec.the_database), "source": content}
    if spec.target == LATEST:
        # What "latest" means when the database is ahead of the files.
        wish["ahead"] = str(spec.the_source.ahead_policy)
    return wish


def _cutover(cutover: Cutover) -> dict[str, Any]:
    """Which of two workloads is live behind which Service. How long anything may take is not part of it."""
    slots = {slot.name: slot.workload_ref.to_json() for slot in cutover.slots}
    return {
        "service": cutover.service_name,
        "key": cutover.selector_key,
        "slots": slots,
        "live": cutover.active_slot,
    }


def _database(database: Database) -> dict[str, Any]:
    """Which database, and where in it. Who logs in and whom the connection trusts is not part of the wish."""
    connection = database.connection
    place: dict[str, Any]
    if connection is not None:
        place = {"host": connection.host, "port": connection.port, "name": connection.name}
    else:
        place = database.url_from.to_json() if database.url_from is not None else {}
    return {**place, "ledger": database.ledger_schema, "searchPath": list(database.search_path)}


def database_digest(spec: Spec) -> str:
    """Tells one wish for a database from another: the same words that lead elsewhere are noticed by it."""
    return digest.intent_digest(_database(spec.database)) if spec.database is not None else ""


def intent_digest(spec: Spec, source: Source) -> str:
    """`i1:<hex>` over `intent`."""
    return digest.intent_digest(intent(spec, source))


def approval_token(
    operation_id: str, plan_digest: str, risks: tuple[str, ...], seal: str = "", move: str = ""
) -> str:
    """What a person copies to approve: bound to one operation, one plan and the risks that were shown.

    And to the admission policy that is in force, by its seal: what was written while nobody watched who
    writes is no yes. `move` says where traffic would go, empty where none does.
    """
    return digest.short(
        "\n".join([operation_id, plan_digest, *sorted(risks), *filter(None, [seal, move])]), 16
    )

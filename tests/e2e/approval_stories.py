"""Edits and new resources for the chart's admission policy: which of them take the verb approve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.e2e.kube import Object

DUMP = {"pgDump": {"persistentVolumeClaim": {"claimName": "restore-points"}}}
NONE = {"none": {"acknowledge": True}}
VOLUME = {"persistentVolumeClaim": {"claimName": "data"}}
OWN = {"job": {"image": "theirs:1", "command": ["/basebackup"]}}
FENCE = {"image": "fence:1", "command": ["/fence", "--all"]}
CUTOVER = {
    "serviceName": "shop-web",
    "slots": [{"name": name, "workloadRef": {"name": f"shop-{name}"}} for name in ("blue", "green")],
    "activeSlot": "blue",
}
NO_RETURN = {**CUTOVER, "allowNoReturn": True}
LONGEST = ["x" * 512] * 16
"""The largest command of a fence, for what the API server lets an expression cost."""


def dump(**more: Any) -> Object:
    """Dumps, with other parts of spec.snapshot beside them."""
    return {"snapshot": {**DUMP, **more}}


def volume(**more: Any) -> Object:
    return {"snapshot": {"volumeSnapshot": {**VOLUME, **more}}}


LOOSER: list[tuple[Object, Object, str]] = [
    *(
        ({"approval": {key: "Manual"}}, {"approval": {key: "Automatic"}}, f"{key} from Manual to Automatic")
        for key in ("migratePolicy", "rollbackPolicy", "cutoverPolicy")
    ),
    (
        {"approval": {"rollbackPolicy": "Manual"}},
        {"approval": None},
        "spec.approval.rollbackPolicy from Manual",
    ),
    (
        {"approval": {"migratePolicy": "Manual"}},
        {"approval": {"migratePolicy": None}},
        "spec.approval.migratePolicy from Manual",
    ),
    (
        {"rollback": {"policy": "Deny"}},
        {"rollback": {"policy": "Allow"}},
        "spec.rollback.policy from Deny to Allow",
    ),
    ({"rollback": {"policy": "Deny"}}, {"rollback": None}, "spec.rollback.policy from Deny to Allow"),
    *(
        (
            {"rollback": {"dataLossPolicy": old}},
            {"rollback": {"dataLossPolicy": new}},
            f"dataLossPolicy from {old} to {new}",
        )
        for old, new in (("Deny", "RequireApproval"), ("Deny", "Allow"), ("RequireApproval", "Allow"))
    ),
    (
        {},
        {"rollback": {"dataLossPolicy": "Allow"}},
        "spec.rollback.dataLossPolicy from RequireApproval to Allow",
    ),
    (
        {"rollback": {"dataLossPolicy": "Deny"}},
        {"rollback": None},
        "dataLossPolicy from Deny to RequireApproval",
    ),
    (
        {"rollback": {"reasonPolicy": "Required"}},
        {"rollback": {"reasonPolicy": "Optional"}},
        "spec.rollback.reasonPolicy from Required to Optional",
    ),
    (
        {"approval": {"cutoverPolicy": "Manual"}},
        {"approval": None},
        "spec.approval.cutoverPolicy from Manual to Automatic",
    ),
    *(
        (
            {"rollback": {"automatic": old}},
            {"rollback": {"automatic": new}},
            f"spec.rollback.automatic from {old} to {new}",
        )
        for old, new in (("Never", "Traffic"), ("Never", "TrafficAndSchema"), ("Traffic", "TrafficAndSchema"))
    ),
    ({}, {"rollback": {"automatic": "Traffic"}}, "spec.rollback.automatic from Never to Traffic"),
    (
        {"cutover": CUTOVER},
        {"cutover": {"allowNoReturn": True}},
        "spec.cutover.allowNoReturn from false to true",
    ),
    ({}, {"cutover": NO_RETURN}, "spec.cutover.allowNoReturn from false to true"),
    ({}, {"rollback": {"downSource": "Ledger"}}, "spec.rollback.downSource from Auto to Ledger"),
    ({}, {"rollback": {"downSource": "Source"}}, "spec.rollback.downSource from Auto to Source"),
    (
        {"rollback": {"downSource": "Ledger"}},
        {"rollback": {"downSource": "Source"}},
        "spec.rollback.downSource from Ledger to Source",
    ),
    ({}, {"snapshot": NONE}, "spec.snapshot to none"),
    ({"snapshot": DUMP}, {"snapshot": {**NONE, "pgDump": None}}, "spec.snapshot to none"),
    (
        {"approval": {"migratePolicy": "Manual"}, "rollback": {"policy": "Deny"}},
        {"approval": None, "rollback": {"policy": "Allow"}},
        "spec.approval.migratePolicy from Manual to Automatic, spec.rollback.policy from Deny to Allow",
    ),
    # What is kept before a rollback. Defaults stand for what is absent, also where all of spec.snapshot is.
    *(
        (
            dump(beforeMigratePolicy="Always"),
            after,
            "spec.snapshot.beforeMigratePolicy from Always to Never",
        )
        for after in (dump(beforeMigratePolicy="Never"), dump(beforeMigratePolicy=None), {"snapshot": None})
    ),
    (
        dump(),
        dump(migrateFailurePolicy="Continue"),
        "spec.snapshot.migrateFailurePolicy from Abort to Continue",
    ),
    (
        dump(beforeMigratePolicy="Always"),
        {"snapshot": {"migrateFailurePolicy": "Continue"}},
        "spec.snapshot.migrateFailurePolicy from Abort to Continue",
    ),
    (dump(fence=FENCE), dump(fence=None), "spec.snapshot.fence to none"),
    (dump(fence=FENCE), {"snapshot": None}, "spec.snapshot.fence to none"),
    *(
        (dump(fence=FENCE), dump(fence=change), "spec.snapshot.fence to another image or command")
        for change in ({"image": "fence:2"}, {"command": ["/fence"]}, {"command": ["--all", "/fence"]})
    ),
    (
        dump(fence={**FENCE, "command": LONGEST}),
        dump(fence={"command": [*LONGEST[1:], "x" * 511]}),
        "spec.snapshot.fence to another image or command",
    ),
    *(
        (dump(retention=before), dump(retention=after), f"spec.snapshot.retention.{said}")
        for before, after, said in (
            ({}, {"minimumCount": 2}, "minimumCount from 3 to 2"),
            ({"minimumCount": 10}, {"minimumCount": 9}, "minimumCount from 10 to 9"),
            ({"minimumCount": 10}, None, "minimumCount from 10 to 3"),
            ({}, {"minimumAgeSeconds": 604799}, "minimumAgeSeconds from 604800 to 604799"),
            ({"minimumAgeSeconds": 700000}, None, "minimumAgeSeconds from 700000 to 604800"),
        )
    ),
    ({}, dump(retention={"minimumCount": 1}), "spec.snapshot.retention.minimumCount from 3 to 1"),
    (
        dump(retention={"minimumCount": 4}),
        {"snapshot": None},
        "spec.snapshot.retention.minimumCount from 4 to 3",
    ),
    (dump(), dump(deletionPolicy="Delete"), "spec.snapshot.deletionPolicy from Retain to Delete"),
    ({}, dump(deletionPolicy="Delete"), "spec.snapshot.deletionPolicy from Retain to Delete"),
    (
        volume(),
        volume(allowDeletePolicy=True),
        "spec.snapshot.volumeSnapshot.allowDeletePolicy from false to true",
    ),
    (
        volume(),
        volume(otherVolumes="Ignore"),
        "spec.snapshot.volumeSnapshot.otherVolumes from Refuse to Ignore",
    ),
    (
        dump(),
        {"snapshot": {"pgDump": None, **volume(allowDeletePolicy=True, otherVolumes="Ignore")["snapshot"]}},
        "allowDeletePolicy from false to true, spec.snapshot.volumeSnapshot.otherVolumes from",
    ),
    (dump(), {"snapshot": {"pgDump": None, **OWN}}, "spec.snapshot to job"),
    ({}, {"snapshot": OWN}, "spec.snapshot to job"),
    (dump(), dump(maxAgeSeconds=1801), "spec.snapshot.maxAgeSeconds from 1800 to 1801"),
    (dump(maxAgeSeconds=60), dump(maxAgeSeconds=None), "spec.snapshot.maxAgeSeconds from 60 to 1800"),
    (dump(maxAgeSeconds=60), {"snapshot": None}, "spec.snapshot.maxAgeSeconds from 60 to 1800"),
]
"""Before, what is changed, and what the refusal says."""

STRICTER: list[tuple[Object, Object]] = [
    ({}, {"approval": {"migratePolicy": "Manual", "rollbackPolicy": "Manual"}}),
    ({"approval": {"rollbackPolicy": "Manual"}}, {"approval": {"migratePolicy": "Manual"}}),
    ({}, {"rollback": {"policy": "Deny", "reasonPolicy": "Required"}}),
    ({"rollback": {"dataLossPolicy": "Allow"}}, {"rollback": {"dataLossPolicy": "RequireApproval"}}),
    ({"rollback": {"dataLossPolicy": "Allow"}}, {"rollback": None}),
    ({}, {"rollback": {"dataLossPolicy": "Deny"}}),
    ({"rollback": {"downSource": "Source"}}, {"rollback": {"downSource": "Auto"}}),
    *(
        ({"rollback": {"automatic": old}}, {"rollback": {"automatic": new}})
        for old, new in (("TrafficAndSchema", "Traffic"), ("Traffic", "Never"), ("TrafficAndSchema", None))
    ),
    ({"rollback": {"automatic": "Traffic"}}, {"rollback": {"policy": "Deny"}}),
    ({}, {"approval": {"cutoverPolicy": "Manual"}}),
    ({"cutover": NO_RETURN}, {"cutover": {"allowNoReturn": False}}),
    ({"cutover": NO_RETURN}, {"cutover": {"activeSlot": "green", "soakPeriodSeconds": 0}}),
    ({"cutover": NO_RETURN}, {"cutover": None}),
    ({"snapshot": NONE}, {"snapshot": {**DUMP, "none": None}}),
    ({"snapshot": NONE}, {"snapshot": None}),
    ({"snapshot": NONE}, {"snapshot": {"deadlineSeconds": 7}}),
    ({}, {"snapshot": DUMP}),
    (dump(), dump(beforeMigratePolicy="Always")),
    (dump(migrateFailurePolicy="Continue"), dump(migrateFailurePolicy="Abort")),
    (dump(migrateFailurePolicy="Continue"), {"snapshot": None}),
    (dump(), dump(fence=FENCE)),
    ({}, dump(fence=FENCE, beforeMigratePolicy="Always")),
    (dump(fence=FENCE), dump(fence={"deadlineSeconds": 7})),
    (dump(fence=FENCE), {"snapshot": {"pgDump": {"jobs": 7}}}),
    (dump(), dump(retention={"minimumCount": 4, "minimumAgeSeconds": 604801})),
    (dump(retention={"minimumCount": 1, "minimumAgeSeconds": 0}), dump(retention=None)),
    (dump(deletionPolicy="Delete"), dump(deletionPolicy="Retain")),
    (
        volume(allowDeletePolicy=True, otherVolumes="Ignore"),
        volume(allowDeletePolicy=None, otherVolumes=None),
    ),
    (volume(), volume(waitFor="Captured", className="fast")),
    ({"snapshot": OWN}, {"snapshot": {**DUMP, "job": None}}),
    ({"snapshot": NONE}, {"snapshot": {**OWN, "none": None}}),
    (dump(maxAgeSeconds=1801), dump(maxAgeSeconds=1800)),
]

LOOSE: list[tuple[Object, str]] = [
    ({"rollback": {"dataLossPolicy": "Allow"}}, "spec.rollback.dataLossPolicy Allow"),
    ({"rollback": {"downSource": "Source"}}, "spec.rollback.downSource Source"),
    ({"rollback": {"automatic": "Traffic"}}, "spec.rollback.automatic Traffic"),
    ({"rollback": {"automatic": "TrafficAndSchema"}}, "spec.rollback.automatic TrafficAndSchema"),
    ({"cutover": NO_RETURN}, "spec.cutover.allowNoReturn true"),
    ({"snapshot": NONE}, "spec.snapshot.none"),
    ({"snapshot": OWN}, "spec.snapshot.job"),
    (dump(deletionPolicy="Delete"), "spec.snapshot.deletionPolicy Delete"),
    (volume(allowDeletePolicy=True), "spec.snapshot.volumeSnapshot.allowDeletePolicy true"),
    (volume(otherVolumes="Ignore"), "spec.snapshot.volumeSnapshot.otherVolumes Ignore"),
]
"""What takes the verb to create where a namespace requires approval, and what the refusal says."""

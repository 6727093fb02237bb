"""Every series that the operator offers: name, type, labels, and what it is good for.

`metrics` makes them from this table, and `docs/reference/metrics.md` is generated from it. What client-go and
controller-runtime count as well is called as they call it, so that their dashboards and alerts fit.

Labels hold words from fixed tables only: their number has to stay bounded. The one exception, which slot is
live, has one series for each resource with a cutover, and none for any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LONG = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)
_PATIENT = (1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0, 604800.0)


class Kind(StrEnum):
    """The types of Prometheus that are in use here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Series:
    """One name, with all that has to be known about it. `use`: which question it answers."""

    name: str
    kind: Kind
    help: str
    use: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

ADDS = Series(
    "workqueue_adds_total",
    _C,
    "Keys added to the queue.",
    "How much happens. A rate far above that of the looks: many changes became one look.",
    ("name",),
)
DEPTH = Series(
    "workqueue_depth",
    _G,
    "Keys that wait for a worker.",
    "Above zero for long: the operator does not keep up.",
    ("name",),
)
QUEUED = Series(
    "workqueue_queue_duration_seconds",
    _H,
    "Seconds a key waited for a worker.",
    "How late the operator answers because it is busy.",
    ("name",),
    _SHORT,
)
WORKED = Series(
    "workqueue_work_duration_seconds",
    _H,
    "Seconds a worker was busy with a key.",
    "What a look costs; the API server's answers are nearly all of it.",
    ("name",),
    _SHORT,
)
RETRIES = Series(
    "workqueue_retries_total",
    _C,
    "Keys added after a failure.",
    "Looks that failed or met a newer version of their resource.",
    ("name",),
)
UNFINISHED = Series(
    "workqueue_unfinished_work_seconds",
    _G,
    "Seconds of all looks under way, added up.",
    "Growing without end: looks hang.",
    ("name",),
)
LONGEST = Series(
    "workqueue_longest_running_processor_seconds",
    _G,
    "Seconds of the longest look under way.",
    "Near 30: the API server does not answer; a look is given up then.",
    ("name",),
)
LOOKS = Series(
    "controller_runtime_reconcile_total",
    _C,
    "Looks at a resource, by how they ended: success, requeue, requeue_after or error.",
    "The share of errors among all looks.",
    ("controller", "result"),
)
LOOK_ERRORS = Series(
    "controller_runtime_reconcile_errors_total",
    _C,
    "Looks that ended with an error.",
    "Trouble between operator and API server, or a defect. The log says which.",
    ("controller",),
)
LOOK_SECONDS = Series(
    "controller_runtime_reconcile_time_seconds",
    _H,
    "Seconds per look.",
    "The same as the work of the queue, under the name that dashboards ask for.",
    ("controller",),
    _SHORT,
)
ACTIVE = Series(
    "controller_runtime_active_workers",
    _G,
    "Workers that are busy.",
    "Compare it with the next one: as many for long means that looks wait for each other.",
    ("controller",),
)
WORKERS = Series(
    "controller_runtime_max_concurrent_reconciles",
    _G,
    "Workers there are; 0 on a process that stands by.",
    "See the one before.",
    ("controller",),
)
LEADER = Series(
    "leader_election_master_status",
    _G,
    "1 while this process leads, 0 while it stands by.",
    "No process with a 1: nobody works.",
    ("name",),
)
API_REQUESTS = Series(
    "rest_client_requests_total",
    _C,
    "Requests to the API server, by HTTP method and code of the answer.",
    "Refusals (403), conflicts (409), and an API server that is not there. Watches are not counted.",
    ("code", "method"),
)
API_SECONDS = Series(
    "rest_client_request_duration_seconds",
    _H,
    "Seconds until an answer of the API server was read, or given up.",
    "Whether slow looks are the API server's doing.",
    ("verb",),
    _SHORT,
)
BUILD = Series(
    "switchback_build_info",
    _G,
    "1, with the version that runs.",
    "Which version wrote what the other series say.",
    ("version",),
)
RESYNC_AGE = Series(
    "switchback_resync_age_seconds",
    _G,
    "Seconds since everything was last looked at; 0 on a process that stands by.",
    "Normal up to about 330. At 900 the liveness probe fails and the kubelet starts the operator anew.",
)
OPERATIONS = Series(
    "switchback_operations_total",
    _C,
    "Operations that ended, by where they went and how they ended.",
    "How often schemas change, go back, and fail to.",
    ("direction", "outcome"),
)
FAILURES = Series(
    "switchback_operation_failures_total",
    _C,
    "Operations that ended as Failed, by the reason.",
    "What to mend first.",
    ("reason",),
)
OPERATION_SECONDS = Series(
    "switchback_operation_seconds",
    _H,
    "Seconds from the beginning of an operation to its end.",
    "How long a deployment waits for its schema.",
    ("direction", "outcome"),
    _LONG,
)
SEGMENT_SECONDS = Series(
    "switchback_operation_segment_seconds",
    _H,
    "The same seconds in two parts: human (waiting for an approval, or suspended) and automation (the rest).",
    "Whether operations wait for machines or for people.",
    ("direction", "segment"),
    _PATIENT,
)
JOBS_CREATED = Series(
    "switchback_jobs_created_total",
    _C,
    "Jobs created, by step.",
    "More than one migrate Job per operation: runs are repeated, see the retries.",
    ("step",),
)
JOBS_ENDED = Series(
    "switchback_jobs_ended_total",
    _C,
    "Jobs whose end was taken note of, by step and reason.",
    "What runs say, also those that were repeated with success. Replaced: its pod could not start, and an "
    "edit described it anew.",
    ("step", "reason"),
)
JOB_SECONDS = Series(
    "switchback_job_seconds",
    _H,
    "Seconds from the decision for a Job to the note of its end.",
    "Scheduling, pulling images and the run itself: where the time of an operation goes.",
    ("step",),
    _LONG,
)
REPEATED = Series(
    "switchback_retries_total",
    _C,
    "Runs that will be repeated, by the reason, and by the limit that ends it: backoffLimit or deadline.",
    "Trouble that went away by itself and would otherwise not be seen.",
    ("reason", "limit"),
)
REQUESTS = Series(
    "switchback_requests_total",
    _C,
    "Requests by annotation that were taken note of, by kind.",
    "How often people approve, reject, retry, abort, roll back and look.",
    ("kind",),
)
RESTORE_POINTS_TAKEN = Series(
    "switchback_restore_points_taken_total",
    _C,
    "Restore points that were taken, by outcome: Ready (read back in full) or Failed.",
    "Whether there is a way back from a rollback.",
    ("outcome",),
)
RESTORE_POINT_SECONDS = Series(
    "switchback_restore_point_seconds",
    _H,
    "Seconds that a verified restore point took.",
    "Choose spec.snapshot.deadlineSeconds by it: the database is reserved for so long.",
    (),
    _LONG,
)
PROVIDER_SECONDS = Series(
    "switchback_snapshot_provider_call_seconds",
    _H,
    "Seconds of calls to snapshot providers that the operator asks itself, by call.",
    "Near the limit of 20 s: the provider is slow or throttles; operations wait for their restore points.",
    ("call",),
    _SHORT,
)
EVENTS = Series(
    "switchback_events_total",
    _C,
    "Kubernetes Events by type and by what became of them: created, counted (one that was there), dropped.",
    "Dropped above zero: a resource goes round in circles, or the API server refuses Events.",
    ("type", "outcome"),
)
RESOURCES = Series(
    "switchback_resources",
    _G,
    "DatabaseMigrations by the status and reason of their condition Ready.",
    "How the fleet stands, in the words that `kubectl get` prints.",
    ("ready", "reason"),
)
CONDITIONS = Series(
    "switchback_resource_conditions",
    _G,
    "DatabaseMigrations by type and status of their conditions Ready, Reconciling, Stalled and Finished.",
    '`type="Stalled", status="True"` above zero: somebody has to look.',
    ("type", "status"),
)
APPROVALS = Series(
    "switchback_approvals_waiting",
    _G,
    "Plans that wait for a person, by what the approval would allow.",
    "What the people who approve still have before them.",
    ("wants",),
)
OLDEST = Series(
    "switchback_oldest_operation_seconds",
    _G,
    "Seconds that the oldest operation has been in the state that this reason names; 0 when there is none. "
    "For work it is the time so far, without that of people; for waiting for people the time of this wait.",
    "Operations that are forgotten or stuck, without one series per resource.",
    ("reason",),
)
RESTORE_POINTS = Series(
    "switchback_restore_points",
    _G,
    "Restore points that statuses list, by phase.",
    "How many there are to go back to.",
    ("phase",),
)
RESTORE_POINT_BYTES = Series(
    "switchback_restore_point_bytes",
    _G,
    "Bytes of all verified restore points that statuses list.",
    "What they take on volumes.",
)
RESTORE_POINT_AGE = Series(
    "switchback_restore_point_age_seconds",
    _G,
    "Age of a resource's newest verified restore point: of the resource where it is youngest, and oldest.",
    "Absent while there is none.",
    ("of",),
)

CUTOVERS = Series(
    "switchback_cutovers_total",
    _C,
    "Switches of traffic that ended, by how.",
    "How often releases go live, and how often they go back by themselves.",
    ("outcome",),
)
SWITCH_SECONDS = Series(
    "switchback_selector_switch_seconds",
    _H,
    "Seconds of the steps of a switch. A step during which the operator was started anew is left out.",
    "How fast traffic moves, there (patch, endpoints) and back (restore), and whether pods start (probe).",
    ("step",),
    _SHORT,
)
EXPOSURE = Series(
    "switchback_rollback_exposure_seconds",
    _H,
    "Seconds from the change of the Service until it was seen to point back, of switches that went back.",
    "How long users met a release that was not good.",
    (),
    _LONG,
)
DRIFT = Series(
    "switchback_selector_drift_total",
    _C,
    "Changes of a selector by somebody else that were put right.",
    "Rising: a tool fights for a Service. See the condition SelectorOwned.",
)
PROBE_FAILURES = Series(
    "switchback_probe_failures_total",
    _C,
    "Tries of checks that failed, by the side that they are about. Counted when a check has ended.",
    "Checks that fail now and then and still pass: thresholds that are too tight, or a program that limps.",
    ("side",),
)
LIVE_SLOT = Series(
    "switchback_live_slot_info",
    _G,
    "1, with the live slot of each resource that has a cutover. The one series with names of objects.",
    "Which slot was live when; joins with the metrics of the program.",
    ("resource_namespace", "resource", "slot"),
)
CUTOVER_AGE = Series(
    "switchback_oldest_cutover_seconds",
    _G,
    "Seconds that the oldest switch has been in this phase, as this process has seen it; 0: there is none. "
    "Of Soaking and Draining the seconds past their planned end; Preparing without the time of people.",
    "Switches that are stuck.",
    ("phase",),
)

LABELS = {
    "call": "`preflight`, `request`, `observe`, `verify`, `list`, `delete`.",
    "code": "HTTP code of the answer; `<error>` when there was none.",
    "controller": "Always `databasemigration`.",
    "direction": "`Forward`, `Backward`, or `None`: nothing had to change.",
    "kind": "`approve`, `reject`, `retry`, `abort`, `rollback`, `preview`, `inspect`.",
    "limit": "`backoffLimit` (trouble that counts) or `deadline` (waiting for others).",
    "method": "`GET`, `POST`, `PATCH`, `PUT`, `DELETE`.",
    "name": "`databasemigration` of the queue; `switchback` of the election.",
    "of": "`youngest` or `oldest`.",
    "outcome": "Of operations what `status.history` says: `Succeeded`, `Failed`, `Expired`, `Rejected`, "
    "`Aborted`, `RolledBack`, `Superseded`. Of restore points `Ready`, `Failed`. Of Events `created`, "
    "`counted`, `dropped`. Of switches `Completed`, `Restored`, `Cancelled`, `TakenOver`.",
    "phase": "Of restore points `InProgress`, `Ready`, `Failed`. Of switches `Preparing`, `Switching`, "
    "`Switched`, `Soaking`, `Draining`, `Restoring`.",
    "ready": "`True`, `False`, `Unknown`.",
    "reason": "A word of the tables of reasons; `Other` for what is none of them. Empty for a resource that "
    "nobody has looked at yet.",
    "result": "`success`, `requeue` (something was done, or another was faster), `requeue_after`, `error`.",
    "segment": "`human` or `automation`.",
    "status": "`True`, `False`, `Unknown`.",
    "resource": "Name of the DatabaseMigration.",
    "resource_namespace": "Its namespace.",
    "side": "`new` (checks of BeforeCutover and AfterCutover) or `old` (AfterMigrate, AfterRollback).",
    "slot": "Name of the live slot.",
    "step": "Of Jobs `inspect`, `migrate`, `reserve`, `release`, `snapshot`, `rollback`, `fence`, `unfence`, "
    "`prune`, `check`, `drain`. Of switches `probe` (the pod that checks runs), `patch` (the Service is "
    "changed), `endpoints` (its slices hold the new slot only), `restore` (all of the way back).",
    "type": "Of a condition `Ready`, `Reconciling`, `Stalled`, `Finished`. Of an Event `Normal`, `Warning`.",
    "verb": "As `method`.",
    "version": "Version of the package.",
    "wants": "`Migrate`, `Rollback` or `Cutover`.",
}
"""What the values of each label are."""

ALL = tuple(value for value in list(globals().values()) if isinstance(value, Series))

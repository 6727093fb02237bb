"""For each alert: numbers that make it fire, and numbers close by that do not."""

from __future__ import annotations

from dataclasses import dataclass, field

PLACE = {"job": "switchback", "namespace": "switchback-system"}
LEADER = 'leader_election_master_status{name="switchback", pod="a"}'
STANDBY = 'leader_election_master_status{name="switchback", pod="b"}'
LOOKS = 'controller_runtime_reconcile_total{controller="databasemigration", pod="a", result='
OLDEST = 'switchback_oldest_operation_seconds{pod="a", reason='
ENDED = 'switchback_operations_total{pod="a", direction='
DEPTH = 'workqueue_depth{name="databasemigration", pod="a"}'
AGE = 'switchback_resync_age_seconds{pod="a"}'
PHASE = 'switchback_oldest_cutover_seconds{pod="a", phase='
SWITCHES = 'switchback_cutovers_total{pod="a", outcome='
HOW = 'switchback_resources{pod="a", ready="False", reason='
DRIFT = 'switchback_selector_drift_total{pod="a"}'
STALLED = 'switchback_resource_conditions{pod="a", type="Stalled", status="True"}'

Numbers = dict[str, str]


@dataclass(frozen=True)
class Scenario:
    """`fires`: numbers with which the alert fires at `at`, and `says` what its templates become.

    `quiet`: numbers with which nothing fires at that time. Values are in promtool's notation, one per minute.
    """

    alert: str
    fires: Numbers
    quiet: Numbers
    at: str
    says: dict[str, str] = field(default_factory=dict)
    placed: bool = True
    labels: dict[str, str] = field(default_factory=dict)


SCENARIOS = (
    Scenario(
        "SwitchbackDown",
        fires={'up{pod="a"}': "0x60"},
        quiet={LEADER: "1x60"},
        at="15m",
        placed=False,
    ),
    Scenario(
        "SwitchbackNoLeader",
        fires={LEADER: "0x60", STANDBY: "0x60"},
        quiet={LEADER: "1x60", STANDBY: "0x60"},
        at="10m",
    ),
    Scenario(
        "SwitchbackResyncTooOld",
        fires={LEADER: "1x60", AGE: "0+60x60", 'switchback_resync_age_seconds{pod="b"}': "0x60"},
        quiet={LEADER: "1x60", AGE: "0+60x6 0+60x6 0+60x6 0+60x6"},
        at="15m",
        says={"{{ $value | humanizeDuration }}": "15m 0s"},
    ),
    Scenario(
        "SwitchbackReconcileErrors",
        fires={LEADER: "1x60", f'{LOOKS}"success"}}': "0+3x60", f'{LOOKS}"error"}}': "0+1x60"},
        quiet={LEADER: "1x60", f'{LOOKS}"success"}}': "0+19x60", f'{LOOKS}"error"}}': "0+1x60"},
        at="40m",
        says={"{{ $value | humanizePercentage }}": "25%"},
    ),
    Scenario(
        "SwitchbackQueueDeep",
        fires={LEADER: "1x60", DEPTH: "80x60"},
        quiet={LEADER: "1x60", DEPTH: "80x10 3x5 80x10"},
        at="20m",
        says={"{{ $value }}": "80"},
    ),
    Scenario(
        "SwitchbackResourceStalled",
        fires={LEADER: "1x60", STALLED: "2x60"},
        quiet={LEADER: "1x60", STALLED: "2x10 0x50"},
        at="20m",
        says={"{{ $value }}": "2"},
    ),
    Scenario(
        "SwitchbackOperationsFail",
        fires={
            LEADER: "1x60",
            f'{ENDED}"Forward", outcome="Failed"}}': "0x10 4x50",
            f'{ENDED}"Forward", outcome="Succeeded"}}': "0x10 1x50",
        },
        quiet={
            LEADER: "1x60",
            f'{ENDED}"Forward", outcome="Failed"}}': "0x10 4x50",
            f'{ENDED}"Forward", outcome="Succeeded"}}': "0x10 9x50",
        },
        at="60m",
        says={"{{ $value | humanize }}": "4"},
    ),
    Scenario(
        "SwitchbackApprovalWaits",
        fires={LEADER: "1x300", f'{OLDEST}"AwaitingApproval"}}': "0+60x300"},
        quiet={LEADER: "1x300", f'{OLDEST}"AwaitingApproval"}}': "0+30x300"},
        at="270m",
        says={"{{ $value | humanizeDuration }}": "4h 30m 0s"},
    ),
    Scenario(
        "SwitchbackOperationSlow",
        fires={LEADER: "1x90", f'{OLDEST}"RollingBack"}}': "0+60x90", f'{OLDEST}"Progressing"}}': "0x90"},
        quiet={
            LEADER: "1x90",
            f'{OLDEST}"AwaitingApproval"}}': "0+60x90",
            f'{OLDEST}"Progressing"}}': "0x90",
        },
        at="80m",
        says={"{{ $value | humanizeDuration }}": "1h 20m 0s"},
    ),
    Scenario(
        "SwitchbackDeletionStuck",
        fires={LEADER: "1x60", f'{OLDEST}"Deleting"}}': "0+60x60"},
        quiet={LEADER: "1x60", f'{OLDEST}"Deleting"}}': "0+60x20 0x40"},
        at="40m",
        says={"{{ $value | humanizeDuration }}": "40m 0s"},
    ),
    Scenario(
        "SwitchbackRolledBack",
        fires={LEADER: "1x60", f'{ENDED}"Backward", outcome="RolledBack"}}': "0x10 1x50"},
        quiet={
            LEADER: "1x60",
            f'{ENDED}"Backward", outcome="Failed"}}': "0x10 1x50",
            f'{ENDED}"Forward", outcome="Succeeded"}}': "0x10 5x50",
        },
        at="30m",
    ),
    Scenario(
        "SwitchbackNoHealthySlot",
        fires={LEADER: "1x60", f'{HOW}"NoHealthySlot"}}': "1x60"},
        quiet={LEADER: "1x60", f'{HOW}"SQLFailed"}}': "1x10 _x50"},
        at="10m",
        says={"{{ $value }}": "1"},
    ),
    Scenario(
        "SwitchbackSelectorContested",
        fires={LEADER: "1x60", DRIFT: "0x10 1 2 3 4 4x50"},
        quiet={LEADER: "1x60", DRIFT: "0x10 1 1x55"},
        at="16m",
    ),
    Scenario(
        "SwitchbackCutoverStuck",
        fires={LEADER: "1x60", f'{PHASE}"Restoring"}}': "0+60x60", f'{PHASE}"Draining"}}': "0x60"},
        quiet={LEADER: "1x60", f'{PHASE}"Restoring"}}': "0+60x4 0x60", f'{PHASE}"Preparing"}}': "0+60x60"},
        at="6m",
        says={"{{ $value | humanizeDuration }}": "6m 0s", "{{ $labels.phase }}": "Restoring"},
        labels={"phase": "Restoring"},
    ),
    Scenario(
        "SwitchbackCutoverWentBack",
        fires={LEADER: "1x60", f'{SWITCHES}"Restored"}}': "0x10 1x50"},
        quiet={LEADER: "1x60", f'{SWITCHES}"Completed"}}': "0x10 5x50"},
        at="30m",
    ),
)

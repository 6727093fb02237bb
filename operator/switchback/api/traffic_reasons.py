"""What the reasons about traffic mean: a part of the table in `reasons`."""

from __future__ import annotations

from switchback.api.reason_words import Explanation, OperatorReason

_O = OperatorReason

TRAFFIC: dict[OperatorReason, Explanation] = {
    _O.PREPARING_CUTOVER: Explanation("The pod that will check the new slot starts."),
    _O.SWITCHING: Explanation("The Service is being pointed at the other slot."),
    _O.VERIFYING: Explanation("The Service was changed; its endpoints are being verified."),
    _O.SOAKING: Explanation("The new slot is live and watched by the checks of AfterCutover."),
    _O.DRAINING: Explanation("The old slot finishes what it has begun."),
    _O.CHECKING: Explanation("A Job runs checks of spec.checks."),
    _O.SWITCHING_BACK: Explanation("The Service is being pointed back at the slot that was live before."),
    _O.SLOT_LIVE: Explanation("The Service points at the wished slot."),
    _O.SLOT_NOT_LIVE: Explanation("The Service does not point at the wished slot."),
    _O.OLD_SLOT_DRAINED: Explanation("The old slot had its time, and none of its sessions was left."),
    _O.OLD_SLOT_IN_USE: Explanation(
        "The old slot may still be in use.",
        "See pg_stat_activity for its sessions; scale the slot down when nobody needs the way back.",
    ),
    _O.CONTRACT_APPLIED: Explanation("No file of phase=contract waits."),
    _O.WAITING_FOR_OLD_SLOT: Explanation(
        "Files of phase=contract wait until the old slot is scaled to 0 and no pod of it exists.",
        "Scale the old slot down when nobody needs the way back.",
    ),
    _O.CHECKS_PASSED: Explanation("The checks have passed."),
    _O.SELECTOR_OWNED: Explanation("Nobody else writes the Service's selector."),
    _O.SELECTOR_CHANGED: Explanation(
        "Somebody has pointed the Service at the other slot.",
        "If that is to stay, set spec.cutover.activeSlot to it; else ask once more with the annotation "
        "switchback.dev/retry.",
    ),
    _O.SELECTOR_CONTESTED: Explanation(
        "Somebody changes the Service's selector again and again.",
        "Find the writer that the message names, and have it leave the selector alone.",
    ),
    _O.SERVICE_REPLACED: Explanation(
        "The Service was deleted or made anew while its traffic was being moved.",
        "See where it points now, then ask once more with the annotation switchback.dev/retry.",
    ),
    _O.SWITCH_NOT_VERIFIED: Explanation(
        "The switch was not verified in time, and counts as one that did not happen.",
        "See the pods of the new slot and the endpoints of the Service.",
    ),
    _O.SLOT_DIED: Explanation(
        "The new slot had no ready pod left after the switch.", "See the log of its pods."
    ),
    _O.POINT_OF_NO_RETURN: Explanation(
        "The program in the wished slot needs what files of phase=contract have taken away.",
        "Deploy a program to that slot that works with the schema as it is, or restore a snapshot.",
    ),
    _O.NO_HEALTHY_SLOT: Explanation(
        "No slot has a ready pod to which the traffic could go.",
        "Bring one of the slots up; the operator goes on by itself.",
    ),
    _O.SUPERSEDED: Explanation("The spec asks for something else by now."),
    _O.TRAFFIC_NOT_ALLOWED: Explanation(
        "The operator may not see Services, EndpointSlices, workloads or pods, or not change the Service.",
        "Set the chart's value traffic.enabled to true, or give it the right that the message names. Where a "
        "policy or webhook is named, have that let the operator.",
    ),
    _O.SERVICE_MISSING: Explanation(
        "There is no Service of that name.", "Create it, or correct spec.cutover.serviceName."
    ),
    _O.SERVICE_UNFIT: Explanation(
        "The Service directs its traffic in a way that a change of its selector does not move.",
        "Use a Service with a selector, which sends connections to ready pods only.",
    ),
    _O.SERVICE_CLAIMED: Explanation(
        "Another DatabaseMigration moves the traffic of this Service.",
        "Remove spec.cutover from one of the two, or give each a Service of its own.",
    ),
    _O.SELECTOR_OWNED_BY_GIT_OPS: Explanation(
        "A tool that writes the Service's selector would take the slot's key away with its next sync.",
        "Tell that tool to leave the selector alone; the message says how.",
    ),
    _O.SELECTOR_AMBIGUOUS: Explanation(
        "The Service names no slot, and its ready endpoints are not all pods of one slot.",
        "Add spec.cutover.selectorKey with the live slot's name to the Service's selector by hand, once.",
    ),
    _O.SELECTOR_MISMATCH: Explanation(
        "The rest of the Service's selector does not choose the pods of a slot.",
        "Give both pod templates every label of the Service's selector.",
    ),
    _O.SLOT_LABEL_MISSING: Explanation(
        "The pod template of a slot does not carry the label that tells the slots apart.",
        "Add the label to its pod template: its key is spec.cutover.selectorKey, its value the slot's name.",
    ),
    _O.PORT_UNKNOWN: Explanation(
        "The Service names a port that no container of a slot has.",
        "Give the container's port that name, or correct targetPort in the Service.",
    ),
    _O.SLOT_MISSING: Explanation(
        "The workload of a slot does not exist.", "Create it, or correct its workloadRef."
    ),
    _O.SLOT_NOT_READY: Explanation(
        "The slot that is to be live has not enough ready pods of its newest template.",
        "Scale it up, or see its rollout and its pods; the operator never scales a workload.",
    ),
    _O.NO_WAY_BACK: Explanation(
        "The live slot has no ready pod to which the traffic could go back.",
        "Bring it up, or set spec.cutover.allowNoReturn.",
    ),
    _O.SELECTOR_IN_MANIFEST: Explanation(
        "The manifest of the Service holds the slot's key: whoever applies it again moves the traffic.",
        "Leave the key of the slot out of the manifest.",
    ),
    _O.SELECTOR_SHARED: Explanation(
        "Another tool holds the Service's selector as well; its next upgrade may end in a conflict.",
        "See the message for the setting of that tool that avoids it.",
    ),
    _O.SESSION_AFFINITY: Explanation(
        "The Service keeps each client at one pod; with the switch every client gets another one.",
        "Make sure that sessions do not live in the memory of one pod.",
    ),
    _O.LOAD_BALANCER_LAG: Explanation(
        "Traffic comes through a load balancer, which may learn of a switch later than the cluster.",
        "Give spec.cutover.drainPeriodSeconds more than its delay, and check through it.",
    ),
    _O.TRAFFIC_STAYS_ON_NODE: Explanation(
        "The Service sends connections to pods of the same node only.",
        "Make sure that every node that takes connections runs a pod of each slot.",
    ),
    _O.HEADLESS_SERVICE: Explanation(
        "The Service has no address of its own: clients learn of a switch when they look its name up again.",
        "Make sure that clients do so, and give spec.cutover.drainPeriodSeconds more than they need.",
    ),
    _O.AUTOSCALER_TOO_LOW: Explanation(
        "The autoscaler of the slot may shrink it below what the live slot has ready now.",
        "Raise minReplicas of its HorizontalPodAutoscaler.",
    ),
    _O.ROLLOUT_PAUSED: Explanation(
        "The rollout of the Deployment is paused.", "Resume it: kubectl rollout resume."
    ),
}

-- Which actions Argo CD offers for a DatabaseMigration, and which of them make sense now.

local status = obj.status or {}
local operation, approval = status.operation or {}, status.approval or {}
local is = {}
local ready = ""
for _, condition in ipairs(status.conditions or {}) do
  is[condition.type] = condition.status == "True"
  if condition.type == "Ready" then
    ready = condition.reason
  end
end
local seen = status.observedGeneration == obj.metadata.generation and obj.metadata.deletionTimestamp == nil
local asked = seen and ready == "AwaitingApproval" and approval.token ~= nil and approval.approvedBy == nil
local known = seen and operation.id ~= nil

local actions = {}
actions["approve"] = {
  ["disabled"] = not asked,
  ["displayName"] = "Approve this plan",
  ["iconClass"] = "fa fa-fw fa-check",
}
actions["reject"] = {
  ["disabled"] = not asked,
  ["displayName"] = "Reject this plan",
  ["iconClass"] = "fa fa-fw fa-ban",
}
actions["retry"] = {
  ["disabled"] = not (known and (is.Stalled and is.Finished or ready == "Retrying" or ready == "WaitingForDatabase")),
  ["displayName"] = "Try again",
  ["iconClass"] = "fa fa-fw fa-redo",
}
actions["abort"] = {
  ["disabled"] = not (known and is.Reconciling and operation.abort == nil),
  ["displayName"] = "Abort the operation",
  ["iconClass"] = "fa fa-fw fa-stop",
}
return actions

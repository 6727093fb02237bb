-- How Argo CD reads the health of a DatabaseMigration.
--
-- Goes into the ConfigMap argocd-cm under resource.customizations.health.switchback.dev_DatabaseMigration;
-- argocd-cm.yaml beside this file holds it ready. It needs no standard library.

local function answer(status, message)
  return { status = status, message = message }
end

local meta, status = obj.metadata or {}, obj.status
if meta.deletionTimestamp ~= nil then
  return answer("Progressing", "Being deleted.")
end
-- A new resource has -1 here, and an edited one the number before: what stands in it is of an older wish.
if status == nil or status.observedGeneration ~= meta.generation then
  return answer("Progressing", "The operator has not seen the newest spec yet.")
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready = conditions.Ready or {}
local stalled = conditions.Stalled or {}
local reconciling = conditions.Reconciling or {}

if stalled.status == "True" then
  return answer("Degraded", stalled.message)
end
-- Both wait for a person, so a sync goes on waiting and fails nothing.
if ready.reason == "AwaitingApproval" or ready.reason == "Suspended" then
  return answer("Suspended", ready.message)
end
if reconciling.status == "True" then
  return answer("Progressing", reconciling.message)
end
if ready.status == "True" then
  return answer("Healthy", ready.message)
end
return answer("Progressing", ready.message or "The operator has not said anything yet.")

-- Approves the plan that waits: the token stands for that plan and its risks, and for no other.

-- Whoever sends the request has to sign it, and that is Argo CD's server, not the person who clicks. Another
-- name here if Argo CD is not installed as `argocd`, or if it reaches this cluster as somebody else.
local signature = "system:serviceaccount:argocd:argocd-server"

local approval = (obj.status or {}).approval
if approval == nil or approval.token == nil then
  error("nothing waits for approval", 0)
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["switchback.dev/approve"] = approval.token
obj.metadata.annotations["switchback.dev/approved-by"] = signature
return obj

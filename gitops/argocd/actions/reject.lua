-- Rejects the plan that waits: the token stands for that plan and its risks, and for no other.

local approval = (obj.status or {}).approval
if approval == nil or approval.token == nil then
  error("nothing waits for approval", 0)
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["switchback.dev/reject"] = approval.token
return obj

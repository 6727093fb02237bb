-- Tries again: at once if the next attempt is planned, from the start if the operation has failed.

local operation = (obj.status or {}).operation
if operation == nil or operation.id == nil then
  error("there is no operation to try again", 0)
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
-- The version of the resource makes the request a new one, and two clicks at the same thing one request.
obj.metadata.annotations["switchback.dev/retry"] = operation.id .. "/" .. obj.metadata.resourceVersion
return obj

-- Ends the operation at hand. What was committed before stays.

local operation = (obj.status or {}).operation
if operation == nil or operation.id == nil then
  error("there is no operation to abort", 0)
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
-- The version of the resource makes the request a new one, and two clicks at the same thing one request.
obj.metadata.annotations["switchback.dev/abort"] = operation.id .. "/" .. obj.metadata.resourceVersion
return obj

module switchback.dev/tests/cluster/csi-driver

go 1.24.0

// The same versions as beside it in kubernetes/go.mod, where the tools of a node are built, so that what was
// compiled there is not compiled again.
require (
	github.com/container-storage-interface/spec v1.9.0
	google.golang.org/grpc v1.72.2
	google.golang.org/protobuf v1.36.6
	k8s.io/kubelet v0.34.4
)

require (
	github.com/golang/protobuf v1.5.4 // indirect
	golang.org/x/net v0.40.0 // indirect
	golang.org/x/sys v0.33.0 // indirect
	golang.org/x/text v0.25.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20250512202823-5a2f75b736a9 // indirect
)

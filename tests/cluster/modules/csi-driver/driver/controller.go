package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// plain is what a name may be that becomes a file's name here.
var plain = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

// kept is what is written down about a snapshot, beside its copy.
type kept struct {
	ID     string    `json:"id"`
	Volume string    `json:"volume"`
	Taken  time.Time `json:"taken"`
}

type controller struct {
	csi.UnimplementedControllerServer
	place
	mutex  sync.Mutex
	failed map[string]int       // by the id of a fault
	asked  map[string]time.Time // by the id of a fault and the name of a snapshot
}

func (c *controller) ControllerGetCapabilities(
	context.Context, *csi.ControllerGetCapabilitiesRequest,
) (*csi.ControllerGetCapabilitiesResponse, error) {
	answer := &csi.ControllerGetCapabilitiesResponse{}
	for _, kind := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_LIST_SNAPSHOTS,
	} {
		rpc := &csi.ControllerServiceCapability_RPC{Type: kind}
		capability := &csi.ControllerServiceCapability{Type: &csi.ControllerServiceCapability_Rpc{Rpc: rpc}}
		answer.Capabilities = append(answer.Capabilities, capability)
	}
	return answer, nil
}

func (c *controller) CreateSnapshot(
	ctx context.Context, request *csi.CreateSnapshotRequest,
) (*csi.CreateSnapshotResponse, error) {
	name, volume := request.GetName(), request.GetSourceVolumeId()
	if !plain.MatchString(name) || !plain.MatchString(volume) {
		return nil, status.Errorf(codes.InvalidArgument, "no snapshot %q of volume %q can be made", name, volume)
	}
	snapshot, err := c.create(ctx, name, volume)
	c.note(volume, "CreateSnapshot", name, err)
	if err != nil {
		return nil, err
	}
	return &csi.CreateSnapshotResponse{Snapshot: c.tell(snapshot)}, nil
}

func (c *controller) create(ctx context.Context, name, volume string) (kept, error) {
	if known, err := c.read(name); err == nil {
		if known.Volume != volume {
			return kept{}, status.Errorf(codes.AlreadyExists, "snapshot %s is of volume %s", name, known.Volume)
		}
		return known, nil
	}
	if err := c.hold(ctx, name, volume); err != nil {
		return kept{}, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if known, err := c.read(name); err == nil {
		return known, nil // made while this call was waiting
	}
	if wrong := c.faultOf(volume); wrong.Error != "" {
		c.failed[wrong.ID]++
		if wrong.Times == 0 || c.failed[wrong.ID] <= wrong.Times {
			return kept{}, wrong.failure()
		}
	}
	source := c.path("volumes", volume)
	if _, err := os.Stat(source); err != nil {
		return kept{}, status.Errorf(codes.NotFound, "there is no volume %s", volume)
	}
	return c.take(name, volume, source)
}

func (c *controller) take(name, volume, source string) (kept, error) {
	partial := c.path("snapshots", "."+name)
	if err := os.RemoveAll(partial); err != nil {
		return kept{}, status.Error(codes.Internal, err.Error())
	}
	thaw, err := c.freeze(volume)
	if err != nil {
		return kept{}, status.Error(codes.Internal, err.Error())
	}
	snapshot := kept{ID: name, Volume: volume, Taken: time.Now().UTC()}
	output, err := exec.Command("cp", "--archive", "--reflink=auto", source, partial).CombinedOutput()
	thaw()
	if err != nil {
		return kept{}, status.Errorf(codes.Internal, "volume %s is not copied: %s: %s", volume, err, output)
	}
	if err := os.Rename(partial, c.path("snapshots", name)); err != nil {
		return kept{}, status.Error(codes.Internal, err.Error())
	}
	// Written last: without it there is no snapshot.
	text, err := json.Marshal(snapshot)
	if err == nil {
		err = os.WriteFile(c.path("snapshots", name+".json"), text, 0o644)
	}
	if err != nil {
		return kept{}, status.Error(codes.Internal, err.Error())
	}
	return snapshot, nil
}

func (c *controller) DeleteSnapshot(
	_ context.Context, request *csi.DeleteSnapshotRequest,
) (*csi.DeleteSnapshotResponse, error) {
	name := request.GetSnapshotId()
	if !plain.MatchString(name) {
		return nil, status.Errorf(codes.InvalidArgument, "there is no snapshot %q", name)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	known, err := c.read(name)
	if err != nil {
		return &csi.DeleteSnapshotResponse{}, nil // gone already
	}
	err = c.remove(known)
	c.note(known.Volume, "DeleteSnapshot", name, err)
	if err != nil {
		return nil, err
	}
	return &csi.DeleteSnapshotResponse{}, nil
}

func (c *controller) remove(known kept) error {
	if text := c.faultOf(known.Volume).DeleteError; text != "" {
		return status.Error(codes.Internal, text)
	}
	for _, path := range []string{known.ID, known.ID + ".json"} {
		if err := os.RemoveAll(c.path("snapshots", path)); err != nil {
			return status.Error(codes.Internal, err.Error())
		}
	}
	return nil
}

func (c *controller) ListSnapshots(
	_ context.Context, request *csi.ListSnapshotsRequest,
) (*csi.ListSnapshotsResponse, error) {
	notes, err := filepath.Glob(c.path("snapshots", "*.json"))
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	answer := &csi.ListSnapshotsResponse{}
	for _, note := range notes {
		base := filepath.Base(note)
		known, err := c.read(base[:len(base)-len(".json")])
		if err != nil || (request.GetSnapshotId() != "" && request.GetSnapshotId() != known.ID) ||
			(request.GetSourceVolumeId() != "" && request.GetSourceVolumeId() != known.Volume) {
			continue
		}
		answer.Entries = append(answer.Entries, &csi.ListSnapshotsResponse_Entry{Snapshot: c.tell(known)})
	}
	return answer, nil
}

func (c *controller) read(name string) (kept, error) {
	var known kept
	text, err := os.ReadFile(c.path("snapshots", name+".json"))
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	return known, err
}

func (c *controller) tell(known kept) *csi.Snapshot {
	return &csi.Snapshot{
		SnapshotId: known.ID, SourceVolumeId: known.Volume, CreationTime: timestamppb.New(known.Taken),
		ReadyToUse: c.faultOf(known.Volume).ready(known.Taken), SizeBytes: c.size(known.Volume),
	}
}

// size is what the tests have written down as the size of a volume; 0 means unknown.
func (c *controller) size(volume string) int64 {
	text, err := os.ReadFile(c.path("sizes", volume))
	if err != nil {
		return 0
	}
	size, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return size
}

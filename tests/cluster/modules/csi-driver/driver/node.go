package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const patience = 5 * time.Second // for a pod to stand still

// podOf finds the pod in the path at which the kubelet wants a volume.
var podOf = regexp.MustCompile(`/pods/([0-9a-f-]{36})/`)

type node struct {
	csi.UnimplementedNodeServer
	place
}

func (n *node) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: n.node}, nil
}

func (n *node) NodeGetCapabilities(
	context.Context, *csi.NodeGetCapabilitiesRequest,
) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{}, nil
}

func (n *node) NodePublishVolume(
	_ context.Context, request *csi.NodePublishVolumeRequest,
) (*csi.NodePublishVolumeResponse, error) {
	volume, target := request.GetVolumeId(), request.GetTargetPath()
	if !plain.MatchString(volume) {
		return nil, status.Errorf(codes.NotFound, "there is no volume %q", volume)
	}
	if _, err := os.Stat(n.path("volumes", volume)); err != nil {
		return nil, status.Errorf(codes.NotFound, "there is no volume %s", volume)
	}
	if err := n.publish(volume, target, request.GetReadonly()); err != nil {
		return nil, status.Errorf(codes.Internal, "volume %s is not mounted at %s: %s", volume, target, err)
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

func (n *node) publish(volume, target string, readonly bool) error {
	if mounted(target) {
		return nil
	}
	if err := os.MkdirAll(target, 0o750); err != nil {
		return err
	}
	if pod := podOf.FindStringSubmatch(target); pod != nil {
		if err := os.MkdirAll(n.path("published", volume, pod[1]), 0o755); err != nil {
			return err
		}
	}
	if err := syscall.Mount(n.path("volumes", volume), target, "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	if readonly {
		return syscall.Mount("", target, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	}
	return nil
}

func (n *node) NodeUnpublishVolume(
	_ context.Context, request *csi.NodeUnpublishVolumeRequest,
) (*csi.NodeUnpublishVolumeResponse, error) {
	target := request.GetTargetPath()
	if mounted(target) {
		if err := syscall.Unmount(target, 0); err != nil {
			return nil, status.Errorf(codes.Internal, "%s is not unmounted: %s", target, err)
		}
	}
	if err := os.Remove(target); err != nil && !os.IsNotExist(err) {
		return nil, status.Errorf(codes.Internal, "%s is not removed: %s", target, err)
	}
	if pod := podOf.FindStringSubmatch(target); pod != nil {
		// An old note does no harm: a pod that has ended has nothing to freeze.
		_ = os.Remove(n.path("published", request.GetVolumeId(), pod[1]))
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

func mounted(target string) bool {
	table, err := os.ReadFile("/proc/self/mountinfo")
	return err == nil && strings.Contains(string(table), " "+target+" ")
}

// freeze lets all pods that mount a volume stand still, so that a copy of it is of one moment. What it
// returns lets them go on.
func (p place) freeze(volume string) (func(), error) {
	var frozen []string
	thaw := func() {
		for _, group := range frozen {
			if err := turn(group, false); err != nil {
				fmt.Fprintf(os.Stderr, "driver: %s does not go on: %s\n", group, err)
			}
		}
	}
	pods, err := os.ReadDir(p.path("published", volume))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, pod := range pods {
		group := groupOf(p.cgroup, "pod"+pod.Name())
		if group == "" {
			continue // it has ended
		}
		frozen = append(frozen, group)
		if err := turn(group, true); err != nil {
			thaw()
			return nil, fmt.Errorf("pod %s of volume %s does not stand still: %w", pod.Name(), volume, err)
		}
	}
	return thaw, nil
}

// groupOf finds the control group of a pod, in version 1 and version 2.
func groupOf(root, pod string) string {
	found := ""
	for _, base := range []string{"/sys/fs/cgroup/freezer", "/sys/fs/cgroup"} {
		_ = filepath.WalkDir(filepath.Join(base, root), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil // pods come and go meanwhile
			}
			if entry.IsDir() && entry.Name() == pod {
				found = path
				return fs.SkipAll
			}
			return nil
		})
		if found != "" {
			break
		}
	}
	return found
}

func turn(group string, off bool) error {
	file, word, state, wanted := "freezer.state", "THAWED", "freezer.state", "THAWED"
	if off {
		word, wanted = "FROZEN", "FROZEN"
	}
	if _, err := os.Stat(filepath.Join(group, file)); err != nil { // version 2
		file, word, state, wanted = "cgroup.freeze", "0", "cgroup.events", "frozen 0"
		if off {
			word, wanted = "1", "frozen 1"
		}
	}
	if err := os.WriteFile(filepath.Join(group, file), []byte(word), 0o644); err != nil {
		return err
	}
	for began := time.Now(); time.Since(began) < patience; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(group, state))
		if err != nil {
			return err
		}
		if strings.Contains(string(text), wanted) {
			return nil
		}
	}
	return errors.New("not " + wanted + " in time")
}

// Command driver is a CSI driver for the tests of this project, and for nothing else: it has no security,
// no limits of size, and keeps everything below one folder of a node that is thrown away.
//
//	driver -root FOLDER -kubelet FOLDER -node NAME -name DRIVER -cgroup NAME
//
// A volume is a folder `volumes/HANDLE`, made by the tests; `sizes/HANDLE` is its size in bytes. A snapshot
// is a copy of it in `snapshots`, made while the pods that mount the volume stand still.
// `faults/HANDLE.json` says what goes wrong with a volume, `calls/HANDLE.jsonl` what was asked of it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// place is where the driver lives, and what it is called.
type place struct {
	root, kubelet, node, name, cgroup string
}

func (p place) path(words ...string) string {
	return filepath.Join(append([]string{p.root}, words...)...)
}

func main() {
	var here place
	flag.StringVar(&here.root, "root", "", "folder of the volumes, the snapshots and the socket")
	flag.StringVar(&here.kubelet, "kubelet", "", "root folder of the kubelet")
	flag.StringVar(&here.node, "node", "", "name of the node")
	flag.StringVar(&here.name, "name", "", "name of the driver")
	flag.StringVar(&here.cgroup, "cgroup", "", "control group below which the kubelet keeps its pods")
	flag.Parse()
	if err := serve(here); err != nil {
		log.Fatal("driver: ", err)
	}
}

func serve(here place) error {
	for _, folder := range []string{"volumes", "sizes", "snapshots", "published", "faults", "calls"} {
		if err := os.MkdirAll(here.path(folder), 0o755); err != nil {
			return err
		}
	}
	// Two sockets: the kubelet would try to speak its own protocol on the first one, too.
	socket := here.path("csi.sock")
	failed := make(chan error, 2)
	go listen(socket, failed, func(server *grpc.Server) {
		csi.RegisterIdentityServer(server, &identity{place: here})
		controls := &controller{place: here, failed: map[string]int{}, asked: map[string]time.Time{}}
		csi.RegisterControllerServer(server, controls)
		csi.RegisterNodeServer(server, &node{place: here})
	})
	door := filepath.Join(here.kubelet, "plugins_registry", here.name+"-reg.sock")
	go listen(door, failed, func(server *grpc.Server) {
		registration.RegisterRegistrationServer(server, &entrance{place: here, socket: socket})
	})
	return <-failed
}

func listen(path string, failed chan<- error, register func(*grpc.Server)) {
	// That of a driver that was killed.
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		failed <- err
		return
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		failed <- err
		return
	}
	server := grpc.NewServer()
	register(server)
	failed <- server.Serve(listener)
}

// entrance is how the kubelet learns of a driver.
type entrance struct {
	registration.UnimplementedRegistrationServer
	place
	socket string
}

func (d *entrance) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type: registration.CSIPlugin, Name: d.name, Endpoint: d.socket, SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (d *entrance) NotifyRegistrationStatus(
	_ context.Context, status *registration.RegistrationStatus,
) (*registration.RegistrationStatusResponse, error) {
	fmt.Println("registered with the kubelet:", status.PluginRegistered, status.Error)
	return &registration.RegistrationStatusResponse{}, nil
}

type identity struct {
	csi.UnimplementedIdentityServer
	place
}

func (i *identity) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: i.name, VendorVersion: "1"}, nil
}

func (i *identity) GetPluginCapabilities(
	context.Context, *csi.GetPluginCapabilitiesRequest,
) (*csi.GetPluginCapabilitiesResponse, error) {
	service := &csi.PluginCapability_Service{Type: csi.PluginCapability_Service_CONTROLLER_SERVICE}
	capability := &csi.PluginCapability{Type: &csi.PluginCapability_Service_{Service: service}}
	return &csi.GetPluginCapabilitiesResponse{Capabilities: []*csi.PluginCapability{capability}}, nil
}

func (i *identity) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{}, nil
}

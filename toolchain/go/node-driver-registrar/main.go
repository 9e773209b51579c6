// Command node-driver-registrar tells the kubelet where a CSI driver on its node listens.
//
// The sidecar of the same name (kubernetes-csi/node-driver-registrar) is not served by the Go module proxy. This one takes the flags of it
// that our manifest uses, and speaks the same two protocols: CSI's Identity service and the kubelet's plugin registration v1.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

const (
	version   = "1.0.0"
	waitForIt = 30 * time.Second
)

type registrar struct {
	registration.UnimplementedRegistrationServer
	name, endpoint string
}

func (r registrar) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{Type: registration.CSIPlugin, Name: r.name, Endpoint: r.endpoint, SupportedVersions: []string{"1.0.0"}}, nil
}

func (r registrar) NotifyRegistrationStatus(
	_ context.Context, status *registration.RegistrationStatus,
) (*registration.RegistrationStatusResponse, error) {
	if !status.PluginRegistered {
		// The container is restarted, which is the only retry that the kubelet offers.
		log.Fatalf("the kubelet refused %s: %s", r.name, status.Error)
	}
	return &registration.RegistrationStatusResponse{}, nil
}

func main() {
	driver := flag.String("csi-address", "/csi/csi.sock", "socket of the driver, in this container")
	endpoint := flag.String("kubelet-registration-path", "", "the same socket, on the node")
	folder := flag.String("plugin-registration-path", "/registration", "folder in which the kubelet looks for sockets")
	health := flag.String("http-endpoint", "", "address that answers /healthz")
	told := flag.Bool("version", false, "print the version")
	flag.Parse()
	if *told {
		fmt.Println("node-driver-registrar " + version)
		return
	}
	name, err := driverName(*driver)
	if err != nil {
		log.Fatalf("no CSI driver answers at %s: %v", *driver, err)
	}
	socket := filepath.Join(*folder, name+"-reg.sock")
	if err := os.RemoveAll(socket); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	registration.RegisterRegistrationServer(server, registrar{name: name, endpoint: *endpoint})
	if *health != "" {
		http.HandleFunc("/healthz", func(answer http.ResponseWriter, _ *http.Request) {
			if _, err := os.Stat(socket); err != nil {
				http.Error(answer, err.Error(), http.StatusInternalServerError)
			}
		})
		go func() { log.Fatal(http.ListenAndServe(*health, nil)) }()
	}
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		<-ended.Done()
		server.Stop() // closing the listener removes the socket, and with it the registration
	}()
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}

// driverName asks the driver for its name; a driver that starts beside this program may take a moment.
func driverName(address string) (string, error) {
	connection, err := grpc.NewClient("unix://"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return "", err
	}
	defer connection.Close()
	within, cancel := context.WithTimeout(context.Background(), waitForIt)
	defer cancel()
	info, err := csi.NewIdentityClient(connection).GetPluginInfo(within, &csi.GetPluginInfoRequest{}, grpc.WaitForReady(true))
	return info.GetName(), err
}

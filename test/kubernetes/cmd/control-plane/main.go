// Command control-plane is the control plane of a Kubernetes cluster in one
// process: etcd and kube-apiserver. Its first argument is the directory for
// etcd's data; what follows are flags of kube-apiserver.
package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	if len(os.Args) < 2 {
		fail("usage: control-plane DIRECTORY [FLAGS OF KUBE-APISERVER]")
	}
	etcd, err := startEtcd(os.Args[1])
	if err != nil {
		fail("etcd: %v", err)
	}
	apiServer := app.NewAPIServerCommand()
	apiServer.SetArgs(append(os.Args[2:], "--etcd-servers=http://"+etcd.Clients[0].Addr().String()))
	code := cli.Run(apiServer)
	etcd.Close()
	os.Exit(code)
}

// startEtcd starts an etcd of one member at ports that the kernel gives, and
// returns when it is ready.
func startEtcd(directory string) (*embed.Etcd, error) {
	config := embed.NewConfig()
	config.Dir = filepath.Join(directory, "etcd")
	config.LogLevel = "warn"
	config.UnsafeNoFsync = true // the data need to outlive the process, not the machine
	anyPort := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.ListenClientUrls, config.AdvertiseClientUrls = anyPort, anyPort
	config.ListenPeerUrls, config.AdvertisePeerUrls = anyPort, anyPort
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case err := <-etcd.Err():
		return nil, err
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "control-plane: "+format+"\n", args...)
	os.Exit(1)
}

// Command control-plane is what the lab's clusters need besides Flux, in one executable: etcd, kube-apiserver,
// kube-controller-manager, kubectl, an OCI registry and self-signed certificates. The name it is called by says which one;
// called control-plane, its first argument does.
package main

import (
	"crypto/subtle"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/client-go/util/cert"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

const usage = `usage: control-plane etcd|kube-apiserver|kube-controller-manager|kubectl [flags]
       control-plane registry ADDRESS USER PASSWORD_FILE   serves OCI artifacts, kept in memory; pushing takes the login
       control-plane certificate HOST...                   prints a self-signed certificate for these names and addresses, and its key
`

func main() {
	os.Args[0] = filepath.Base(os.Args[0])
	if os.Args[0] == "control-plane" && len(os.Args) > 1 {
		os.Args = os.Args[1:]
	}
	switch arguments := os.Args[1:]; os.Args[0] {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllers.NewControllerManagerCommand()))
	case "kubectl": // as its own main does it, so that errors read as people know them
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			kubectlutil.CheckErr(err)
		}
	case "registry":
		if len(arguments) != 3 {
			misused()
		}
		password, err := os.ReadFile(arguments[2])
		if err != nil {
			log.Fatal(err)
		}
		login := login{arguments[1], strings.TrimSpace(string(password))}
		log.Fatal(http.ListenAndServe(arguments[0], login.toPush(registry.New())))
	case "certificate":
		if len(arguments) == 0 {
			misused()
		}
		printCertificate(arguments)
	default:
		misused()
	}
}

func misused() {
	fmt.Fprint(os.Stderr, usage)
	os.Exit(2)
}

type login struct{ user, password string }

// toPush lets everyone read, and only those push who know the login: Flux applies what it finds in the registry, and the
// lab's node runs that, while other users of this machine reach the port.
func (l login) toPush(registry http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		reads := request.Method == http.MethodGet || request.Method == http.MethodHead
		user, password, _ := request.BasicAuth()
		if !reads && (user != l.user || subtle.ConstantTimeCompare([]byte(password), []byte(l.password)) != 1) {
			answer.Header().Set("WWW-Authenticate", `Basic realm="the lab's registry"`)
			answer.Header().Set("Content-Type", "application/json")
			answer.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(answer, `{"errors":[{"code":"UNAUTHORIZED","message":"pushing takes the login of the lab's Git"}]}`)
			return
		}
		registry.ServeHTTP(answer, request)
	})
}

func printCertificate(hosts []string) {
	var addresses []net.IP
	var names []string
	for _, host := range hosts[1:] {
		if address := net.ParseIP(host); address != nil {
			addresses = append(addresses, address)
		} else {
			names = append(names, host)
		}
	}
	certificate, key, err := cert.GenerateSelfSignedCertKey(hosts[0], addresses, names)
	if err != nil {
		log.Fatal(err)
	}
	os.Stdout.Write(certificate)
	os.Stdout.Write(key)
}

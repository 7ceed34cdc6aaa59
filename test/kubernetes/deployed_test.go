package kubernetes_test

import (
	"encoding/base64"
	"encoding/json"
	"path"
	"testing"
)

// deployment is what the tests look at in a Deployment.
type deployment struct {
	Spec struct {
		Template struct {
			Spec struct {
				SecurityContext              struct{ Sysctls []sysctl }
				ServiceAccountName           string
				AutomountServiceAccountToken bool
				Containers                   []struct {
					Args         []string
					Env          []struct{ Name, Value string }
					VolumeMounts []struct{ Name, MountPath string }
				}
				Volumes []volume
			}
		}
	}
}

type volume struct {
	Name      string
	ConfigMap *struct{ Name string }
	Secret    *struct{ SecretName string }
	EmptyDir  *struct{}
}

// get reads an object of the cluster.
func (c *cluster) get(t testing.TB, kind, name, namespace string, object any) {
	t.Helper()
	text := c.kubectl(t, "get", kind, name, "-n", namespace, "-o", "json")
	if err := json.Unmarshal([]byte(text), object); err != nil {
		t.Fatal(err)
	}
}

// podOf returns a pod of a Deployment as kubelet makes it: with the token of its
// service account, and the volumes in their places. The addresses of services lead
// to it.
func (c *cluster) podOf(t testing.TB, name, namespace string, services ...string) pod {
	t.Helper()
	var d deployment
	c.get(t, "deployment", name, namespace, &d)
	spec := d.Spec.Template.Spec
	container := spec.Containers[0]
	p := pod{
		arguments: container.Args,
		files:     make(map[string]string),
		sysctls:   spec.SecurityContext.Sysctls,
		services:  services,
	}
	for _, variable := range container.Env {
		p.environment = append(p.environment, variable.Name+"="+variable.Value)
	}
	if spec.AutomountServiceAccountToken {
		p.files[tokenFile] = c.kubectl(t, "create", "token", spec.ServiceAccountName, "-n", namespace)
	}
	for _, mount := range container.VolumeMounts {
		for _, v := range spec.Volumes {
			if v.Name == mount.Name {
				c.mount(t, &p, v, namespace, mount.MountPath)
			}
		}
	}
	return p
}

// mount puts a volume into a pod.
func (c *cluster) mount(t testing.TB, p *pod, v volume, namespace, at string) {
	t.Helper()
	var object struct{ Data map[string]string }
	switch {
	case v.ConfigMap != nil:
		c.get(t, "configmap", v.ConfigMap.Name, namespace, &object)
		for key, value := range object.Data {
			p.files[path.Join(at, key)] = value
		}
	case v.Secret != nil:
		c.get(t, "secret", v.Secret.SecretName, namespace, &object)
		for key, value := range object.Data {
			text, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				t.Fatal(err)
			}
			p.files[path.Join(at, key)] = string(text)
		}
	case v.EmptyDir != nil:
		p.directories = append(p.directories, at)
	default:
		t.Fatalf("what is volume %s?", v.Name)
	}
}

// mustBeRestricted fails unless the API server lets a pod of a Deployment into a
// namespace for those that keep to the strictest of the Pod Security Standards.
func (c *cluster) mustBeRestricted(t testing.TB, name, namespace string) {
	t.Helper()
	n := c.namespace(t)
	n.kubectl(t, "label", "namespace", n.name, "pod-security.kubernetes.io/enforce=restricted")
	n.kubectl(t, "create", "serviceaccount", "default", "-n", n.name) // a controller would make it
	var d struct {
		Spec struct {
			Template struct{ Spec map[string]any }
		}
	}
	n.get(t, "deployment", name, namespace, &d)
	spec := d.Spec.Template.Spec
	spec["serviceAccountName"] = "default"
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name}, "spec": spec,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.kubectlWith(t, string(text), "create", "-n", n.name, "--dry-run=server", "-f", "-")
}

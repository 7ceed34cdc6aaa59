package model_test

import (
	"testing"

	"github.com/coredns-failover/failover/plugin/model"
)

func TestNameOfACheck(t *testing.T) {
	tests := []struct {
		check model.Check
		want  string
	}{
		{model.Check{Type: model.HTTP, Port: 80, Request: model.Request{Path: "/healthz"}}, "http :80/healthz"},
		{model.Check{Type: model.HTTP, Port: 80, Request: model.Request{Path: "/up?key=secret"}}, "http :80/up"},
		{model.Check{Type: model.TCP, Port: 5432, Address: "db.example.org"}, "tcp db.example.org:5432"},
		{model.Check{Type: model.HTTPS, Port: 443, Address: "::1", Request: model.Request{Path: "/"}}, "https [::1]:443/"},
		{model.Check{Type: model.ICMP}, "icmp"},
		{model.Check{Type: model.GRPC, Port: 50051, Request: model.Request{Service: "shop.Cart"}}, "grpc :50051 shop.Cart"},
		{model.Check{Type: model.DNS, Port: 53, Request: model.Request{Name: "example.org."}}, "dns :53 example.org."},
	}
	for _, tt := range tests {
		if got := tt.check.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestPathsAreTakenFromTheRoot(t *testing.T) {
	o := model.TLSOptions{CertFile: "client.pem", KeyFile: "/keys/client.pem"}
	if got, want := o.In("/etc/coredns"), (model.TLSOptions{CertFile: "/etc/coredns/client.pem", KeyFile: "/keys/client.pem"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := o.In(""); got != o {
		t.Errorf("without a root: %+v", got)
	}
}

package admin

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
)

// webConfig is a file of the Prometheus exporter toolkit: TLS, client
// certificates, users with passwords. The toolkit enforces it, and reads it
// anew for each connection and request.
type webConfig struct {
	path string // empty without one
	// verifiesClients and tls say what it held at the start.
	verifiesClients bool
	tls             bool
}

func openWebConfig(path string) (webConfig, error) {
	if path == "" {
		return webConfig{}, nil
	}
	if err := web.Validate(path); err != nil {
		return webConfig{}, fmt.Errorf("web_config %s: %w", path, redacted(err))
	}
	c, err := readWebConfig(path)
	if err != nil {
		return webConfig{}, fmt.Errorf("web_config %s: %w", path, redacted(err))
	}
	opened := webConfig{path: path, tls: c.TLSConfig.IsEnabled()}
	if opened.tls {
		settings, err := web.ConfigToTLSConfig(&c.TLSConfig)
		if err != nil {
			return webConfig{}, fmt.Errorf("web_config %s: %w", path, redacted(err))
		}
		opened.verifiesClients = settings.ClientAuth >= tls.VerifyClientCertIfGiven
		if opened.verifiesClients && !namesAuthority(c) {
			return webConfig{}, fmt.Errorf("web_config %s: without client_ca_file, whoever has a certificate "+
				"of any authority that this machine trusts could steer; add it", path)
		}
	}
	return opened, nil
}

// namesAuthority reports whether the file says who signs client certificates.
// Without that, Go takes all authorities that the machine trusts.
func namesAuthority(c *web.Config) bool {
	return c.TLSConfig.ClientCAs != "" || c.TLSConfig.ClientCAsText != ""
}

// trustsClients reports whether verified client certificates are those of an
// authority that the file names now.
func (c webConfig) trustsClients() bool {
	now, err := readWebConfig(c.path)
	return err == nil && namesAuthority(now)
}

// lists reports whether the file has the user now. The toolkit let the request
// pass; but where somebody took all users out of the file, it lets anyone pass.
func (c webConfig) lists(user string) bool {
	if c.path == "" {
		return false
	}
	now, err := readWebConfig(c.path)
	if err != nil {
		return false
	}
	_, ok := now.Users[user]
	return ok
}

// readWebConfig reads the file as the toolkit does, which has no function for
// that.
func readWebConfig(path string) (*web.Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := &web.Config{TLSConfig: web.TLSConfig{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13}}
	if err := yaml.UnmarshalStrict(text, c); err != nil {
		return nil, err
	}
	c.TLSConfig.SetDirectory(filepath.Dir(path))
	return c, nil
}

// quoted is how the YAML library quotes a value that it can not use.
var quoted = regexp.MustCompile("`[^`]*`?")

// redacted leaves out values that an error quotes: a password in the wrong line
// is still a secret.
func redacted(err error) error {
	return errors.New(quoted.ReplaceAllString(err.Error(), "(a value)"))
}

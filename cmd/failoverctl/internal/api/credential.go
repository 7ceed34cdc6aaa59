package api

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Credentials are what a server is shown, and how it is known itself. Secrets
// are in files, or in the environment: what stands on a command line is there
// for everyone on the machine to see.
type Credentials struct {
	Token     string // the bearer token itself; TokenFile comes before it
	TokenFile string

	CAFile            string // empty means the system's roots
	CertFile, KeyFile string // of the client; both or none
	ServerName        string // empty means the host asked
}

// token returns the bearer token; empty is none.
func (c *Credentials) token() (string, error) {
	if c.TokenFile == "" {
		return c.Token, nil
	}
	text, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return "", err
	}
	token := mightiest(string(text))
	if token == "" {
		return "", fmt.Errorf("there is no token in %s", c.TokenFile)
	}
	return token, nil
}

// roles of a server's token file, the mightiest last.
var roles = []string{"heartbeat", "read", "drain", "all"}

// mightiest returns the token of a client's file, which is the only word on its
// line, or that of the mightiest role of a server's file: "ROLE TOKEN [NAME]".
func mightiest(text string) string {
	token, rank := "", -2
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case len(words) == 1:
			return words[0]
		case slices.Index(roles, words[0]) > rank:
			token, rank = words[1], slices.Index(roles, words[0])
		}
	}
	return token
}

// tlsConfig returns how a server is known by a certificate.
func (c *Credentials) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("there is no certificate in %s", c.CAFile)
		}
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return nil, errors.New("a certificate needs its key, and a key its certificate")
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coredns-failover/failover/cmd/failoverctl/internal/api"
)

// app is the program and what it has of the world around it.
type app struct {
	in          io.Reader
	out, err    io.Writer
	environment func(string) string
	resolver    api.Resolver
	now         func() time.Time
	// answers is set where a person at a terminal can be asked.
	answers bool
	// screen returns the size of the terminal that out is, and whether it is one.
	screen func() (width, height int, ok bool)

	flags globalFlags
	// failed is set when something did not work that has been told already.
	failed bool
	// begun is set when a command runs: errors before that are of its usage.
	begun bool
}

// globalFlags are those of every command.
type globalFlags struct {
	servers     []string
	credentials api.Credentials
	timeout     time.Duration
	output      string
}

// The exit statuses.
const (
	statusDone   = 0
	statusFailed = 1
	statusUsage  = 2
)

// usageError is a mistake on the command line.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// run executes a command line and returns the exit status.
func (a *app) run(ctx context.Context, root *cobra.Command, args []string) int {
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	command, err := root.ExecuteContextC(ctx)
	if err != nil {
		a.complain("%v", err)
	}
	_, usage := errors.AsType[*usageError](err)
	switch {
	case err != nil && (usage || !a.begun):
		fmt.Fprintf(a.err, "See %q.\n", command.CommandPath()+" --help")
		return statusUsage
	case err != nil || a.failed:
		return statusFailed
	}
	return statusDone
}

// complain tells of an error. A command goes on where it can, and is failed at
// the end.
func (a *app) complain(format string, args ...any) {
	a.failed = true
	a.note(format, args...)
}

// note tells of something beside the output.
func (a *app) note(format string, args ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		fmt.Fprintln(a.err, "failoverctl: "+printable(strings.TrimSuffix(line, "\n")))
	}
}

const rootHelp = `failoverctl shows what a CoreDNS with failover does, and steers it, over its
admin API.

--server is a URL, HOST:PORT or HOST (port 9191). It may be given several times,
and a name with several addresses, as a headless service of Kubernetes has, is a
server at each of them: each has its own health and forced states. Results then
show where servers differ, and what is asked for is done on all of them.

The environment has defaults: FAILOVER_SERVER (with commas between servers),
FAILOVER_TOKEN_FILE, and FAILOVER_TOKEN for the token itself.

The exit status is 0 when all is well, 1 when something failed or a server did
not reply, and 2 when the command line is wrong.`

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "failoverctl",
		Short:         "Show and steer a CoreDNS with failover",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return a.readFlags()
		},
	}
	a.addGlobalFlags(root)
	root.AddCommand(
		a.statusCommand(), a.showCommand(), a.explainCommand(),
		a.drainCommand(), a.forceCommand(), a.clearCommand(), a.failbackCommand(),
		a.checkCommand(), a.drillCommand(),
		a.versionCommand(),
	)
	return root
}

func (a *app) addGlobalFlags(root *cobra.Command) {
	f, flags := &a.flags, root.PersistentFlags()
	flags.StringSliceVarP(&f.servers, "server", "s", nil, "`server` to ask (default http://127.0.0.1:9191)")
	flags.StringVar(&f.credentials.TokenFile, "token-file", "", "`file` with the token of the API")
	flags.StringVar(&f.credentials.CAFile, "ca", "", "`file` with the authorities that servers are known by")
	flags.StringVar(&f.credentials.CertFile, "cert", "", "`file` with the client certificate")
	flags.StringVar(&f.credentials.KeyFile, "key", "", "`file` with its key")
	flags.StringVar(&f.credentials.ServerName, "tls-server-name", "", "`name` that the server's certificate has")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long a server may take to reply")
	flags.StringVarP(&f.output, "output", "o", "table", "`format` of the output: table or json")
	complete(root, "output", "table", "json")
	complete(root, "server")
}

// complete gives the words that a flag may have; none at all are not those of
// files.
func complete(command *cobra.Command, flag string, words ...string) {
	fixed := cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	if err := command.RegisterFlagCompletionFunc(flag, fixed); err != nil {
		panic(err) // there is no such flag
	}
}

// defaultServer is where the admin API is unless a Corefile says otherwise.
const defaultServer = "http://127.0.0.1:9191"

// readFlags checks the flags of every command, and fills in what the
// environment has of them.
func (a *app) readFlags() error {
	f := &a.flags
	if f.output != "table" && f.output != "json" {
		return usagef("-o is %q, not table or json", f.output)
	}
	if f.timeout <= 0 {
		return usagef("--timeout is not above 0")
	}
	a.readEnvironment()
	a.begun = true
	return nil
}

func (a *app) readEnvironment() {
	f := &a.flags
	if len(f.servers) == 0 {
		f.servers = strings.FieldsFunc(a.environment("FAILOVER_SERVER"), func(r rune) bool { return r == ',' || r == ' ' })
	}
	if len(f.servers) == 0 {
		f.servers = []string{defaultServer}
	}
	if f.credentials.TokenFile == "" {
		f.credentials.Token = strings.TrimSpace(a.environment("FAILOVER_TOKEN"))
	}
	if f.credentials.TokenFile == "" && f.credentials.Token == "" {
		f.credentials.TokenFile = a.environment("FAILOVER_TOKEN_FILE")
	}
}

func (a *app) json() bool { return a.flags.output == "json" }

// connect returns the servers of the command line.
func (a *app) connect(ctx context.Context) (api.Replicas, error) {
	ctx, cancel := context.WithTimeout(ctx, a.flags.timeout)
	defer cancel()
	return api.Connect(ctx, a.resolver, a.flags.servers, a.flags.credentials)
}

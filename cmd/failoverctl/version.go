package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of failoverctl",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.version()
		},
	}
}

func (a *app) version() error {
	v := struct {
		Version string `json:"version"`
		Go      string `json:"go"`
	}{Version: "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version, v.Go = info.Main.Version, info.GoVersion
	}
	if a.json() {
		return a.writeJSON(v, false)
	}
	line(a.out, "failoverctl %s, %s", v.Version, v.Go)
	return nil
}

package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// patience is how long a program may take until it is up.
	patience = 2 * time.Minute
	// grace is how long a program may take to end before it is killed.
	grace = 10 * time.Second
	// outputFile is what a program writes into: a pipe would wake this process for each
	// line, and take processor time from what is measured.
	outputFile = "output"
	// poll is the time between two looks at whether something has happened.
	poll = 10 * time.Millisecond
)

// Program is a program with its configuration. It runs in a folder of its own,
// which is removed in the end.
type Program struct {
	Name string
	// Command is the program and its arguments.
	Command []string
	// Files are its configuration, by their names in the folder. Their folders
	// are made; a name that ends in a slash is an empty one.
	Files map[string]string
	// Up returns nil once the program does its work. Without it, it does from
	// the start.
	Up func(ctx context.Context) error
}

// Process is a program that runs.
type Process struct {
	name    string
	folder  string
	command *exec.Cmd
	ended   chan struct{} // closed when the process has ended
	stop    sync.Once
}

// Start runs the program and returns when it is up. The error has the end of
// what the program wrote. The process must be stopped, whatever becomes of ctx.
func (p Program) Start(ctx context.Context) (*Process, error) {
	folder, err := p.unpack()
	if err != nil {
		return nil, err
	}
	output, err := os.Create(filepath.Join(folder, outputFile))
	if err != nil {
		os.RemoveAll(folder)
		return nil, err
	}
	defer output.Close()
	process := &Process{
		name: p.Name, folder: folder, ended: make(chan struct{}),
		// It is ended by Stop, which also waits for it.
		command: exec.Command(p.Command[0], p.Command[1:]...), //nolint:gosec,noctx // the caller says what to run
	}
	process.command.Dir = folder
	process.command.Stdout, process.command.Stderr = output, output
	process.command.SysProcAttr = leaveNothingBehind()
	if err := process.command.Start(); err != nil {
		os.RemoveAll(folder)
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	go func() {
		defer close(process.ended)
		_ = process.command.Wait() // how it ended is in its log
	}()
	if err := process.await(ctx, p.Up); err != nil {
		defer process.Stop()
		return nil, fmt.Errorf("%s: %w\n%s", p.Name, err, process.tail())
	}
	return process, nil
}

// unpack writes the configuration into a new folder.
func (p Program) unpack() (folder string, err error) {
	if folder, err = os.MkdirTemp("", "bench-"); err != nil {
		return "", err
	}
	for name, text := range p.Files {
		if err = unpackFile(folder, name, text); err != nil {
			os.RemoveAll(folder)
			return "", err
		}
	}
	return folder, nil
}

func unpackFile(folder, name, text string) error {
	path := filepath.Join(folder, name)
	if strings.HasSuffix(name, "/") {
		return os.MkdirAll(path, 0o700)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// await waits until up returns nil.
func (p *Process) await(ctx context.Context, up func(context.Context) error) error {
	if up == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := up(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return errors.New("it ends at once")
		case <-ctx.Done():
			return fmt.Errorf("it does not come up: %w", err)
		case <-time.After(poll):
		}
	}
}

// Log returns all that the process has written. It is gone once it is stopped.
func (p *Process) Log() string {
	text, _ := os.ReadFile(filepath.Join(p.folder, outputFile))
	return string(text)
}

// tail returns the last lines, which say why a program does not start.
func (p *Process) tail() string {
	text := p.Log()
	return text[max(0, len(text)-2000):]
}

// Kill ends the process at once, as a crash would, and returns when the kernel
// has been told. Stop is still due.
func (p *Process) Kill() error { return p.command.Process.Kill() }

// Stop ends the process, waits for that, and removes its folder. A second time
// it does nothing.
func (p *Process) Stop() {
	p.stop.Do(func() {
		_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-p.ended:
		case <-time.After(grace):
		}
		killGroup(p.command.Process) // with the children that it may have left
		<-p.ended
		os.RemoveAll(p.folder)
	})
}

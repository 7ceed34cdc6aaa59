package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// probeTCP is healthy when a connection opens, send is sent, and what comes
// back starts with expect.
//
// The connection is closed in order, not reset: a reset would take away what
// was just sent, and many servers log one. The TIME_WAIT that this costs is
// bounded, since equal checks of one endpoint are one check.
func probeTCP(ctx context.Context, e *execution) error {
	conn, err := e.dial(ctx, e.endpoint())
	if err != nil {
		return err
	}
	defer e.end(conn)
	if send := e.check.Request.Send; send != "" {
		if _, err := io.WriteString(conn, send); err != nil {
			return e.failure(ctx, sending, err)
		}
	}
	if err := e.readBanner(ctx, conn, e.check.Expect.Banner); err != nil {
		return err
	}
	e.spare(conn)
	return nil
}

// readBanner reads as long as what comes can still become want, and no byte
// beyond it: a wrong answer is known at once, even if the server then waits.
func (p *plan) readBanner(ctx context.Context, stream io.Reader, want string) error {
	answer := make([]byte, len(want))
	for n := 0; n < len(want); {
		more, err := stream.Read(answer[n:])
		n += more
		got := string(answer[:n])
		if !strings.HasPrefix(want, got) {
			return fmt.Errorf("answer starts with %s, want %s", quote(got), quote(want))
		}
		if err != nil && n < len(want) {
			return p.bannerFailure(ctx, got, err)
		}
	}
	return nil
}

// bannerFailure tells an answer that broke off from one that never came.
func (p *plan) bannerFailure(ctx context.Context, got string, cause error) error {
	if got == "" {
		return p.failure(ctx, waiting, cause)
	}
	err := p.failure(ctx, reading, cause)
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: got %s, want %s", err, quote(got), quote(p.check.Expect.Banner))
}

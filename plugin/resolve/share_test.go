package resolve

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestShareIsAnEqualPartOfTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bounded, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		for _, test := range []struct {
			of    context.Context
			parts int
			want  time.Duration
		}{
			{bounded, 3, 300 * time.Millisecond},
			{bounded, 1, 900 * time.Millisecond},
			{t.Context(), 1, lookupTime},
			{t.Context(), 4, lookupTime / 4},
		} {
			ctx, cancel := share(test.of, test.parts)
			deadline, _ := ctx.Deadline()
			if got := time.Until(deadline); got != test.want {
				t.Errorf("one of %d parts is %v, want %v", test.parts, got, test.want)
			}
			cancel()
		}
	})
}

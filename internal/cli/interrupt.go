package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Interrupts returns a context that ends with the first SIGINT or SIGTERM. The
// second one then ends the process, as if nobody listened. Call stop at the
// end.
func Interrupts() (ctx context.Context, stop func()) {
	ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

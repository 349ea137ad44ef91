package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// Enter calls f on the host. Sockets that f opens stay on the host after it
// returns, so one process can hold sockets on every host. Only f's own goroutine
// is there, not one that it starts, and /etc/hosts remains the caller's.
func (h *Host) Enter(f func() error) error {
	there, err := os.Open(filepath.Join(netnsDir, h.ns))
	if err != nil {
		return fmt.Errorf("lab: entering %s: %w", h.Name, err)
	}
	defer there.Close()
	runtime.LockOSThread()
	back, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("lab: entering %s: %w", h.Name, err)
	}
	defer back.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("lab: entering %s: %w", h.Name, err)
	}
	defer func() {
		// A thread that cannot go back stays locked, and so ends with its goroutine.
		if unix.Setns(int(back.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}

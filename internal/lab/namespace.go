package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Where "ip netns" keeps the namespaces, and the files it shows in them as /etc.
const (
	netnsDir    = "/run/netns"
	netnsEtcDir = "/etc/netns"
)

// prefix starts the name of every namespace a lab makes; the process id follows.
const prefix = "gopgm-lab-"

func namespace(lab int, name string) string {
	return fmt.Sprintf("%s%d-%d-%s", prefix, os.Getpid(), lab, name)
}

// owner returns the process that made the namespace, if a lab made it.
func owner(ns string) (pid int, ok bool) {
	rest, ok := strings.CutPrefix(ns, prefix)
	if !ok {
		return 0, false
	}
	id, _, ok := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(id)
	return pid, ok && err == nil && pid > 0
}

// removeLeftovers removes the namespaces of labs whose process is gone. What it
// cannot remove, or another process removes meanwhile, is in nobody's way.
func removeLeftovers() {
	for _, dir := range []string{netnsDir, netnsEtcDir} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if pid, ok := owner(e.Name()); ok && !alive(pid) {
				remove(e.Name())
			}
		}
	}
}

func alive(pid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	return err == nil
}

// remove kills what runs in a namespace and deletes it and its files.
// One that does not exist is no error.
func remove(ns string) error {
	var errs []error
	if _, err := os.Stat(filepath.Join(netnsDir, ns)); err == nil {
		kill(ns)
		errs = append(errs, run("", "ip", "netns", "delete", ns))
	}
	return errors.Join(append(errs, os.RemoveAll(filepath.Join(netnsEtcDir, ns)))...)
}

// kill ends the processes in a namespace. It is called for namespaces this
// package made, so they are commands it started, or children of those.
func kill(ns string) {
	out, _ := exec.Command("ip", "netns", "pids", ns).Output()
	for _, field := range strings.Fields(string(out)) {
		pid, err := strconv.Atoi(field)
		if err != nil || pid == os.Getpid() {
			continue
		}
		if p, err := os.FindProcess(pid); err == nil {
			p.Kill()
		}
	}
}

// Package examples holds programs that show how to use this module.
package examples

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestExamples builds the programs and runs them.
func TestExamples(t *testing.T) {
	for _, tt := range []struct {
		dir, want string
		args      []string
		linux     bool
	}{
		{"epoll", "received 300 messages", []string{"-count", "300"}, true},
		{"epoll", "received 300 messages", []string{"-count", "300", "-edge"}, true},
		{"hundred", "100 subscribers received 1000 messages", []string{"-rounds", "5"}, false},
	} {
		t.Run(tt.dir, func(t *testing.T) {
			if tt.linux && runtime.GOOS != "linux" {
				t.Skip("needs epoll")
			}
			program := filepath.Join(t.TempDir(), tt.dir)
			if out, err := exec.Command("go", "build", "-o", program, "./"+tt.dir).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			args := append([]string{"-endpoint", freeEndpoint(t)}, tt.args...)
			out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), tt.want) {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

func freeEndpoint(t *testing.T) string {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return fmt.Sprintf("epgm://127.0.0.1;239.192.66.7:%d", conn.LocalAddr().(*net.UDPAddr).Port)
}

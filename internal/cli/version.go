package cli

import (
	"fmt"
	"runtime/debug"
)

// Version describes the build of this program.
func Version(name string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return name
	}
	return fmt.Sprintf("%s %s (%s)", name, info.Main.Version, info.GoVersion)
}

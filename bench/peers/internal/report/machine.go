package report

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// Machine describes the machine of a run.
type Machine struct {
	CPU    string
	Cores  int
	Kernel string
	Go     string
	Load   string // the load average at the beginning
}

// ThisMachine returns the description of this machine.
func ThisMachine() Machine {
	return Machine{
		CPU:    field("/proc/cpuinfo", "model name"),
		Cores:  runtime.NumCPU(),
		Kernel: "Linux " + firstLine("/proc/sys/kernel/osrelease"),
		Go:     runtime.Version() + " " + runtime.GOARCH,
		Load:   firstLine("/proc/loadavg"),
	}
}

// String returns the description in one line, without the load.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s", m.CPU, m.Cores, m.Kernel, m.Go)
}

// firstLine returns the first line of a file. It is "unknown" if the file can't be read.
func firstLine(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

// field returns the value of the first line of the form "name : value". It is "unknown" if there is
// none.
func field(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if k, v, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

// Versions returns the modules that this program was built from, with their versions. It leaves out
// the modules of this repository.
func Versions() []string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	var all []string
	for _, m := range info.Deps {
		if m.Replace == nil { // this repository's are replaced
			all = append(all, m.Path+" "+m.Version)
		}
	}
	return all
}

//go:build linux

// Package process starts the measured server and the load generator as processes of their own, each
// pinned to a core, and talks with them. Each question and each answer is one line of JSON.
package process

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// Child is a process that [Start] has started. It is for one goroutine.
type Child struct {
	cmd *exec.Cmd
	in  *json.Encoder
	to  io.Closer
	out *bufio.Reader
}

// Start runs this program again with args, on one core.
func Start(core int, args ...string) (*Child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return StartFile(exe, core, args...)
}

// StartFile is [Start] for the program in the file exe.
func StartFile(exe string, core int, args ...string) (*Child, error) {
	cmd := exec.Command(exe, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startOn(core, cmd); err != nil {
		return nil, err
	}
	return &Child{cmd: cmd, in: json.NewEncoder(in), to: in, out: bufio.NewReader(out)}, nil
}

// startOn starts cmd from a thread that is pinned to the core. The process inherits the mask of
// that thread, and its Go runtime then runs one goroutine at a time. The thread is not used again.
func startOn(core int, cmd *exec.Cmd) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := pin(core); err != nil {
			result <- err
			return
		}
		result <- cmd.Start()
	}()
	return <-result
}

// pin restricts the calling thread to one core.
func pin(core int) error {
	var mask [16]uint64
	if core < 0 || core >= 64*len(mask) {
		return fmt.Errorf("there is no core %d", core)
	}
	mask[core/64] = 1 << (core % 64)
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY,
		0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
	if errno != 0 {
		return fmt.Errorf("pin to core %d: %w", core, errno)
	}
	return nil
}

// reply is an answer of a child: a value, or the text of an error.
type reply struct {
	Value json.RawMessage `json:",omitempty"`
	Error string          `json:",omitempty"`
}

// patience is how long a child may take for one answer. After that it is killed.
const patience = 2 * time.Minute

// Ask sends the question, unless that is nil. Then it waits for an answer, and decodes that into
// answer, unless answer is nil.
func (c *Child) Ask(question, answer any) error {
	if question != nil {
		if err := c.in.Encode(question); err != nil {
			return err
		}
	}
	killer := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	line, err := c.out.ReadBytes('\n')
	killer.Stop()
	if err != nil {
		return fmt.Errorf("%v gave no answer: %w", c.cmd.Args[1:], err)
	}
	var r reply
	if err := json.Unmarshal(line, &r); err != nil {
		return err
	}
	if r.Error != "" {
		return errors.New(r.Error)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(r.Value, answer)
}

// Stop closes the input of the process, which ends the process, and waits until it has ended. A
// process that is still there after 5 s is killed.
func (c *Child) Stop() {
	_ = c.to.Close()
	killer := time.AfterFunc(5*time.Second, func() { _ = c.cmd.Process.Kill() })
	_ = c.cmd.Wait()
	killer.Stop()
}

// Answer writes one answer to w, for a child. The answer is err if that is not nil, and else v.
func Answer(w io.Writer, v any, err error) error {
	var r reply
	if err != nil {
		r.Error = err.Error()
	} else if r.Value, err = json.Marshal(v); err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(r)
}

package corpus

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Result is what one implementation made of a case.
type Result struct {
	Why  string // what differs from the case; "" if nothing does
	Skip string // why the implementation can't run the case
}

// patience is how long a shim may take for one case.
const patience = 30 * time.Second

// Run starts a shim and has it run the cases, one after the other. A shim that ends, or that takes
// longer than 30 s for a case, ends the run with an error that names the case.
func Run(ctx context.Context, command []string, cases []Case) ([]Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	results, err := converse(cases, in, out, func() { cancel() })
	_ = in.Close() // the shim ends
	return results, errors.Join(err, cmd.Wait())
}

// converse sends each case and judges its answer. late is called if the shim takes too long.
func converse(cases []Case, in io.Writer, out io.Reader, late func()) ([]Result, error) {
	send, answers := json.NewEncoder(in), bufio.NewReader(out)
	var results []Result
	for _, c := range cases {
		timer := time.AfterFunc(patience, late)
		err := send.Encode(c)
		var line []byte
		if err == nil {
			line, err = answers.ReadBytes('\n')
		}
		timer.Stop()
		if err != nil {
			return results, fmt.Errorf("case %s (%s): the shim ended, or took longer than %v: %w", c.ID, c.Role, patience, err)
		}
		var a Answer
		if err := json.Unmarshal(line, &a); err != nil || a.ID != c.ID {
			return results, fmt.Errorf("case %s (%s): the shim answered %.100q", c.ID, c.Role, line)
		}
		r := Result{Skip: a.Skip}
		if a.Skip == "" {
			r.Why = Judge(c, a)
		}
		results = append(results, r)
	}
	return results, nil
}

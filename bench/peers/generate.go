//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/rfc6455/ws/bench/peers/internal/load"
	"github.com/rfc6455/ws/bench/peers/internal/process"
)

// timing asks the load generator for one timed run. It ends after Duration, or after Messages
// messages if they come first.
type timing struct {
	Duration time.Duration
	Messages int
}

// generate is the main function of the load process. It reads a Spec, opens the connections and
// checks them. Then it does one timed run for each request, until its input ends.
func generate() error {
	runtime.LockOSThread()
	in := json.NewDecoder(os.Stdin)
	var spec load.Spec
	if err := in.Decode(&spec); err != nil {
		return err
	}
	if spec.Dialed {
		addr, err := spec.Listen()
		if err := process.Answer(os.Stdout, addr, err); err != nil {
			return err
		}
	}
	run, err := load.Open(&spec)
	if err := process.Answer(os.Stdout, nil, err); err != nil {
		return err
	}
	if err != nil {
		return nil // the controller has the error
	}
	defer run.Close()
	for {
		var t timing
		if err := in.Decode(&t); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		result, err := run.Time(t.Duration, t.Messages)
		if err := process.Answer(os.Stdout, result, err); err != nil {
			return err
		}
	}
}

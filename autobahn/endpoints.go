package autobahn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/autobahn/internal/report"
	"github.com/rfc6455/ws/frame"
)

// prepare chooses what to do on the connection.
func (v *visit) prepare() error {
	if err := v.parameters(); err != nil {
		return err
	}
	switch v.path {
	case "/runCase":
		if v.c == nil || v.agent == "" {
			return errors.New("runCase needs case (or casetuple) and agent")
		}
		v.t.Script = engine.ScriptOf(v.c)
		v.enter()
	case "/getCaseCount":
		v.answer(len(v.s.cases()))
	case "/getCaseInfo":
		if v.c == nil {
			return errors.New("getCaseInfo needs case or casetuple")
		}
		v.answer(map[string]string{"id": v.c.ID, "description": v.c.Description})
	case "/getCaseStatus":
		if v.c == nil || v.agent == "" {
			return errors.New("getCaseStatus needs case (or casetuple) and agent")
		}
		v.awaitStatus()
	case "/updateReports":
		if v.agent == "" {
			return errors.New("updateReports needs agent")
		}
		v.updateReports()
	case "/stopServer":
		v.t.Script = &engine.Script{Steps: []engine.Step{engine.Begin{Code: -1}}}
		v.last = true
	default:
		v.t.Script = &engine.Script{Message: command}
	}
	return nil
}

// parameters reads the query. Each parameter may be there once.
func (v *visit) parameters() error {
	for _, name := range []string{"agent", "case", "casetuple", "shutdownOnComplete"} {
		if len(v.query[name]) > 1 {
			return fmt.Errorf("the parameter %s is there more than once", name)
		}
	}
	v.agent = v.query.Get("agent")
	if id := strings.TrimSpace(v.query.Get("casetuple")); id != "" {
		for i, c := range v.s.cases() {
			if c.ID == id {
				v.number = i + 1
			}
		}
		if v.number == 0 {
			return fmt.Errorf("there is no case %s", id)
		}
	}
	if n := v.query.Get("case"); n != "" {
		var err error
		if v.number, err = strconv.Atoi(n); err != nil {
			return fmt.Errorf("case=%s is not a number", n)
		}
	}
	if v.query.Has("case") || v.number != 0 {
		if v.number < 1 || v.number > len(v.s.cases()) {
			return fmt.Errorf("there is no case %d: they count from 1 to %d", v.number, len(v.s.cases()))
		}
		v.c = v.s.cases()[v.number-1]
	}
	return nil
}

// answer makes the connection one that sends a message and closes.
func (v *visit) answer(value any) {
	b, _ := json.Marshal(value) // values of ours
	v.t.Script = &engine.Script{Steps: []engine.Step{engine.Say{Payload: string(b)}, engine.Begin{Code: -1}}}
}

// awaitStatus makes the connection one that sends an outcome when that is there.
func (v *visit) awaitStatus() {
	v.t.Script = &engine.Script{Steps: []engine.Step{engine.Doing(func(t *engine.Tester) {
		go func() {
			select {
			case o := <-report.AwaitOutcome(&v.s.Report, v.agent, v.c.ID):
				b, _ := json.Marshal(map[string]string{"behavior": o.Result().Behavior})
				t.Post(func() { t.Do([]engine.Step{engine.Say{Payload: string(b)}, engine.Begin{Code: -1}}) })
			case <-t.Gone:
			}
		}()
	})}}
}

// updateReports makes the connection one on which the report is written, and after which the
// server ends if the client asks for that. It waits for the client's cases, for overTimeout at
// most, since a client may leave a connection open.
func (v *visit) updateReports() {
	running := v.s.running(v.agent)
	v.t.Script = &engine.Script{Steps: []engine.Step{engine.Doing(func(t *engine.Tester) {
		go func() {
			late, stop := context.WithTimeout(context.Background(), t.Allow(overTimeout))
			defer stop()
			for _, other := range running {
				select {
				case <-other.over:
				case <-late.Done():
				case <-t.Gone:
				}
			}
			t.Post(v.writeReport)
		}()
	})}}
	end := strings.ToLower(v.query.Get("shutdownOnComplete"))
	v.last = end == "true" || end == "yes"
}

// writeReport writes the report. If it can't, the Close frame says why.
func (v *visit) writeReport() {
	reason, code := "", -1
	if v.s.Reports != "" {
		if err := v.s.Report.Write(v.s.Reports); err != nil {
			reason, code = err.Error(), 3000
		}
	}
	v.t.CloseFrame(code, reason[:min(len(reason), frame.MaxReason)])
}

// orderedFrame is a frame that a client in command mode asks for.
type orderedFrame struct {
	Opcode  frame.Opcode `json:"opcode"`
	Payload string       `json:"payload"`
	Fin     *bool        `json:"fin"`
	RSV     uint8        `json:"rsv"`
	Length  int          `json:"payload_len"`
	Chop    int          `json:"chopsize"`
	Sync    bool         `json:"sync"`
	Code    *int         `json:"code"`   // of close
	Reason  string       `json:"reason"` // of close
}

// step returns the step that sends the frame.
func (o orderedFrame) step(op frame.Opcode) engine.Step {
	s := engine.Send{Op: op, Payload: o.Payload, RSV: o.RSV, Chop: o.Chop, Sync: o.Sync, More: o.Fin != nil && !*o.Fin}
	if o.Payload != "" {
		s.Length = min(o.Length, engine.MaxEcho)
	}
	return s
}

// command does what a client in command mode asks for: a JSON array of a word and what belongs
// to it. If the tester does not understand it, the connection ends.
func command(t *engine.Tester, payload []byte, binary bool) {
	var parts []json.RawMessage
	var word string
	var one orderedFrame
	var many []orderedFrame
	err := json.Unmarshal(payload, &parts)
	if err == nil && len(parts) == 2 {
		err = json.Unmarshal(parts[0], &word)
	}
	switch {
	case err != nil || binary || len(parts) != 2:
	case word == "sendframes":
		err = json.Unmarshal(parts[1], &many)
	default:
		err = json.Unmarshal(parts[1], &one)
	}
	if err != nil || binary {
		t.Crash("the command is not understood")
		return
	}
	switch word {
	case "sendframe":
		one.step(one.Opcode).Do(t)
	case "sendframes":
		for _, o := range many {
			o.step(o.Opcode).Do(t)
		}
	case "echo":
		one.step(frame.Text).Do(t)
	case "close":
		code := -1
		if one.Code != nil {
			code = *one.Code
		}
		t.CloseFrame(code, one.Reason)
	default:
		t.Crash("the command is not understood")
	}
}

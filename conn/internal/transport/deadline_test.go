package transport

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestNextReason: the steps say once more what each reason is for.
func TestNextReason(t *testing.T) {
	for _, x := range []struct {
		reason Reason
		event  deadlineEvent
		next   Reason
		action deadlineAction
		why    string
	}{
		{User, userSets, User, given, "nobody else wants anything"},
		{User, idleSets, Idle, given, "a handled connection's deadline is the package's own"},
		{User, lookWanted, Look, now, "the read has to look"},
		{User, contextEnds, Context, now, "the read is interrupted"},
		{User, readerKnows, User, keep, "the user's deadline is his to lift"},
		{Idle, userSets, Idle, keep, "a handled connection's deadline is the package's own"},
		{Idle, idleSets, Idle, keep, "one deadline counts for all messages until it passes"},
		{Idle, lookWanted, Look, now, "the read has to look"},
		{Idle, contextEnds, Context, now, "the read is interrupted"},
		{Idle, readerKnows, User, users, "it has passed"},
		{Look, userSets, Look, keep, "or the look would be lost"},
		{Look, idleSets, Look, keep, "or the look would be lost"},
		{Look, lookWanted, Look, keep, "it is wanted already"},
		{Look, contextEnds, Context, keep, "the deadline is in the past already"},
		{Look, readerKnows, User, users, "it has been looked"},
		{Context, userSets, Context, keep, "or the cancellation would be lost"},
		{Context, idleSets, Context, keep, "or the cancellation would be lost"},
		{Context, lookWanted, Context, keep, "or the cancellation would be lost"},
		{Context, contextEnds, Context, keep, "it has ended already"},
		{Context, readerKnows, User, users, "the call returns"},
		{Closing, userSets, Closing, keep, "CloseTimeout alone counts"},
		{Closing, idleSets, Closing, keep, "CloseTimeout alone counts"},
		{Closing, lookWanted, Closing, keep, "CloseTimeout alone counts"},
		{Closing, contextEnds, Closing, keep, "CloseTimeout alone counts"},
		{Closing, readerKnows, Closing, keep, "CloseTimeout alone counts"},
	} {
		if next, action := nextReason(x.reason, x.event); next != x.next || action != x.action {
			t.Errorf("%v, event %d = %v, action %d, want %v, %d: %s", x.reason, x.event, next, action, x.next, x.action, x.why)
		}
	}
	for r := User; r <= Closing; r++ {
		if next, action := nextReason(r, closeBegins); next != Closing || action != none {
			t.Errorf("%v: the end leaves %v, action %d, want %v without a deadline", r, next, action, Closing)
		}
	}
}

// TestReasonNames: each reason has a name, and other values have none.
func TestReasonNames(t *testing.T) {
	if got := Context.String() + " " + (Closing + 1).String(); got != "context unknown" {
		t.Errorf("String() = %q, want %q", got, "context unknown")
	}
}

// TestUserDeadlineStays: if a context interrupts a read, the user's own deadline stays as it was.
func TestUserDeadlineStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		var tr Transport
		tr.InitPlain(FitNet(near), nil)
		defer tr.Release()
		defer tr.Close()
		start := time.Now()
		if err := tr.SetUser(start.Add(3 * time.Second)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		p := make([]byte, 1)
		if n, why, _ := tr.Read(ctx, p, nil); n != 0 || why != Context {
			t.Fatalf("Read = %d, %v, want nothing for the context's end", n, why)
		}
		n, why, err := tr.Read(context.Background(), p, nil)
		if n != 0 || why != User || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read = %d, %v, %v, want nothing for the user's deadline", n, why, err)
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("that took %v, want 3s", d)
		}
	})
}

package bench

import (
	"sync"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
	"github.com/rfc6455/ws/frame"
)

// BenchmarkFanOut sends one message to many connections: prepared once, and made anew for each. The
// metric is the time for one recipient.
func BenchmarkFanOut(b *testing.B) {
	const recipients, n = 200, 512
	p := payload(ws.Text, n)
	prepared := func(b *testing.B, all []*ws.Conn) {
		m, err := ws.Prepare(ws.Text, p)
		must(b, err)
		for _, c := range all {
			must(b, c.SendPrepared(m))
		}
	}
	each := func(b *testing.B, all []*ws.Conn) {
		for _, c := range all {
			must(b, c.Send(ws.Text, p))
		}
	}
	for _, way := range []struct {
		name string
		send func(*testing.B, []*ws.Conn)
	}{{"SendPrepared", prepared}, {"Send", each}} {
		b.Run("memory/"+way.name, func(b *testing.B) {
			all := make([]*ws.Conn, recipients)
			for i := range all {
				all[i] = ws.New(&stream{wire: []byte{0}}, frame.Server, ws.Negotiated{}, ws.Config{})
			}
			fanOut(b, recipients, func() {
				way.send(b, all)
				for _, c := range all {
					must(b, c.Flush(bg))
				}
			})
		})
		b.Run("TCP/"+way.name, func(b *testing.B) {
			all, wait := readers(b, recipients)
			fanOut(b, recipients, func() {
				way.send(b, all)
				wait()
			})
		})
	}
}

// fanOut times rounds of one message to each recipient.
func fanOut(b *testing.B, recipients int, round func()) {
	round()
	b.ReportAllocs()
	for b.Loop() {
		round()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(recipients), "ns/recipient")
}

// readers connects n clients that read, and returns the servers' ends. wait returns when each
// client has received one more message.
func readers(b *testing.B, n int) (servers []*ws.Conn, wait func()) {
	ln := listen(b)
	var got sync.WaitGroup
	got.Add(n)
	ev := &ws.Events{Message: func(*ws.Conn, ws.MessageType, []byte) { got.Done() }}
	for range n {
		s, c := tcpPair(b, ln, ws.Config{})
		b.Cleanup(func() { _ = s.CloseNow() })
		go func() { _ = c.Serve(bg, ev) }()
		servers = append(servers, s)
	}
	return servers, func() {
		got.Wait()
		got.Add(n)
	}
}

// BenchmarkHub sends one message to 10,000 connections: in a bare loop of SendPrepared, and by a
// topic of a Hub, which may take 1.05 times as long. The two take turns, so that a machine whose
// speed changes treats them alike.
func BenchmarkHub(b *testing.B) {
	const subscribers, n = 10_000, 512
	var h hub.Hub
	p := payload(ws.Text, n)
	all := make([]*ws.Conn, subscribers)
	for i := range all {
		all[i] = ws.New(&stream{wire: []byte{0}}, frame.Server, ws.Negotiated{}, ws.Config{})
		_, err := h.Subscribe(bg, all[i], "room", hub.Position{})
		must(b, err)
	}
	flush := func() {
		for _, c := range all {
			must(b, c.Flush(bg))
		}
	}
	bare := func() {
		m, err := ws.Prepare(ws.Text, p)
		must(b, err)
		for _, c := range all {
			must(b, c.SendPrepared(m))
		}
	}
	topic := func() {
		_, err := h.Publish(bg, "room", ws.Text, p)
		must(b, err)
	}
	ways := [2]func(){bare, topic}
	var took [2]time.Duration
	for turn := 0; b.Loop(); turn++ {
		for _, i := range [2]int{turn % 2, 1 - turn%2} {
			began := time.Now()
			ways[i]()
			took[i] += time.Since(began)
			flush()
		}
	}
	perSubscriber := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(b.N) / subscribers }
	b.ReportMetric(perSubscriber(took[0]), "bare-ns/subscriber")
	b.ReportMetric(perSubscriber(took[1]), "hub-ns/subscriber")
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "hub/bare")
	for _, c := range all {
		must(b, c.CloseNow())
	}
}

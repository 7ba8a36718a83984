package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"

	ws "github.com/rfc6455/ws/conn"
)

// patience bounds what a broken example would wait for. A good one takes milliseconds.
const patience = time.Minute

// freeAddrs returns two addresses on which nobody listens just now.
func freeAddrs(t *testing.T) (one, other string) {
	t.Helper()
	var addrs [2]string
	for i := range addrs {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // when both are known, so that they differ
		addrs[i] = l.Addr().String()
	}
	return addrs[0], addrs[1]
}

// mosquitto runs the real broker, and returns the addresses of its listeners for TCP and for
// WebSockets.
func mosquitto(t *testing.T) (tcp, sockets string) {
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			t.Skip("mosquitto is not installed (Debian: apt-get install mosquitto)")
		}
	}
	for range 5 { // another program may be faster to take a port
		tcp, sockets = freeAddrs(t)
		output := startMosquitto(t, program, tcp, sockets)
		if output == "" {
			return tcp, sockets
		}
		if !strings.Contains(output, "in use") {
			t.Fatalf("mosquitto has ended:\n%s", output)
		}
	}
	t.Fatal("mosquitto finds its ports taken again and again")
	return "", ""
}

// startMosquitto waits until mosquitto listens. If it ends before that, startMosquitto returns what
// it has printed.
func startMosquitto(t *testing.T, program, tcp, sockets string) (output string) {
	t.Helper()
	config := "allow_anonymous true\npersistence false\n"
	for _, l := range []struct{ addr, protocol string }{{tcp, "mqtt"}, {sockets, "websockets"}} {
		host, port, _ := net.SplitHostPort(l.addr)
		config += fmt.Sprintf("listener %s %s\nprotocol %s\n", port, host, l.protocol)
	}
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	cmd := exec.Command(program, "-c", file)
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		select {
		case <-ended:
			return "mosquitto: " + printed.String()
		case <-time.After(10 * time.Millisecond):
		}
		if listens(tcp) && listens(sockets) {
			return ""
		}
	}
	t.Fatal("mosquitto does not listen")
	return ""
}

func listens(addr string) bool {
	nc, err := net.Dial("tcp", addr)
	if err == nil {
		nc.Close()
	}
	return err == nil
}

// doors are the ways to the broker: its own listener for WebSockets, and the gateway.
func doors(t *testing.T) map[string]string {
	tcp, sockets := mosquitto(t)
	g := httptest.NewServer(gateway(tcp))
	t.Cleanup(g.Close)
	return map[string]string{"mosquitto": "ws://" + sockets + "/", "gateway": strings.Replace(g.URL, "http", "ws", 1)}
}

// receive returns the next message.
func receive(ctx context.Context, t *testing.T, got <-chan *paho.Publish) *paho.Publish {
	t.Helper()
	select {
	case p := <-got:
		return p
	case <-ctx.Done():
		t.Fatal("a message that was published did not come")
		return nil
	}
}

// TestPublish: who subscribes through one door gets what is published through the other one.
func TestPublish(t *testing.T) {
	urls := doors(t)
	for from, to := range map[string]string{"mosquitto": "gateway", "gateway": "mosquitto"} {
		t.Run(from+" to "+to, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			topic := "from-" + from + "/"
			got := make(chan *paho.Publish, 10)
			subscribed := make(chan error, 1)
			go func() { subscribed <- subscribe(ctx, urls[to], topic+"#", func(p *paho.Publish) { got <- p }) }()

			// The first is retained, so that it comes even if the subscription is later. The gateway
			// takes one that is longer than any buffer on the way.
			for i, size := range []int{4, 0, map[string]int{"mosquitto": 1000, "gateway": 3 << 20}[to]} {
				sent := &paho.Publish{Topic: topic + "door", Payload: bytes.Repeat([]byte("x"), size), QoS: 1, Retain: i == 0}
				if err := publish(ctx, urls[from], sent); err != nil {
					t.Fatal(err)
				}
				if p := receive(ctx, t, got); p.Topic != sent.Topic || !bytes.Equal(p.Payload, sent.Payload) {
					t.Errorf("received %d bytes on %s, want %d on %s", len(p.Payload), p.Topic, size, sent.Topic)
				}
			}
			cancel()
			if err := <-subscribed; err != nil {
				t.Errorf("subscribe = %v when its context ended, want nil", err)
			}
		})
	}
}

// TestReconnect: a client whose connection is lost dials and subscribes again.
func TestReconnect(t *testing.T) {
	for name, url := range doors(t) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			got, up := make(chan *paho.Publish, 10), make(chan struct{}, 10)
			client, err := connect(ctx, url, func(client *autopaho.ConnectionManager) {
				if _, err := client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: name, QoS: 1}}}); err != nil && ctx.Err() == nil {
					t.Errorf("subscribe: %v", err)
				}
				up <- struct{}{}
			}, func(p *paho.Publish) { got <- p })
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"before", "after"} {
				<-up
				if err := publish(ctx, url, &paho.Publish{Topic: name, Payload: []byte(text), QoS: 1}); err != nil {
					t.Fatal(err)
				}
				if p := receive(ctx, t, got); string(p.Payload) != text {
					t.Errorf("received %q, want %q", p.Payload, text)
				}
				client.TerminateConnectionForTest()
			}
			cancel()
			<-client.Done()
		})
	}
}

// TestRefusals needs no broker.
func TestRefusals(t *testing.T) {
	nobody, _ := freeAddrs(t)
	g := httptest.NewServer(gateway(nobody))
	defer g.Close()
	url := strings.Replace(g.URL, "http", "ws", 1)
	if _, resp, err := new(ws.Dialer).Dial(t.Context(), url); err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a client without the subprotocol: %v, want 400", err)
	}
	c, _, err := dialer.Dial(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Read(t.Context())
	if code, _ := ws.CloseStatus(err); code != ws.CloseTryAgainLater {
		t.Errorf("without a broker the connection ended with %v, want 1013", err)
	}
}

// TestNoMQTT dials a server that speaks something else.
func TestNoMQTT(t *testing.T) {
	s := httptest.NewServer(new(ws.Upgrader).Handler(&ws.Events{}))
	defer s.Close()
	u, err := url.Parse(strings.Replace(s.URL, "http", "ws", 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t.Context(), autopaho.ClientConfig{}, u); err == nil || !strings.Contains(err.Error(), "does not speak MQTT") {
		t.Errorf("dial = %v, want an error that says so", err)
	}
}

package redis

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
	"github.com/rfc6455/ws/conn/hub/internal/brokertest"
)

// cluster is three primaries that share the slots, each with the same number of replicas.
type cluster struct {
	t       *testing.T
	servers []*process
	admin   map[*process]*redis.Client
}

// startCluster starts a cluster. A server that is silent for timeout is taken to be dead.
func startCluster(t *testing.T, replicas int, timeout time.Duration) *cluster {
	t.Helper()
	c := &cluster{t: t, admin: make(map[*process]*redis.Client)}
	for range 3 * (1 + replicas) {
		// Nodes of a cluster talk on a second port, which is not 10000 above, since that may not exist.
		p := startServer(t, "--cluster-enabled", "yes", "--cluster-port", secondPort,
			"--cluster-node-timeout", fmt.Sprint(timeout.Milliseconds()), "--cluster-replica-validity-factor", "0",
			"--repl-diskless-sync-delay", "0", "--cluster-config-file", filepath.Join(t.TempDir(), "nodes.conf"))
		c.servers = append(c.servers, p)
		client := redis.NewClient(&redis.Options{Addr: p.addr})
		t.Cleanup(func() { _ = client.Close() })
		c.admin[p] = client
	}
	args := append([]string{"--cluster", "create"}, c.addrs()...)
	out, err := exec.Command("redis-cli", append(args, "--cluster-replicas", fmt.Sprint(replicas), "--cluster-yes")...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli --cluster create: %v\n%s", err, out)
	}
	c.settle()
	return c
}

func (c *cluster) addrs() (all []string) {
	for _, p := range c.servers {
		all = append(all, p.addr)
	}
	return all
}

// until waits for a condition. It has to ask again and again, since a server tells nobody.
func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for over := time.Now().Add(patience); !reached(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(over) {
			t.Fatalf("it does not come so far that %s", what)
		}
	}
}

func (c *cluster) until(what string, reached func() bool) {
	c.t.Helper()
	until(c.t, what, reached)
}

// do has a server do a command that has to succeed.
func (c *cluster) do(p *process, args ...any) any {
	c.t.Helper()
	v, err := c.admin[p].Do(context.Background(), args...).Result()
	if err != nil {
		c.t.Fatalf("%v: %v", args, err)
	}
	return v
}

// info is one value of INFO or CLUSTER INFO, or "".
func (c *cluster) info(p *process, name string, command ...any) string {
	text, _ := c.admin[p].Do(context.Background(), command...).Text()
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}

func (c *cluster) replication(p *process, name string) string {
	return c.info(p, name, "info", "replication")
}

// settle waits until every server says that all is well, and every replica has its primary's data.
func (c *cluster) settle() {
	c.t.Helper()
	for _, p := range c.servers {
		c.until(p.addr+" is in order", func() bool {
			if c.info(p, "cluster_state", "cluster", "info") != "ok" {
				return false
			}
			return c.replication(p, "role") == "master" || c.replication(p, "master_link_status") == "up"
		})
	}
	c.until("all agree about the slots", func() bool {
		want := c.owners(c.servers[0])
		return !slices.ContainsFunc(c.servers, func(p *process) bool { return !slices.Equal(c.owners(p), want) })
	})
}

// owners lists who has which slots, in the eyes of a server.
func (c *cluster) owners(p *process) (all []string) {
	slots, _ := c.admin[p].ClusterSlots(context.Background()).Result()
	for _, s := range slots {
		if len(s.Nodes) > 0 {
			all = append(all, fmt.Sprint(s.Start, s.End, s.Nodes[0].ID, len(s.Nodes)))
		}
	}
	slices.Sort(all)
	return all
}

// id is the name of a server in the cluster.
func (c *cluster) id(p *process) string { return c.do(p, "cluster", "myid").(string) }

// primary is the server that a key's slot belongs to, and slot the slot.
func (c *cluster) primary(key string) (p *process, slot int) {
	c.t.Helper()
	slot = int(c.do(c.servers[0], "cluster", "keyslot", key).(int64))
	all, err := c.admin[c.servers[0]].ClusterSlots(context.Background()).Result()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, s := range all {
		for _, p := range c.servers {
			if s.Start <= slot && slot <= s.End && s.Nodes[0].Addr == p.addr {
				return p, slot
			}
		}
	}
	c.t.Fatalf("nobody has slot %d: %v", slot, all)
	return nil, 0
}

// replica is the replica of a server.
func (c *cluster) replica(primary *process) *process {
	c.t.Helper()
	for _, p := range c.servers {
		if c.replication(p, "role") == "slave" && "127.0.0.1:"+c.replication(p, "master_port") == primary.addr {
			return p
		}
	}
	c.t.Fatalf("%s has no replica", primary.addr)
	return nil
}

// drain stops all writing at a server, and waits until its replica has everything. What Redis has
// confirmed can't get lost then.
func (c *cluster) drain(primary, replica *process) {
	c.t.Helper()
	c.do(primary, "client", "pause", patience.Milliseconds(), "write")
	c.until("the replica has everything", func() bool {
		return c.replication(replica, "slave_repl_offset") == c.replication(primary, "master_repl_offset")
	})
}

// failover kills the primary of a key with kill -9, and its replica takes over: by the votes of the
// other primaries, or at once. The old primary comes back as the replica.
func (c *cluster) failover(key string, atOnce bool) {
	c.t.Helper()
	old, _ := c.primary(key)
	successor := c.replica(old)
	c.drain(old, successor)
	old.kill()
	if atOnce {
		c.do(successor, "cluster", "failover", "takeover")
	}
	c.until("the replica is the primary", func() bool { return c.replication(successor, "role") == "master" })
	old.start()
	c.settle()
}

// swap is a failover that nobody has died for: primary and replica change their roles.
func (c *cluster) swap(key string) {
	c.t.Helper()
	old, _ := c.primary(key)
	successor := c.replica(old)
	var told time.Time
	c.until("the roles have changed", func() bool {
		if time.Since(told) > 6*time.Second { // it tries for 5; the others refuse if they have voted a moment ago
			told = time.Now()
			_ = c.admin[successor].Do(context.Background(), "cluster", "failover").Err() // or it is the primary
		}
		return c.replication(successor, "role") == "master" && c.replication(old, "role") == "slave"
	})
	c.settle()
}

// move moves the slot of a key to another primary, with all that is in it, one key at a time. halfway
// is called before each of them, and before the slot has changed hands.
func (c *cluster) move(key string, halfway func()) {
	c.t.Helper()
	from, slot := c.primary(key)
	to := c.other(from)
	c.do(to, "cluster", "setslot", slot, "importing", c.id(from))
	c.do(from, "cluster", "setslot", slot, "migrating", c.id(to))
	host, port, _ := strings.Cut(to.addr, ":")
	for {
		halfway()
		keys := c.do(from, "cluster", "getkeysinslot", slot, 1).([]any)
		if len(keys) == 0 {
			break
		}
		c.do(from, "migrate", host, port, "", 0, patience.Milliseconds(), "replace", "keys", keys[0])
	}
	for _, p := range append([]*process{to, from}, c.servers...) {
		if c.replication(p, "role") == "master" {
			c.do(p, "cluster", "setslot", slot, "node", c.id(to))
		}
	}
	c.settle()
}

// other is a primary other than p.
func (c *cluster) other(p *process) *process {
	c.t.Helper()
	for i := range c.servers {
		other := c.servers[(i+1+slices.Index(c.servers, p))%len(c.servers)]
		if other != p && c.replication(other, "role") == "master" {
			return other
		}
	}
	c.t.Fatal("there is no other primary")
	return nil
}

// connect makes a broker for a node.
func (c *cluster) connect(cfg Config) (*Broker, func(), error) {
	return over(redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.addrs(), DialTimeout: 2 * time.Second, ReadTimeout: 2 * time.Second, WriteTimeout: 2 * time.Second}), cfg)
}

func (c *cluster) mustConnect(cfg Config) *Broker {
	c.t.Helper()
	b, stop, err := c.connect(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(stop)
	return b
}

// TestContractCluster: the broker does what hub.Broker asks for, in a cluster.
func TestContractCluster(t *testing.T) {
	c := startCluster(t, 0, 5*time.Second)
	cfg := Config{Retention: hub.Retention{Messages: brokertest.Kept}}
	brokertest.Contract(t, c.mustConnect(cfg), c.mustConnect(cfg))
}

// listener is a sink that passes on what it is told. An Interrupted is the zero Message.
type listener chan hub.Message

func (l listener) Deliver(m hub.Message) { l <- m }
func (l listener) Interrupted()          { l <- hub.Message{} }

// listen subscribes to a topic.
func listen(t *testing.T, b hub.Broker, topic string) listener {
	t.Helper()
	l := make(listener, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stop, err := b.Subscribe(ctx, topic, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return l
}

// hears waits until a message is delivered that is published after the call.
func (l listener) hears(t *testing.T, b hub.Broker, topic, why string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for n := 0; ; n++ {
		text := fmt.Sprint(why, n)
		if _, err := b.Publish(ctx, topic, ws.Text, []byte(text)); err != nil {
			t.Fatalf("%s: Publish: %v", why, err)
		}
		for again := false; !again; {
			select {
			case m := <-l:
				if string(m.Data) == text {
					return
				}
			case <-time.After(100 * time.Millisecond):
				again = true
			case <-ctx.Done():
				t.Fatalf("%s: a subscriber does not hear what is published", why)
			}
		}
	}
}

// TestHearsAfterChange: subscribers of a node, old and new, hear what is published after slots have
// moved and servers have changed their roles or died.
func TestHearsAfterChange(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := startCluster(t, 1, 2*time.Second)
	run := func(name string, cfg Config, changes ...func(key string)) {
		one, two := c.mustConnect(cfg), c.mustConnect(cfg)
		key := one.key("meta", "room")
		old := listen(t, two, "room")
		old.hears(t, one, "room", name+", at first")
		for i, change := range changes {
			name := fmt.Sprintf("%s, change %d", name, i)
			began := time.Now()
			change(key)
			changed := time.Now()
			old.hears(t, one, "room", name)
			listen(t, two, "room").hears(t, one, "room", name+", a new subscriber")
			listen(t, c.mustConnect(cfg), "room").hears(t, one, "room", name+", a new node")
			t.Logf("%s: %v, heard after %v", name, changed.Sub(began), time.Since(changed))
		}
	}
	move := func(key string) { c.move(key, func() {}) }
	killed := func(key string) { c.failover(key, false) }
	killedAtOnce := func(key string) { c.failover(key, true) }
	run("history", Config{Retention: hub.Retention{Messages: 1000}}, move, c.swap, killed, move)
	run("without", Config{Name: "plain"}, move, killedAtOnce, c.swap)
}

// TestAsksWhileMoving: a topic that is new can't be read while its slot moves. History waits until it
// can.
func TestAsksWhileMoving(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := startCluster(t, 0, 5*time.Second)
	b := c.mustConnect(Config{Retention: hub.Retention{Messages: 1000}})
	done := make(chan error, 1)
	c.move(b.key("meta", "room"), func() {
		go func() {
			_, err := b.History(t.Context(), "room", hub.Position{}, 1)
			done <- err
		}()
		select {
		case err := <-done:
			t.Fatalf("History, while the slot moves: %v; want that it waits", err)
		case <-time.After(500 * time.Millisecond):
		}
	})
	if err := <-done; err != nil {
		t.Errorf("History, when the slot has moved: %v", err)
	}
}

// TestSequenceCluster: every message arrives once and in order in a cluster, while a server is killed
// and comes back.
func TestSequenceCluster(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := startCluster(t, 0, 5*time.Second)
	c.sequence(func() { c.servers[1].kill(); c.servers[1].start() }, func() { c.servers[2].kill(); c.servers[2].start() })
}

// TestSequenceFailover: the same, while primaries are killed and their replicas take over.
func TestSequenceFailover(t *testing.T) {
	t.Parallel()                      // it waits most of the time
	if *brokertest.Messages <= 5000 { // a quick run does not wait until the cluster notices
		c := startCluster(t, 1, 15*time.Second)
		c.sequence(func() { c.failover(topicKey(0), true) }, func() { c.swap(topicKey(1)) })
		return
	}
	c := startCluster(t, 1, 5*time.Second)
	c.sequence(
		func() { c.failover(topicKey(0), true) }, func() { c.swap(topicKey(1)) },
		func() { c.failover(topicKey(0), false) }, func() { c.failover(topicKey(2), false) },
		func() { c.move(topicKey(3), func() {}) }, func() { c.failover(topicKey(3), true) },
	)
}

// TestSequenceReshard: the same, while slots move from primary to primary.
func TestSequenceReshard(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := startCluster(t, 0, 5*time.Second)
	c.sequence(func() { c.move(topicKey(0), func() {}) }, func() { c.move(topicKey(1), func() {}) }, func() { c.move(topicKey(2), func() {}) })
}

// topicKey is a key of one of Sequence's topics.
func topicKey(k int) string {
	b := &Broker{cfg: Config{Name: "hub", Shards: defaultShards}}
	return b.key("meta", brokertest.TopicName(k))
}

func (c *cluster) sequence(faults ...func()) {
	c.t.Helper()
	cfg := Config{Retention: hub.Retention{Messages: *brokertest.Messages + 10}}
	brokertest.Sequence(c.t, brokertest.Scenario{
		Start:  func(int) (hub.Broker, func(), error) { return c.connect(cfg) },
		Faults: faults,
	})
}

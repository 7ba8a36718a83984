package interop

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// all has the peers run, too, that take long to install or to build: the second
// table of docs/interop.md.
var all = flag.Bool("all", false, "meet the peers in Java and Rust, too, which Maven and Cargo build")

// peersForAll are those that run with -all alone.
var peersForAll = []peer{
	{name: "Jetty", argv: javaPeer("jetty"), roles: both},
	{name: "Netty", argv: javaPeer("netty"), roles: both, unbounded: true},
	{name: "Undertow", argv: javaPeer("undertow"), roles: both, lacks: []aspect{theirFragments, overTLS}, compressed: []aspect{largest}},
	{name: "OkHttp", argv: javaPeer("okhttp"), roles: []role{asClient}, lacks: []aspect{theirPing, theirFragments}},
	{name: "java.net.http", argv: javaPeer("java.net.http"), roles: []role{asClient}, plain: true},
	{name: "tungstenite", argv: func() []string { return []string{built.rustpeers} }, roles: both, plain: true},
}

// met returns the peers of this run.
func met() (list []*peer) {
	for i := range peers {
		list = append(list, &peers[i])
	}
	if *all {
		for i := range peersForAll {
			peersForAll[i].second = true
			list = append(list, &peersForAll[i])
		}
	}
	return list
}

func javaPeer(library string) func() []string {
	return func() []string {
		classes, libraries := filepath.Join(built.java, "classes"), filepath.Join(built.java, "lib", "*")
		return []string{"java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", classes + string(filepath.ListSeparator) + libraries, "interop.Peer", library}
	}
}

// buildForAll builds the programs in Java and Rust.
func buildForAll(cache string) error {
	if !*all {
		return nil
	}
	built.java = filepath.Join(cache, "java")
	target := filepath.Join(cache, "rust")
	built.rustpeers = filepath.Join(target, "release", "rustpeers")
	java, errJava := sources("javapeers")
	rust, errRust := sources("rustpeers")
	return errors.Join(errJava, errRust,
		once(built.java, java, "a JDK of version 17 or newer with Maven (Debian: apt-get install default-jdk-headless maven)",
			[]string{
				"mvn", "-q", "-B", "-f", "javapeers/pom.xml", "-Dinterop.build=" + built.java,
				"compile", "dependency:copy-dependencies", "-DoutputDirectory=" + filepath.Join(built.java, "lib"),
			}),
		once(target, rust, "Rust 1.85 or newer with Cargo and a C compiler (https://rustup.rs)",
			[]string{"cargo", "build", "-q", "--release", "--locked", "--manifest-path", "rustpeers/Cargo.toml", "--target-dir", target}))
}

// sources is what a program is built from: while it stays the same, so does the
// program.
func sources(dir string) (string, error) {
	var b strings.Builder
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		b.Write(text)
		return err
	})
	return b.String(), err
}

// versionsForAll are the versions of these peers.
func versionsForAll() string {
	pom := func(name string) []string { return []string{"grep", "<" + name + ".version>", "javapeers/pom.xml"} }
	return listVersions([]version{
		{"Java", []string{"java", "-version"}},
		{"Jetty", pom("jetty")},
		{"Netty", pom("netty")},
		{"Undertow", pom("undertow")},
		{"OkHttp", pom("okhttp")},
		{"tungstenite", []string{"grep", "^tungstenite", "rustpeers/Cargo.toml"}},
	})
}

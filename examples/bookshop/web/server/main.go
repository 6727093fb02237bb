// The bookshop's web server. It says in each answer which slot and pod gave it.
//
// It is small on purpose, but it ends the way a good server does: told to stop, it first says that it is not
// ready, goes on answering while the news travels, asks clients with open connections to open new ones, and
// only then stops listening. WEB_GRACEFUL=false ends it at once instead.
//
// Faults are switched on by environment variables, by POST to the control port, or from inside the pod:
//
//	bookshop-web faults errors=1 unready=true
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

type settings struct {
	slot, version, pod string
	address, control   string
	graceful           bool
	drain              time.Duration
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "faults" {
		if err := ask(os.Args[2:]); err != nil {
			fail(err)
		}
		return
	}
	chosen, err := read()
	if err != nil {
		fail(err)
	}
	faults := newFaults()
	if err := faults.change(fromEnvironment()); err != nil {
		fail(err)
	}
	site := newSite(chosen, faults)
	go site.listen()
	go serveControl(chosen.control, faults)
	say("started", chosen)

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	if !chosen.graceful {
		os.Exit(143)
	}
	say("draining", chosen)
	site.leave()
	say("ended", chosen)
}

func read() (settings, error) {
	host, err := os.Hostname()
	if err != nil {
		return settings{}, err
	}
	drain, err := time.ParseDuration(from("WEB_DRAIN", "3s"))
	if err != nil {
		return settings{}, fmt.Errorf("WEB_DRAIN: %w", err)
	}
	return settings{
		slot:     from("SLOT", ""),
		version:  from("VERSION", "1"),
		pod:      from("POD_NAME", host),
		address:  from("WEB_ADDRESS", ":8080"),
		control:  from("WEB_CONTROL", ":8081"),
		graceful: from("WEB_GRACEFUL", "true") != "false",
		drain:    drain,
	}, nil
}

func from(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// ask changes the faults of the server in this pod.
func ask(words []string) error {
	form := url.Values{}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		form.Set(key, value)
	}
	_, port, err := net.SplitHostPort(from("WEB_CONTROL", ":8081"))
	if err != nil {
		return err
	}
	answer, err := http.PostForm("http://127.0.0.1:"+port+"/faults", form)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the server refused %s: %s", strings.Join(words, " "), answer.Status)
	}
	return nil
}

func say(event string, chosen settings) {
	line, _ := json.Marshal(map[string]string{
		"time": time.Now().UTC().Format(time.RFC3339Nano), "event": event, "slot": chosen.slot, "pod": chosen.pod,
	})
	fmt.Println(string(line))
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "error: %s\n", err)
	os.Exit(2)
}

// Asks the bookshop's web server at a fixed rate, whatever it answers, and tells what became of each request.
//
// It is an open loop: a request is sent when its time has come, even if those before it are not answered yet.
// So a server that stands still for a moment is seen as many late answers, and not as one. There are two kinds
// of clients: `new` opens a connection for each request, `kept` uses a pool of open ones. Nothing is tried
// twice, and every request that does not end in a good answer counts as failed.
//
// It ends by itself after -duration, or when it is told to, and prints a summary as JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const longest = time.Hour

type options struct {
	url         string
	rates       map[string]float64
	connections int
	duration    time.Duration
	timeout     time.Duration
	log         string
	progress    time.Duration
}

func main() {
	chosen := arguments()
	target, err := parse(chosen.url)
	if err != nil {
		fail(err)
	}
	book, err := open(chosen.log)
	if err != nil {
		fail(err)
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	stop, done := context.WithTimeout(stop, chosen.duration)
	defer done()

	clients := map[string]client{
		"new":  fresh{target, chosen.timeout, newPorts()},
		"kept": newPool(target, chosen.timeout, chosen.connections),
	}
	begin := time.Now()
	book.begin(begin)
	go book.tell(stop, chosen.progress)
	var rounds sync.WaitGroup
	for number, kind := range []string{"new", "kept"} {
		rate := chosen.rates[kind]
		if rate <= 0 {
			continue
		}
		interval := time.Duration(float64(time.Second) / rate)
		rounds.Add(1)
		go func() {
			defer rounds.Done()
			// Half an interval apart, so that the two do not get in each other's way.
			run(stop, begin.Add(interval/2*time.Duration(number)), interval, kind, clients[kind], book)
		}()
	}
	rounds.Wait()
	summary := book.end()
	encoder := json.NewEncoder(os.Stdout)
	if err := encoder.Encode(summary); err != nil {
		fail(err)
	}
}

// run sends one request per interval until it is stopped, and waits for the last answers.
func run(stop context.Context, begin time.Time, interval time.Duration, kind string, asked client, book *book) {
	var open sync.WaitGroup
	timer := time.NewTimer(0)
	<-timer.C
	for number := 0; ; number++ {
		due := begin.Add(time.Duration(number) * interval)
		timer.Reset(time.Until(due))
		select {
		case <-stop.Done():
			open.Wait()
			return
		case <-timer.C:
		}
		open.Add(1)
		go func() {
			defer open.Done()
			sent := time.Now()
			answer := asked.ask()
			book.add(record{kind, due, sent, time.Now(), answer})
		}()
	}
}

func arguments() options {
	chosen := options{}
	flag.StringVar(&chosen.url, "url", "", "what to ask, such as http://10.96.0.7:80/")
	fresh := flag.Float64("new", 200, "requests per second on connections of their own")
	kept := flag.Float64("kept", 200, "requests per second on connections that stay open")
	flag.IntVar(&chosen.connections, "connections", 50, "connections that stay open")
	flag.DurationVar(&chosen.duration, "duration", time.Minute, "how long, an hour at most")
	flag.DurationVar(&chosen.timeout, "timeout", 2*time.Second, "longest wait for an answer")
	flag.StringVar(&chosen.log, "log", "", "file with one line per request")
	flag.DurationVar(&chosen.progress, "progress", 0, "print a line every so often")
	flag.Parse()
	chosen.rates = map[string]float64{"new": *fresh, "kept": *kept}
	if chosen.duration > longest {
		fail(fmt.Errorf("-duration %s is more than %s", chosen.duration, longest))
	}
	return chosen
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "error: %s\n", err)
	os.Exit(2)
}

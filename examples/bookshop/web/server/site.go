package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const lastWords = 5 * time.Second

type site struct {
	settings
	faults   *Faults
	server   *http.Server
	leaving  atomic.Bool
	answers  map[int]*atomic.Int64
	greeting []byte
}

func newSite(chosen settings, faults *Faults) *site {
	greeting, _ := json.Marshal(map[string]string{
		"shop": "bookshop", "slot": chosen.slot, "pod": chosen.pod, "version": chosen.version,
	})
	made := &site{
		settings: chosen,
		faults:   faults,
		answers: map[int]*atomic.Int64{
			http.StatusOK: {}, http.StatusInternalServerError: {}, http.StatusServiceUnavailable: {},
		},
		greeting: append(greeting, '\n'),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", made.shop)
	mux.HandleFunc("/health", made.health)
	mux.HandleFunc("/ready", made.ready)
	mux.HandleFunc("/metrics", made.metrics)
	made.server = &http.Server{Handler: mux, ReadHeaderTimeout: 30 * time.Second}
	return made
}

// listen serves for ever. While it is deaf, nothing listens and new connections are refused.
func (site *site) listen() {
	for !site.leaving.Load() {
		time.Sleep(site.faults.deaf())
		listener, err := net.Listen("tcp", site.address)
		if err != nil {
			fail(err)
		}
		ended := make(chan struct{})
		go func() {
			select {
			case <-site.faults.deafened:
				_ = listener.Close()
			case <-ended:
			}
		}()
		_ = site.server.Serve(listener)
		close(ended)
	}
}

// leave goes on answering until the news that this pod leaves has arrived everywhere.
func (site *site) leave() {
	site.leaving.Store(true)
	time.Sleep(site.drain)
	limit, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	_ = site.server.Shutdown(limit)
}

func (site *site) shop(out http.ResponseWriter, in *http.Request) {
	failing, hang, _, _ := site.faults.get()
	time.Sleep(site.faults.slow())
	switch {
	case hang:
		site.hang(in)
	case failing:
		site.answer(out, http.StatusInternalServerError)
	default:
		site.answer(out, http.StatusOK)
	}
}

func (site *site) health(out http.ResponseWriter, in *http.Request) {
	failing, hang, _, unhealthy := site.faults.get()
	switch {
	case hang:
		site.hang(in)
	case failing || unhealthy:
		site.answer(out, http.StatusInternalServerError)
	default:
		site.answer(out, http.StatusOK)
	}
}

func (site *site) ready(out http.ResponseWriter, in *http.Request) {
	_, hang, unready, _ := site.faults.get()
	switch {
	case hang:
		site.hang(in)
	case unready || site.leaving.Load():
		site.answer(out, http.StatusServiceUnavailable)
	default:
		site.answer(out, http.StatusOK)
	}
}

func (site *site) metrics(out http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(out, "# TYPE http_requests_total counter")
	for code, count := range site.answers {
		fmt.Fprintf(out, "http_requests_total{app=\"bookshop\",slot=%q,code=\"%d\"} %d\n", site.slot, code, count.Load())
	}
}

// hang ends with the client's patience, or when the fault is taken back.
func (site *site) hang(in *http.Request) {
	for {
		select {
		case <-in.Context().Done():
			return
		case <-time.After(50 * time.Millisecond):
			if _, hang, _, _ := site.faults.get(); !hang {
				return
			}
		}
	}
}

func (site *site) answer(out http.ResponseWriter, code int) {
	site.answers[code].Add(1)
	out.Header().Set("Content-Type", "application/json")
	if site.leaving.Load() {
		// The client opens its next connection to a pod that stays.
		out.Header().Set("Connection", "close")
	}
	out.WriteHeader(code)
	_, _ = out.Write(site.greeting)
}

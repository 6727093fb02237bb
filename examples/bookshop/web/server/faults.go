package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Faults are what is wrong with this server on purpose.
type Faults struct {
	mutex sync.Mutex
	// Errors is the share of requests that get a 500: 0 none, 1 all. Readiness stays as it is.
	Errors float64 `json:"errors"`
	// Hang: no request is answered, the kubelet's neither.
	Hang bool `json:"hang"`
	// Unready: readiness fails, all else works.
	Unready bool `json:"unready"`
	// Unhealthy: /health fails, all else works.
	Unhealthy bool `json:"unhealthy"`
	// Slow: so long each request of the shop waits for its answer.
	Slow      time.Duration `json:"slow"`
	deafUntil time.Time
	deafened  chan struct{}
}

func newFaults() *Faults {
	return &Faults{deafened: make(chan struct{}, 1)}
}

// change sets the named faults; the others stay. `slow`, `die` and `deaf` are times: after, in, for so long.
func (faults *Faults) change(form url.Values) error {
	faults.mutex.Lock()
	defer faults.mutex.Unlock()
	for key := range form {
		value := form.Get(key)
		var err error
		switch key {
		case "errors":
			faults.Errors, err = strconv.ParseFloat(value, 64)
		case "hang":
			faults.Hang, err = strconv.ParseBool(value)
		case "unready":
			faults.Unready, err = strconv.ParseBool(value)
		case "unhealthy":
			faults.Unhealthy, err = strconv.ParseBool(value)
		case "slow":
			faults.Slow, err = time.ParseDuration(value)
		case "die":
			var after time.Duration
			if after, err = time.ParseDuration(value); err == nil {
				time.AfterFunc(after, func() { os.Exit(1) })
			}
		case "deaf":
			var during time.Duration
			if during, err = time.ParseDuration(value); err == nil {
				faults.deafUntil = time.Now().Add(during)
				select {
				case faults.deafened <- struct{}{}:
				default: // told already
				}
			}
		default:
			err = fmt.Errorf("known are errors, hang, unready, unhealthy, slow, die and deaf")
		}
		if err != nil {
			return fmt.Errorf("fault %s=%s: %w", key, value, err)
		}
	}
	return nil
}

func (faults *Faults) get() (failing, hang, unready, unhealthy bool) {
	faults.mutex.Lock()
	defer faults.mutex.Unlock()
	failing = faults.Errors > 0 && rand.Float64() < faults.Errors
	return failing, faults.Hang, faults.Unready, faults.Unhealthy
}

// deaf says for how long nothing listens.
func (faults *Faults) deaf() time.Duration {
	faults.mutex.Lock()
	defer faults.mutex.Unlock()
	return time.Until(faults.deafUntil)
}

// slow says how long a request waits for its answer.
func (faults *Faults) slow() time.Duration {
	faults.mutex.Lock()
	defer faults.mutex.Unlock()
	return faults.Slow
}

// fromEnvironment reads WEB_ERRORS, WEB_HANG and so on.
func fromEnvironment() url.Values {
	form := url.Values{}
	for _, key := range []string{"errors", "hang", "unready", "unhealthy", "slow", "die", "deaf"} {
		if value := os.Getenv("WEB_" + strings.ToUpper(key)); value != "" {
			form.Set(key, value)
		}
	}
	return form
}

// serveControl answers on a port of its own, which works whatever the faults are.
func serveControl(address string, faults *Faults) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /faults", func(out http.ResponseWriter, in *http.Request) {
		if err := in.ParseForm(); err != nil {
			http.Error(out, err.Error(), http.StatusBadRequest)
			return
		}
		if err := faults.change(in.Form); err != nil {
			http.Error(out, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("GET /faults", func(out http.ResponseWriter, _ *http.Request) {
		faults.mutex.Lock()
		defer faults.mutex.Unlock()
		_ = json.NewEncoder(out).Encode(faults)
	})
	fail(http.ListenAndServe(address, mux))
}

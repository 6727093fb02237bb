package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	look  = 100 * time.Millisecond // how soon a changed fault is noticed
	never = -1
)

// fault is what goes wrong with one volume. Tests write it, and may change or remove it at any time.
type fault struct {
	ID          string  `json:"id"`           // other faults count anew
	Error       string  `json:"error"`        // CreateSnapshot fails with this text
	Code        string  `json:"code"`         // and this gRPC code, for example INTERNAL
	Times       int     `json:"times"`        // so many times; 0: always
	Hold        float64 `json:"hold"`         // nothing is taken for so many seconds after the first call
	ReadyAfter  float64 `json:"ready_after"`  // a snapshot is ready so many seconds after it was taken; -1: never
	DeleteError string  `json:"delete_error"` // DeleteSnapshot fails with this text
}

// faultOf reads the fault of a volume; what cannot be read is none.
func (p place) faultOf(volume string) fault {
	var found fault
	text, err := os.ReadFile(p.path("faults", volume+".json"))
	if err != nil || json.Unmarshal(text, &found) != nil {
		return fault{}
	}
	return found
}

func (f fault) ready(taken time.Time) bool {
	return f.ReadyAfter != never && time.Since(taken).Seconds() >= f.ReadyAfter
}

func (f fault) failure() error {
	code := codes.Internal
	if f.Code != "" {
		if err := code.UnmarshalJSON([]byte(`"` + f.Code + `"`)); err != nil {
			return status.Errorf(codes.Internal, "the test asks for an unknown code: %s", err)
		}
	}
	return status.Error(code, f.Error)
}

// hold waits as long as the fault says, counted from the first call for this snapshot, unless the fault is
// removed or the caller gives up.
func (c *controller) hold(ctx context.Context, name, volume string) error {
	for {
		wrong := c.faultOf(volume)
		if time.Since(c.first(wrong.ID+" "+name)).Seconds() >= wrong.Hold {
			return nil
		}
		select {
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		case <-time.After(look):
		}
	}
}

// first is when something was asked for the first time.
func (c *controller) first(key string) time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if _, known := c.asked[key]; !known {
		c.asked[key] = time.Now()
	}
	return c.asked[key]
}

// note writes down a call for the tests to read.
func (p place) note(volume, call, snapshot string, outcome error) {
	line, err := json.Marshal(map[string]any{
		"call": call, "snapshot": snapshot, "error": status.Convert(outcome).Message(),
		"at": time.Now().UTC().Format(time.RFC3339Nano),
	})
	if err == nil {
		err = p.append(volume, line)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "driver: %s of %s is not noted: %s\n", call, volume, err)
	}
}

func (p place) append(volume string, line []byte) error {
	file, err := os.OpenFile(p.path("calls", volume+".jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.Write(append(line, '\n'))
	return err
}

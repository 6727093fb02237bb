package main

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

const (
	monotonicClock = 1
	flushEvery     = 50 * time.Millisecond
)

type record struct {
	kind              string
	due, sent, ending time.Time
	answer
}

// A summary of one kind of client. Times are milliseconds, counted from when a request was due.
type summary struct {
	Sent    int            `json:"sent"`
	Failed  int            `json:"failed"`
	Faults  map[string]int `json:"faults"`
	Slots   map[string]int `json:"slots"`
	Median  float64        `json:"p50_ms"`
	P99     float64        `json:"p99_ms"`
	Longest float64        `json:"max_ms"`
	// Late is how much later than due the latest request was sent: the fault of this program, not of the server.
	Late float64 `json:"late_ms"`
	// LateP99: all but one in a hundred were sent with less delay than this.
	LateP99 float64 `json:"late_p99_ms"`

	latencies, delays []float64
}

// A book keeps an account of all requests, and writes one line for each.
type book struct {
	mutex   sync.Mutex
	started time.Time
	file    *os.File
	out     *bufio.Writer
	kinds   map[string]*summary
	ended   chan struct{}
}

func open(path string) (*book, error) {
	made := &book{kinds: map[string]*summary{}, ended: make(chan struct{})}
	if path == "" {
		return made, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	made.file, made.out = file, bufio.NewWriter(file)
	return made, nil
}

// begin writes what the times in the file are relative to: the clock on the wall, and the one that never jumps.
func (book *book) begin(now time.Time) {
	book.mutex.Lock()
	defer book.mutex.Unlock()
	book.started = now
	if book.out == nil {
		return
	}
	fmt.Fprintf(book.out, "# wall_ns=%d monotonic_ns=%d\n", now.UnixNano(), monotonic()-time.Since(now).Nanoseconds())
	fmt.Fprintln(book.out, "kind\tdue_us\tsent_us\tend_us\tslot\tpod\tfault")
	go func() {
		for range time.Tick(flushEvery) {
			book.mutex.Lock()
			_ = book.out.Flush()
			book.mutex.Unlock()
			select {
			case <-book.ended:
				return
			default:
			}
		}
	}()
}

func (book *book) add(done record) {
	book.mutex.Lock()
	defer book.mutex.Unlock()
	kind := book.kinds[done.kind]
	if kind == nil {
		kind = &summary{Faults: map[string]int{}, Slots: map[string]int{}}
		book.kinds[done.kind] = kind
	}
	kind.Sent++
	kind.latencies = append(kind.latencies, milliseconds(done.ending.Sub(done.due)))
	kind.delays = append(kind.delays, milliseconds(done.sent.Sub(done.due)))
	if done.fault != "" {
		kind.Failed++
		kind.Faults[done.fault]++
	} else {
		kind.Slots[done.Slot]++
	}
	if book.out != nil {
		fmt.Fprintf(book.out, "%s\t%d\t%d\t%d\t%s\t%s\t%s\n", done.kind, book.since(done.due), book.since(done.sent),
			book.since(done.ending), done.Slot, done.Pod, done.fault)
	}
}

func (book *book) since(moment time.Time) int64 {
	return moment.Sub(book.started).Microseconds()
}

// tell prints a line every so often, for people.
func (book *book) tell(stop context.Context, every time.Duration) {
	if every <= 0 {
		return
	}
	for {
		select {
		case <-stop.Done():
			return
		case <-time.After(every):
		}
		book.mutex.Lock()
		sent, failed, slots := 0, 0, map[string]int{}
		for _, kind := range book.kinds {
			sent, failed = sent+kind.Sent, failed+kind.Failed
			for slot, count := range kind.Slots {
				slots[slot] += count
			}
		}
		fmt.Printf("after %.0f s: %d requests, %d failed, by slot %v\n", time.Since(book.started).Seconds(), sent, failed, slots)
		book.mutex.Unlock()
	}
}

func (book *book) end() map[string]*summary {
	close(book.ended)
	book.mutex.Lock()
	defer book.mutex.Unlock()
	for _, kind := range book.kinds {
		slices.Sort(kind.latencies)
		slices.Sort(kind.delays)
		kind.Median, kind.P99 = quantile(kind.latencies, 0.5), quantile(kind.latencies, 0.99)
		kind.Longest = quantile(kind.latencies, 1)
		kind.Late, kind.LateP99 = quantile(kind.delays, 1), quantile(kind.delays, 0.99)
	}
	if book.out != nil {
		_ = book.out.Flush()
		_ = book.file.Close()
	}
	return book.kinds
}

func quantile(sorted []float64, share float64) float64 {
	index := int(math.Ceil(share*float64(len(sorted)))) - 1
	return math.Round(sorted[max(0, index)]*1000) / 1000
}

func milliseconds(duration time.Duration) float64 {
	return float64(duration) / float64(time.Millisecond)
}

// monotonic is what Python calls time.monotonic_ns() on the same machine.
func monotonic() int64 {
	var found syscall.Timespec
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, monotonicClock, uintptr(unsafe.Pointer(&found)), 0)
	return found.Nano()
}

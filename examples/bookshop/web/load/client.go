package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// An answer is what became of one request. Fault is empty when it was a good one.
type answer struct {
	Slot  string `json:"slot"`
	Pod   string `json:"pod"`
	fault string
}

type client interface {
	ask() answer
}

// A target is a place and the bytes to send there.
type target struct {
	address, host, path string
}

func parse(text string) (target, error) {
	found, err := url.Parse(text)
	if err != nil || found.Scheme != "http" || found.Host == "" {
		return target{}, fmt.Errorf("-url %q is no address such as http://10.96.0.7:80/", text)
	}
	address := found.Host
	if found.Port() == "" {
		address = net.JoinHostPort(found.Hostname(), "80")
	}
	return target{address, found.Host, found.RequestURI()}, nil
}

func (target target) request(extra string) []byte {
	return []byte("GET " + target.path + " HTTP/1.1\r\nHost: " + target.host + "\r\n" + extra + "\r\n")
}

// fresh opens a connection for each request.
type fresh struct {
	target
	timeout time.Duration
	ports   *ports
}

func (fresh fresh) ask() answer {
	limit := time.Now().Add(fresh.timeout)
	opened, err := fresh.ports.dial(fresh.address, limit)
	if err != nil {
		return failed(err)
	}
	defer opened.Close()
	found, _ := exchange(opened, bufio.NewReader(opened), fresh.request("Connection: close\r\n"), limit)
	return found
}

// Ports are used one after the other. The kernel would take one again that was in use a moment ago, and then the
// new connection may meet what a connection tracker on its way remembers of the old one, for two minutes.
type ports struct {
	mutex sync.Mutex
	next  int
}

const (
	firstPort = 20000
	lastPort  = 60999
	portTries = 100
)

func newPorts() *ports {
	return &ports{next: firstPort + rand.IntN(lastPort-firstPort)}
}

func (ports *ports) take() int {
	ports.mutex.Lock()
	defer ports.mutex.Unlock()
	ports.next++
	if ports.next > lastPort {
		ports.next = firstPort
	}
	return ports.next
}

func (ports *ports) dial(address string, limit time.Time) (net.Conn, error) {
	var opened net.Conn
	var err error
	for range portTries {
		dialer := net.Dialer{Deadline: limit, LocalAddr: &net.TCPAddr{Port: ports.take()}}
		opened, err = dialer.Dial("tcp", address)
		// Somebody else on this machine has that port: nothing was sent yet.
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			break
		}
	}
	return opened, err
}

// pool keeps connections open and takes the one that has rested longest.
type pool struct {
	target
	timeout time.Duration
	size    int
	mutex   sync.Mutex
	idle    []*kept
	alive   int
}

type kept struct {
	net.Conn
	reader *bufio.Reader
}

func newPool(target target, timeout time.Duration, size int) *pool {
	return &pool{target: target, timeout: timeout, size: size}
}

func (pool *pool) ask() answer {
	limit := time.Now().Add(pool.timeout)
	used, err := pool.take()
	if err != nil {
		return failed(err)
	}
	found, usable := exchange(used, used.reader, pool.request(""), limit)
	pool.put(used, usable)
	return found
}

func (pool *pool) take() (*kept, error) {
	for {
		pool.mutex.Lock()
		if len(pool.idle) == 0 || pool.alive < pool.size {
			pool.alive++
			pool.mutex.Unlock()
			opened, err := net.DialTimeout("tcp", pool.address, pool.timeout)
			if err != nil {
				pool.forget()
				return nil, err
			}
			return &kept{opened, bufio.NewReader(opened)}, nil
		}
		first := pool.idle[0]
		pool.idle = pool.idle[1:]
		pool.mutex.Unlock()
		// A connection that the server has closed while nobody used it is no failed request.
		if !closed(first.Conn) {
			return first, nil
		}
		pool.put(first, false)
	}
}

func (pool *pool) put(used *kept, usable bool) {
	if usable {
		pool.mutex.Lock()
		defer pool.mutex.Unlock()
		pool.idle = append(pool.idle, used)
		return
	}
	_ = used.Close()
	pool.forget()
}

func (pool *pool) forget() {
	pool.mutex.Lock()
	defer pool.mutex.Unlock()
	pool.alive--
}

// closed looks for the end of the stream without taking anything from it.
func closed(opened net.Conn) bool {
	raw, err := opened.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	ended := false
	err = raw.Read(func(descriptor uintptr) bool {
		one := make([]byte, 1)
		count, _, err := syscall.Recvfrom(int(descriptor), one, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		ended = count == 0 && err == nil || err != nil && err != syscall.EAGAIN
		return true
	})
	return ended || err != nil
}

// exchange sends one request and reads its answer; it says whether the connection may be used again.
func exchange(opened net.Conn, reader *bufio.Reader, request []byte, limit time.Time) (answer, bool) {
	if err := opened.SetDeadline(limit); err != nil {
		return failed(err), false
	}
	if _, err := opened.Write(request); err != nil {
		return failed(err), false
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return failed(err), false
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		return failed(err), false
	}
	found := answer{}
	if err := json.Unmarshal(body, &found); err != nil {
		found.fault = "body"
	}
	if response.StatusCode != http.StatusOK {
		found.fault = fmt.Sprintf("status-%d", response.StatusCode)
	}
	return found, !response.Close
}

// failed names what went wrong in one word.
func failed(err error) answer {
	var late net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return answer{fault: "refused"}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return answer{fault: "reset"}
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return answer{fault: "unreachable"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return answer{fault: "closed"}
	case errors.As(err, &late) && late.Timeout():
		return answer{fault: "timeout"}
	default:
		return answer{fault: strings.Join(strings.Fields(err.Error()), "-")}
	}
}

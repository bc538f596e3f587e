// SPDX-License-Identifier: MIT

// Rows of micro in Go, for micro.py: one trial of one row. All goroutines share one
// processor (GOMAXPROCS=1); CPU time is that of all threads, the collector's among them.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

func cpu() float64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano() + used.Stime.Nano())
}

func perCall(calls int, body func()) float64 {
	start := cpu()
	for i := 0; i < calls; i++ {
		body()
	}
	return (cpu() - start) / float64(calls)
}

func yieldInTurn(count, switches int) float64 {
	running := true
	for i := 1; i < count; i++ {
		go func() {
			for running {
				runtime.Gosched()
			}
		}()
	}
	runtime.Gosched()
	runtime.Gosched()
	each := perCall(switches/count, runtime.Gosched) / float64(count)
	running = false
	return each
}

func spinOneAtATime(rounds int) float64 {
	var done sync.WaitGroup
	one := func() {
		done.Add(1)
		go done.Done()
		done.Wait()
	}
	perCall(1000, one)
	return perCall(rounds, one)
}

func spinInBatches(rounds int) float64 {
	const batch = 1000
	var done sync.WaitGroup
	one := func() {
		done.Add(batch)
		for i := 0; i < batch; i++ {
			go done.Done()
		}
		done.Wait()
	}
	perCall(2, one)
	return perCall(rounds/batch, one) / batch
}

func thereAndBack(room, rounds int) float64 {
	there, back := make(chan int, room), make(chan int, room)
	go func() {
		for n := range there {
			back <- n + 1
		}
	}()
	defer close(there)
	exchange := func() {
		there <- 1
		if <-back != 2 {
			panic("not what was sent")
		}
	}
	perCall(1000, exchange)
	return perCall(rounds, exchange)
}

func timeoutInAndOut(sleepers, rounds int) float64 {
	for i := 0; i < sleepers; i++ {
		go time.Sleep(time.Hour)
	}
	runtime.Gosched()
	return perCall(rounds, func() {
		_, leave := context.WithTimeout(context.Background(), time.Minute)
		leave()
	})
}

func timeoutReset(rounds int) float64 {
	timer := time.NewTimer(time.Minute)
	return perCall(rounds, func() { timer.Reset(time.Minute) })
}

func mutexInAndOut(rounds int) float64 {
	var m sync.Mutex
	return perCall(rounds, func() {
		m.Lock()
		m.Unlock()
	})
}

func resident() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	var kb float64
	for _, line := range strings.Split(string(status), "\n") {
		fmt.Sscanf(line, "VmRSS: %f kB", &kb)
	}
	return kb * 1024
}

func parkMany(count int) (nsEach, bytesEach float64) {
	parked, never := 0, make(chan bool)
	before, start := resident(), cpu()
	for i := 0; i < count; i++ {
		go func() {
			parked++
			<-never
		}()
	}
	for parked < count {
		runtime.Gosched()
	}
	return (cpu() - start) / float64(count), (resident() - before) / float64(count)
}

func main() {
	runtime.GOMAXPROCS(1)
	million := 1000000
	if len(os.Args) == 3 && os.Args[2] == "--quick" {
		million = 250000
	}
	rows := map[string]func() float64{
		"yield, 2 fibers":                  func() float64 { return yieldInTurn(2, 4*million) },
		"yield, 10,000 fibers":             func() float64 { return yieldInTurn(10000, 4*million) },
		"yield, 100,000 fibers":            func() float64 { return yieldInTurn(100000, 4*million) },
		"spin and await, one at a time":    func() float64 { return spinOneAtATime(million) },
		"spin and await, batches of 1,000": func() float64 { return spinInBatches(million) },
		"message there and back":           func() float64 { return thereAndBack(1, million) },
		"channel without room, there and back": func() float64 {
			return thereAndBack(0, million)
		},
		"mutex, locked and unlocked":      func() float64 { return mutexInAndOut(4 * million) },
		"timeout block, entered and left": func() float64 { return timeoutInAndOut(0, million) },
		"timeout block, entered and left, beside 10,000 sleepers": func() float64 {
			return timeoutInAndOut(10000, million)
		},
		"timeout reset": func() float64 { return timeoutReset(4 * million) },
		"spin and first use of a new stack, 100,000": func() float64 {
			each, _ := parkMany(100000)
			return each
		},
		"resident per parked fiber, 100,000 of them": func() float64 {
			_, each := parkMany(100000)
			return each
		},
	}
	if len(os.Args) == 2 && os.Args[1] == "--list" {
		names := []string{}
		for what := range rows {
			names = append(names, what)
		}
		sort.Strings(names)
		fmt.Println(strings.Join(names, "\n"))
		return
	}
	if len(os.Args) < 2 || rows[os.Args[1]] == nil {
		fmt.Fprintf(os.Stderr, "usage: %s --list | ROW [--quick]\n", os.Args[0])
		os.Exit(1)
	}
	fmt.Printf("%.6g\n", rows[os.Args[1]]())
}

// SPDX-License-Identifier: MIT

// Messages between two goroutines, through channels. With "locked" each of them has a
// thread of its own; without, the runtime may run both on one.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

const (
	room     = 1024
	firstFew = 100
)

var locked bool

func takeThread() {
	if locked {
		runtime.LockOSThread()
	}
}

func expect(got, wanted int) {
	if got != wanted {
		fmt.Fprintf(os.Stderr, "received %d in place of %d\n", got, wanted)
		os.Exit(1)
	}
}

func perCall(start time.Time, calls int) float64 {
	return float64(time.Since(start).Nanoseconds()) / float64(calls)
}

func thereAndBack(rounds int) float64 {
	there, back := make(chan int, 1), make(chan int, 1)
	go func() {
		takeThread()
		for n := range there {
			back <- n + 1
		}
	}()
	defer close(there)
	n := 0
	exchange := func(times int) {
		for i := 0; i < times; i++ {
			there <- n
			expect(<-back, n+1)
			n++
		}
	}
	exchange(firstFew)
	start := time.Now()
	exchange(rounds)
	return perCall(start, rounds)
}

func oneWay(messages int) float64 {
	begin, values := make(chan bool), make(chan int, room)
	go func() {
		takeThread()
		<-begin
		for i := 0; i < messages; i++ {
			values <- i
		}
	}()
	begin <- true
	start := time.Now()
	for i := 0; i < messages; i++ {
		expect(<-values, i)
	}
	return perCall(start, messages)
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "ROUNDS and MESSAGES want to be numbers from 1")
		os.Exit(1)
	}
	return n
}

func main() {
	if len(os.Args) != 4 || os.Args[1] != "free" && os.Args[1] != "locked" {
		fmt.Fprintf(os.Stderr, "usage: %s free|locked ROUNDS MESSAGES\n", os.Args[0])
		os.Exit(1)
	}
	locked = os.Args[1] == "locked"
	takeThread()
	rounds, messages := number(os.Args[2]), number(os.Args[3])
	each := thereAndBack(rounds)
	fmt.Printf("{\"round_trip_ns\": %.1f, \"one_way_ns\": %.1f}\n", each, oneWay(messages))
}

// SPDX-License-Identifier: MIT

// An echo server: a goroutine per connection, which reads into 4 KiB of its own. How many
// threads run them is for GOMAXPROCS to say. TCP_NODELAY is what the library sets.
// --timeout hangs up on peers that are silent for a minute.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"time"
)

func echo(peer net.Conn, timeout bool) {
	defer peer.Close()
	buffer := make([]byte, 4096)
	for {
		if timeout {
			peer.SetReadDeadline(time.Now().Add(time.Minute))
		}
		n, err := peer.Read(buffer)
		if err != nil {
			return
		}
		if _, err := peer.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func main() {
	port := flag.Int("port", 0, "where to listen on 127.0.0.1; 0 picks one")
	timeout := flag.Bool("timeout", false, "hang up on peers that are silent for a minute")
	flag.Parse()
	server, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening on", server.Addr())
	for {
		peer, err := server.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go echo(peer, *timeout)
	}
}

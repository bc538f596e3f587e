// SPDX-License-Identifier: MIT

// An echo server: a goroutine per connection, which reads into 4 KiB of its own. How many
// threads run them is for GOMAXPROCS to say. TCP_NODELAY is what the library sets.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
)

func echo(peer net.Conn) {
	defer peer.Close()
	buffer := make([]byte, 4096)
	for {
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
		go echo(peer)
	}
}

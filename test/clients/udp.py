#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The UDP echo server under a client that asks as resolvers do: lost packets are counted.

usage: udp.py BUILD_DIR
"""
import random
import socket
import struct

import support
from support import Server, expect

PACKETS, WINDOW = 1000, 50


def query(number, name):
    """A DNS query for an address (RFC 1035, 4.1), with a number of its own."""
    labels = b''.join(bytes([len(part)]) + part.encode() for part in name.split('.'))
    return struct.pack('!6H', number, 0x0100, 1, 0, 0, 0) + labels + b'\0\0\1\0\1'


def thousand_queries_come_back_byte_for_byte(backend):
    with Server('udp_echo', backend=backend) as server:
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect((server.host, server.port))
        client.settimeout(1)
        lost = 0
        for start in range(0, PACKETS, WINDOW):
            asked = {n: query(n, f'host{n}.{"x" * random.randrange(60)}.example.org')
                     for n in range(start, start + WINDOW)}
            for packet in asked.values():
                client.send(packet)
            try:
                while asked:
                    answer = client.recv(4096)
                    number, = struct.unpack_from('!H', answer)
                    expect(answer, asked.pop(number), f'answer {number}')
            except socket.timeout:
                lost += len(asked)
        print(f'{PACKETS} packets on {backend}, {lost} lost')
        expect(lost, 0, 'lost packets')
        server.stop()


def datagrams_of_all_sizes_come_back(backend):
    with Server('udp_echo', backend=backend) as server:
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.settimeout(support.PATIENCE)
        for size in 0, 1, 1472, 1473, 9000, 65507:
            data = random.randbytes(size)
            client.sendto(data, (server.host, server.port))
            expect(client.recv(1 << 16) == data, True, f'{size} bytes come back')
        server.stop()


support.main([(check, backend) for backend in support.backends() for check in
              (thousand_queries_come_back_byte_for_byte, datagrams_of_all_sizes_come_back)])

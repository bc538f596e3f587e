#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The TLS example under openssl s_client and curl.

usage: tls.py BUILD_DIR
"""
import pathlib
import tempfile
import time

import support
from support import Server, expect, expect_in


class Certificate:
    """One for localhost that signs itself, in files of its own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.file = str(pathlib.Path(self.folder.name) / 'certificate.pem')
        self.key = str(pathlib.Path(self.folder.name) / 'key.pem')
        support.run([support.require('openssl'), 'req', '-x509', '-newkey', 'ec',
                     '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1',
                     '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
                     '-keyout', self.key, '-out', self.file])

    def __enter__(self):
        self.folder.__enter__()
        return self

    def __exit__(self, *how):
        self.folder.__exit__(*how)

    def serve(self, backend, *arguments):
        return Server('tls_echo', *arguments, backend=backend,
                      env={'TLS_CERTIFICATES': self.file, 'TLS_KEY': self.key})


def s_client(server, certificate, *arguments, text='', check=True):
    return support.run([support.require('openssl'), 's_client', '-connect', server.address,
                        '-servername', 'localhost', '-verify_hostname', 'localhost',
                        '-CAfile', certificate.file, '-verify_return_error', '-quiet',
                        '-ign_eof', *arguments],
                       input=text, check=check)


def s_client_gets_its_bytes_back(backend):
    text = ''.join(f'line {i}\n' for i in range(10_000))
    with Certificate() as certificate, certificate.serve(backend, '--idle', 1) as server:
        for version in '-tls1_2', '-tls1_3':
            # It goes on until the server hangs up on the silent.
            done = s_client(server, certificate, version, '-alpn', 'echo', text=text)
            expect(done.stdout == text, True, f'{version}: what came back is what was sent')
        server.stop()


def s_client_is_told_why_not(backend):
    with Certificate() as certificate, certificate.serve(backend) as server:
        done = s_client(server, certificate, '-alpn', 'gopher', check=False)
        expect_in('no application protocol', done.stderr, 'another protocol')
        done = s_client(server, certificate, '-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0',
                        check=False)
        expect_in('protocol version', done.stderr, 'TLS 1.1')
        server.stop()


def curl_gets_a_page(backend):
    curl = support.require('curl')
    with Certificate() as certificate, certificate.serve(backend) as server:
        url = f'https://localhost:{server.port}/some/page'
        here = ['--connect-to', f'localhost:{server.port}:{server.address}', '--max-time', 10]
        done = support.run([curl, '-sS', '--http1.1', '--cacert', certificate.file, *here, url])
        expect_in('GET /some/page HTTP/1.1', done.stdout, 'the page')
        expect_in('by TLS, to "localhost"', done.stdout, 'the page')
        done = support.run([curl, '-sS', *here, url], check=False)
        expect(done.returncode, 60, 'curl without the certificate')
        server.stop()


def silent_clients_are_hung_up_on(backend):
    with Certificate() as certificate, certificate.serve(backend, '--handshake', 1) as server:
        start = time.monotonic()
        with server.connect() as silent:
            expect(silent.recv(1), b'', 'what it gets')
        expect(0.9 < time.monotonic() - start < 5, True, 'about a second later')
        with server.connect() as confused:
            confused.sendall(b'GET / HTTP/1.0\r\n\r\n')
            support.read_until_end(confused)
        server.stop()


support.main([(check, backend)
              for backend in support.backends()
              for check in (s_client_gets_its_bytes_back, s_client_is_told_why_not,
                            curl_gets_a_page, silent_clients_are_hung_up_on)])

// SPDX-License-Identifier: MIT
// The io_uring backend in the shapes that bring its rare branches to light.
#include "backend/uring/uring_backend.hpp"
#include "test/contract/host.hpp"

#include <string>

namespace motet::contract {
namespace {

const registered usual_uring("uring", [] { return make_uring_backend(); });

// Queues that are always full: every path for "no room" is taken, all the time.
const registered tiny("uring with tiny queues", [] {
  return make_uring_backend({.queues = {2, 4, true}});
});

// What kernels before 6.1 run.
const registered cooperative("uring without deferred work", [] {
  return make_uring_backend({.queues = {64, 128, false}});
});

const registered tiny_cooperative("uring with tiny queues, without deferred work", [] {
  return make_uring_backend({.queues = {2, 4, false}});
});

// As on kernels that lack them, or have them with a bug.
registered without(const char* opcodes, ring_options queues = {}) {
  const uring_options options{queues, opcodes_named(opcodes)};
  return {std::string("uring without ") + opcodes,
          [options] { return make_uring_backend(options); }};
}

const registered no_receive_no_send = without("recv,send,sendmsg");
const registered no_accept_no_connect = without("accept,connect");
const registered no_read = without("read");
const registered no_files =
    without("readv,writev,openat,statx,fsync,ftruncate,renameat,unlinkat,mkdirat");
const registered nothing_but_poll =
    without("accept,connect,recv,send,sendmsg,read,write,readv,writev,openat,statx");
const registered tiny_nothing_but_poll = without(
    "recv,send,read,connect,accept,write,sendmsg,fsync,ftruncate,renameat,unlinkat",
    {2, 4, true});

}  // namespace
}  // namespace motet::contract

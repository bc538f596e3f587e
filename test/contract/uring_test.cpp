// SPDX-License-Identifier: MIT
// The io_uring backend in the shapes that bring its rare branches to light.
#include "backend/uring/uring_backend.hpp"
#include "test/contract/host.hpp"

namespace motet::contract {
namespace {

const registered usual("uring", [] { return make_uring_backend(); });

// Queues that are always full: every path for "no room" is taken, all the time.
const registered tiny("uring with tiny queues", [] {
  return make_uring_backend({2, 4, true});
});

// What kernels before 6.1 run.
const registered cooperative("uring without deferred work", [] {
  return make_uring_backend({64, 128, false});
});

const registered tiny_cooperative("uring with tiny queues, without deferred work", [] {
  return make_uring_backend({2, 4, false});
});

}  // namespace
}  // namespace motet::contract

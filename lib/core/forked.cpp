// SPDX-License-Identifier: MIT
#include "lib/core/forked.hpp"

#include "lib/core/scheduler.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <pthread.h>

namespace motet::detail {

constinit bool in_forked_child = false;

namespace {

constinit std::atomic<unsigned> running_schedulers{0};

void in_child() noexcept {
  if (running_schedulers.load(std::memory_order_relaxed) == 0) return;
  in_forked_child = true;
  if (this_scheduler != nullptr) this_scheduler->look_soon();
}

}  // namespace

void add_running_scheduler() {
  // Not run by posix_spawn, nor by vfork.
  static const int failed = ::pthread_atfork(nullptr, nullptr, &in_child);
  if (failed != 0) {
    throw std::system_error(failed, std::system_category(), "pthread_atfork");
  }
  running_schedulers.fetch_add(1, std::memory_order_relaxed);
}

void remove_running_scheduler() noexcept {
  running_schedulers.fetch_sub(1, std::memory_order_relaxed);
}

void die_in_child(const char* tried, call_site where) noexcept {
  char place[512] = "";
  if (where.line != 0) {
    std::snprintf(place, sizeof place, " at %s:%u", where.file, where.line);
  }
  std::fprintf(stderr,
               "motet: %s%s in the child of a fork, where no fibers run: it may only "
               "compute, exec and _exit\n",
               tried, place);
  std::abort();
}

}  // namespace motet::detail

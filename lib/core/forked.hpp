// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Telling the child of a fork, whose fibers, rings and threads are its parent's.

#include <motet/call_site.hpp>

namespace motet::detail {

/// Whether this process was forked while some scheduler ran. Only changes where there is
/// one thread: in a child that is being made.
extern constinit bool in_forked_child;

/// To be said once per scheduler, before it runs, and when it has ended.
/// @throws std::system_error if forks cannot be watched.
void add_running_scheduler();
void remove_running_scheduler() noexcept;

/// Ends a forked child that has tried to use motet.
/// @param tried what: "spin". It is gone by then: a message, and SIGABRT.
[[noreturn]] void die_in_child(const char* tried, call_site where = {}) noexcept;

/// As above, if this is one.
inline void refuse_in_child(const char* tried, call_site where = {}) noexcept {
  if (in_forked_child) [[unlikely]] {
    die_in_child(tried, where);
  }
}

}  // namespace motet::detail

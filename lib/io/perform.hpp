// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A request in, its result out: how fibers wait for the world.

#include "backend/operation.hpp"
#include "lib/core/cancel_tree.hpp"
#include "lib/core/scheduler.hpp"
#include "lib/core/waiter.hpp"

#include <cstdint>
#include <string>

namespace motet::detail {

/// A fiber's wait for an operation.
struct io_wait : waiter {
  explicit io_wait(const request& asked) noexcept : op{asked} {}

  operation op;
  bool closed = false;  ///< The descriptor was closed under it, its owner may be gone.
};

/// Starts the operation and parks until it is back. If it completed, its result is
/// returned, even if the fiber was asked to stop meanwhile; if it was cancelled, and so
/// had no effect, this throws.
/// @param what for the dump: "a connection".
/// @param slot where `descriptor::close` finds the wait.
/// @returns >= 0, or -errno. @throws closed_error if the descriptor was closed meanwhile.
/// Cancellation point.
std::int32_t perform(const request& asked, const char* what, io_wait*& slot,
                     call_site where);

/// Throws std::system_error for a negative `result`: "what: Connection refused".
[[noreturn]] void throw_failure(std::int32_t result, const std::string& what);

}  // namespace motet::detail

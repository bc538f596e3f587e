// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A request in, its result out: how fibers wait for the world.

#include "backend/operation.hpp"
#include "lib/core/cancel_tree.hpp"
#include "lib/core/expect.hpp"
#include "lib/core/scheduler.hpp"
#include "lib/core/waiter.hpp"

#include <cerrno>
#include <cstdint>
#include <string>

namespace motet::detail {

/// A fiber's wait for an operation.
struct io_wait : waiter {
  explicit io_wait(const request& asked) noexcept : op{asked} {}

  operation op;
  bool closed = false;  ///< The descriptor was closed under it, its owner may be gone.
};

/// How the wait of an operation is given up: it is asked to end.
void abort_operation(waiter& w) noexcept;

/// Its descriptor was closed while it waited.
[[noreturn]] void end_closed(const io_wait& how, const char* what);

/// Starts the operation and parks until it is back. If it completed, its result is
/// returned, even if the fiber was asked to stop meanwhile; if it was cancelled, and so
/// had no effect, this throws. Inlined: a frame less to unwind when that happens.
/// @param what for the dump: "a connection".
/// @param slot where `descriptor::close` finds the wait.
/// @returns >= 0, or -errno. @throws closed_error if the descriptor was closed meanwhile.
/// Cancellation point.
[[gnu::always_inline]] inline std::int32_t perform(const request& asked, const char* what,
                                                   io_wait*& slot, call_site where) {
  scheduler& s = here(what);
  fiber_state& self = enter_point(s, where);
  MOTET_EXPECT(slot == nullptr);  // one reader and one writer at a time
  io_wait how(asked);
  how.abort = &abort_operation;
  how.what = what;
  how.where = where;
  how.op.waiter = &self;
  slot = &how;
  s.kernel().submit(how.op);
  s.park(how, &disturb_if_masked);
  if (how.closed) [[unlikely]] {
    end_closed(how, what);
  }
  slot = nullptr;
  if (how.op.result == -ECANCELED && how.aborted) [[unlikely]] {
    deliver_after_abort(s, where);
  }
  return how.op.result;
}

/// Throws std::system_error for a negative `result`: "what: Connection refused".
[[noreturn]] void throw_failure(std::int32_t result, const std::string& what);

}  // namespace motet::detail

// SPDX-License-Identifier: MIT
#include "lib/io/perform.hpp"

#include <motet/detail/descriptor.hpp>
#include <motet/error.hpp>

#include <system_error>
#include <utility>
#include <variant>

namespace motet::detail {

namespace {

/// A connection that was taken just before its listener was closed has no owner.
void close_what_came(const operation& op) noexcept {
  const auto* const next = std::get_if<next_request>(&op.what);
  const bool accepts = std::holds_alternative<accept_request>(op.what) ||
                       (next != nullptr && next->kind == multishot_kind::accept);
  if (accepts && op.result >= 0) ask_kernel(close_call{op.result});
}

}  // namespace

// The fiber stays parked: it is the operation's own end that wakes it.
void abort_operation(waiter& w) noexcept {
  this_scheduler->kernel().cancel(static_cast<io_wait&>(w).op);
}

// Out of line: a string made where fibers wait is a landing pad that each cancelled wait
// looks at.
void end_closed(const io_wait& how, const char* what) {
  close_what_came(how.op);
  throw closed_error(std::string("closed while waiting for ") + what);
}

void throw_failure(std::int32_t result, const std::string& what) {
  throw std::system_error(-result, std::system_category(), what);
}

void descriptor::close_open() noexcept {
  for (io_wait* const wait : {incoming_, outgoing_}) {
    if (wait == nullptr) continue;
    wait->closed = true;
    if (in_forked_child) continue;  // what waits there is the parent's
    if (!std::exchange(wait->aborted, true)) wait->abort(*wait);
  }
  incoming_ = nullptr;
  outgoing_ = nullptr;
  if (ahead_ != nullptr) let_go_of_ahead();
  ask_kernel(close_call{std::exchange(fd_, -1)});
}

}  // namespace motet::detail

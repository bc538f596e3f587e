// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/signals.hpp"
#include "lib/fiber/verbs.hpp"

#include <motet/cancel.hpp>
#include <motet/error.hpp>

#include <string>

namespace motet {

namespace detail {

scope_chain& current_chain() {
  return here("shield").running().chain;
}

reopened::reopened(const entered_block& block)
    : chain_(current_chain()), closed_(chain_) {
  if (&chain_ != &block.chain) {
    throw structure_error("restore belongs to a shield of another fiber");
  }
  if (chain_.block == &block && chain_.innermost == block.inside) {
    chain_.wall = block.wall;
    chain_.masked = block.masked;
    chain_.block = block.outer;
  }
  try {
    check(this_scheduler->running());
  } catch (...) {
    close();
    throw;
  }
}

void reopened::close() noexcept {
  chain_.wall = closed_.wall;
  chain_.masked = closed_.masked;
  chain_.block = closed_.block;
}

}  // namespace detail

cancelled::cancelled(detail::request_record& why) noexcept : why_(&why) {
  detail::add_reference(why);
}

cancelled::cancelled(const cancelled& other) noexcept : why_(other.why_) {
  detail::add_reference(*why_);
}

cancelled::cancelled(cancelled&& other) noexcept : why_(other.why_) {
  detail::add_reference(*why_);
}

cancelled::~cancelled() {
  detail::drop_reference(why_);
}

const cancel_reason& cancelled::reason() const noexcept {
  if (detail::this_scheduler != nullptr) {
    const auto* const s = find_cancelled(detail::this_scheduler->running());
    if (s != nullptr) return s->request->why;
  }
  return why_->why;
}

const char* to_string(cancel_kind kind) noexcept {
  switch (kind) {
    case cancel_kind::stop:
      return "stop";
    case cancel_kind::move_on:
      return "move_on";
    case cancel_kind::cancel:
      return "cancel";
    case cancel_kind::terminate:
      return "terminate";
    case cancel_kind::restart:
      return "restart";
    case cancel_kind::scope:
      return "scope cancelled";
    case cancel_kind::deadline:
      return "deadline";
    case cancel_kind::failure:
      return "a sibling failed";
    case cancel_kind::parent:
      return "its parent ended";
    case cancel_kind::token:
      return "stop token";
    case cancel_kind::signal:
      return "signal";
  }
  return "unknown";
}

MOTET_JUMPS_BACK void checkpoint() {
  detail::scheduler& s = detail::here("checkpoint");
  detail::enter_point(s);
  detail::look_again();
}

MOTET_JUMPS_BACK void yield() {
  check(detail::here("yield").running());
  detail::this_scheduler->yield();
  detail::look_again();
}

void allow_cancel() {
  const detail::entered_block* const block = detail::current_chain().block;
  if (block == nullptr) return checkpoint();
  const detail::reopened open(*block);
}

masking_state this_fiber::masking() noexcept {
  if (detail::this_scheduler == nullptr) return masking_state::open;
  const detail::fiber_state& self = detail::this_scheduler->running();
  if (!lets_edges_in(self)) return masking_state::shielded;
  return self.chain.masked ? masking_state::masked : masking_state::open;
}

void suspend(call_site where) {
  detail::scheduler& s = detail::here("suspend");
  for (;;) {
    check(s.running(), where);
    detail::waiter how;
    how.where = where;
    how.what = detail::waits_to_be_stopped;
    how.abort = [](detail::waiter& w) noexcept {
      detail::this_scheduler->unpark(*w.fiber);
    };
    detail::park(s, how);
  }
}

namespace this_fiber {

void exit_now(std::string_view why, call_site where) {
  detail::fiber_state& self = detail::here("exit_now").running();
  // What keeps exceptions raised from outside out keeps this one in.
  if (self.ending || !lets_edges_in(self)) {
    throw structure_error(
        "exit_now in a shield or during unwinding, which would hold it back: "
        "stop the fiber instead");
  }
  detail::request_record* const request =
      detail::make_request(cancel_kind::stop, why, where);
  ask(self, detail::disposition::stop, request);
  self.throw_cancelled(*find_cancelled(self)->request, where);
}

}  // namespace this_fiber

}  // namespace motet

// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/signals.hpp"

#include <motet/cancel.hpp>
#include <motet/error.hpp>

#include <string>

namespace motet {

namespace detail {

scope_chain& current_chain() {
  return here("shield").running().chain;
}

opened_shield::opened_shield(shield_guard& shield, const scope_chain& at)
    : chain_(current_chain()), closed_(chain_.wall) {
  if (&chain_ != &shield.chain_) {
    throw structure_error("restore belongs to a shield of another fiber");
  }
  const bool directly = chain_.innermost == at.innermost && chain_.wall == at.wall &&
                        chain_.shields == at.shields;
  if (directly) chain_.wall = shield.outer_;
  try {
    check(this_scheduler->running());
  } catch (...) {
    chain_.wall = closed_;
    throw;
  }
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

std::string to_string(const cancel_reason& reason) {
  std::string text = to_string(reason.kind);
  if (reason.source) text += " by fiber \"" + reason.source.name() + "\"";
  if (reason.where.line != 0) {
    text +=
        std::string(" at ") + reason.where.file + ":" + std::to_string(reason.where.line);
  }
  if (!reason.message.empty()) text += ": " + reason.message;
  return text;
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

void suspend() {
  detail::scheduler& s = detail::here("suspend");
  for (;;) {
    check(s.running());
    detail::waiter how;
    how.what = detail::waits_to_be_stopped;
    how.abort = [](detail::waiter& w) noexcept {
      detail::this_scheduler->unpark(*w.fiber);
    };
    detail::park(s, how);
  }
}

}  // namespace motet

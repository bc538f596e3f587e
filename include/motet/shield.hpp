// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Holding requests to stop off for the length of a block.

#include <motet/detail/cancel_scope.hpp>

#include <type_traits>
#include <utility>

namespace motet {

namespace detail {

/// Puts all open scopes out of sight, and back.
class shield_guard {
 public:
  shield_guard() : chain_(current_chain()), outer_(chain_.wall) {
    chain_.wall = chain_.innermost;
    ++chain_.shields;
  }
  shield_guard(const shield_guard&) = delete;
  shield_guard& operator=(const shield_guard&) = delete;
  ~shield_guard() {
    chain_.wall = outer_;
    --chain_.shields;
  }

 private:
  friend class opened_shield;
  scope_chain& chain_;
  cancel_scope* const outer_;
};

/// While it lives, one shield is open again, if nothing else was entered since.
class opened_shield {
 public:
  opened_shield(shield_guard& shield, const scope_chain& at);
  opened_shield(const opened_shield&) = delete;
  opened_shield& operator=(const opened_shield&) = delete;
  ~opened_shield() { chain_.wall = closed_; }

 private:
  scope_chain& chain_;
  cancel_scope* const closed_;
};

}  // namespace detail

/// Opens the shield it comes from, for a part of it: `restore([&] { use(held); })`. Works
/// in the shield's own fiber and directly in the shield only: inside a further shield or
/// scope it runs its block and opens nothing.
class restore {
 public:
  restore(detail::shield_guard& shield, const detail::scope_chain& at) noexcept
      : shield_(shield), at_(at) {}

  /// Looks for cancellation, then runs `f`.
  /// @throws structure_error in another fiber. Cancellation point.
  template <class F>
  decltype(auto) operator()(F&& f) const {
    const detail::opened_shield open(shield_, at_);
    return std::forward<F>(f)();
  }

 private:
  detail::shield_guard& shield_;
  detail::scope_chain at_;
};

/// Runs `f`, into which no request and no raised exception from outside gets. Scopes and
/// timeouts inside work; fibers spun inside start open. `f` may take a `restore`.
/// Never parks by itself.
template <class F>
decltype(auto) shield(F&& f) {
  detail::shield_guard guard;
  if constexpr (std::is_invocable_v<F, restore>) {
    return std::forward<F>(f)(restore(guard, detail::current_chain()));
  } else {
    return std::forward<F>(f)();
  }
}

}  // namespace motet

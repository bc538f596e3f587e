// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Blocks that must not park.

#include <motet/detail/cancel_scope.hpp>

#include <utility>

namespace motet {

namespace detail {

class no_suspend_guard {
 public:
  no_suspend_guard();
  no_suspend_guard(const no_suspend_guard&) = delete;
  no_suspend_guard& operator=(const no_suspend_guard&) = delete;
  ~no_suspend_guard() { --chain_.no_suspend; }

 private:
  scope_chain& chain_;
};

}  // namespace detail

/// Runs `f`, in which a cancellation point ends the process with a message, every time
/// and not only when it would have to wait: for callbacks from code that could neither be
/// left waiting nor be unwound, such as C libraries. Never parks.
template <class F>
decltype(auto) no_suspend(F&& f) {
  const detail::no_suspend_guard guard;
  return std::forward<F>(f)();
}

}  // namespace motet

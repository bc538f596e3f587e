// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Not waiting for what takes long to stop.

#include <motet/call_site.hpp>
#include <motet/detail/result_slot.hpp>
#include <motet/spin.hpp>

#include <type_traits>
#include <utility>

namespace motet {

namespace detail {

/// Looks for cancellation. @returns where the fiber will live.
[[nodiscard]] cancel_scope* enter_disconnect(call_site where);
/// Waits for its end, and throws what it failed with. If the wait is cut short, asks it
/// to stop and leaves it.
void wait_or_abandon(const fiber_handle& running, bool has_result, call_site where);

}  // namespace detail

/// Runs `f` in a fiber of its own and waits for it. A request to stop, or an exception
/// raised, cuts only the wait short: the call throws at once, `f` is asked to stop and
/// ends in the background, as a `spin_daemon` would. What comes of it then is dropped; an
/// error goes to `run_options::on_unhandled`.
///
/// So a race or a timeout need not wait for a loser that cleans up for long, or is in a
/// shield. `f` is copied or moved, and may outlive the caller: it must not refer to what
/// does not. Timeouts around the call do not count inside.
/// @throws fiber_stopped if somebody else stopped it. Cancellation point.
template <class F>
auto disconnect(F&& f, call_site where = call_site::here()) -> detail::call_result_t<F> {
  using R = detail::call_result_t<F>;
  detail::cancel_scope* const home = detail::enter_disconnect(where);
  const fiber<R> running = detail::spin_in(home, {.where = where}, std::forward<F>(f));
  detail::wait_or_abandon(running.state_handle(), !std::is_void_v<R>, where);
  if constexpr (!std::is_void_v<R>) {
    void* const slot = detail::result_of(*running.get());
    auto& value = static_cast<detail::result_slot<R>*>(slot)->value;
    return detail::held_result<R>(std::move(value)).take();
  }
}

}  // namespace motet

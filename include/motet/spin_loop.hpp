// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Starting fibers that repeat, and fibers that wait before they begin.

#include <motet/detail/invoke.hpp>
#include <motet/spin.hpp>
#include <motet/time.hpp>

#include <type_traits>
#include <utility>

namespace motet {

/// How often a loop goes round; give one of the two, or none for as often as it can.
struct loop_options {
  /// On a fixed grid that starts at once; a tick that the loop was too busy for is
  /// skipped.
  duration every = {};
  /// The same, as times per second.
  double rate = 0;
  call_site where = call_site::here();
};

namespace detail {

/// The step of the grid; zero: there is none.
[[nodiscard]] duration step_of(const loop_options& options);

struct loop_call {
  duration step;
  call_site where;

  template <class F>
  void operator()(F& f) const {
    if (step > duration::zero()) every(step, f, where);
    for (;;) {
      f();
      yield();
    }
  }
};

/// Sleeps, then calls `f(args...)`.
template <class F>
struct delayed_call {
  duration span;
  call_site where;
  F f;

  template <class... A>
  requires std::is_invocable_v<F&, A...>
  decltype(auto) operator()(A&&... args) {
    sleep_for(span, where);
    return detail::invoke(f, std::forward<A>(args)...);
  }
};

template <class F>
inline constexpr bool is_loop_options =
    std::is_same_v<std::remove_cvref_t<F>, loop_options>;

template <class F, class... Args>
auto spin_delayed(duration span, call_site where, F&& f, Args&&... args) {
  return spin_in(nullptr, {.where = where},
                 delayed_call<std::decay_t<F>>{span, where, std::forward<F>(f)},
                 std::forward<Args>(args)...);
}

}  // namespace detail

/// Starts a fiber that calls `f()` again and again, until it is stopped or `f` throws:
/// `spin_loop({.every = 10ms}, poll_the_sensor)`, `spin_loop({.rate = 100}, f)`.
/// @throws structure_error if both are given, or one is negative. Never parks.
template <class F>
fiber<> spin_loop(const loop_options& options, F&& f) {
  const detail::loop_call loop{detail::step_of(options), options.where};
  return detail::spin_in(nullptr, {.where = options.where}, loop, std::forward<F>(f));
}
/// As above, as often as it can: all others run in between. Never parks.
template <class F>
requires(!detail::is_loop_options<F>) fiber<> spin_loop(
    F&& f, call_site where = call_site::here()) {
  return spin_loop(loop_options{.where = where}, std::forward<F>(f));
}

/// Starts a fiber that sleeps for `span` and then runs `f()`. Never parks.
template <class Rep, class Period, class F>
auto spin_after(std::chrono::duration<Rep, Period> span, F&& f,
                call_site where = call_site::here()) {
  return detail::spin_delayed(detail::saturate(span), where, std::forward<F>(f));
}
/// As above, with arguments, which it owns. Never parks.
template <class Rep, class Period, class F, class A, class... Args>
requires detail::is_call<F, A>
auto spin_after(std::chrono::duration<Rep, Period> span, F&& f, A&& first,
                Args&&... args) {
  return detail::spin_delayed(detail::saturate(span), {}, std::forward<F>(f),
                              std::forward<A>(first), std::forward<Args>(args)...);
}

}  // namespace motet

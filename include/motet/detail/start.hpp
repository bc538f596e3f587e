// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Starting a fiber and waiting until it is ready.

#include <motet/detail/invoke.hpp>
#include <motet/ready_signal.hpp>
#include <motet/spin.hpp>

#include <type_traits>
#include <utility>

namespace motet::detail {

template <class P>
struct signalled {};
template <class T>
struct signalled<ready_signal<T>> {
  using type = T;
};

template <class R, class P, class... A>
signalled<std::remove_cvref_t<P>> signal_of(R (*)(P, A...));
template <class C, class R, class P, class... A>
signalled<std::remove_cvref_t<P>> signal_of(R (C::*)(P, A...));
template <class C, class R, class P, class... A>
signalled<std::remove_cvref_t<P>> signal_of(R (C::*)(P, A...) const);

/// The `T` of the `ready_signal<T>` that a callable takes; void if it takes anything.
template <class F>
struct taken_signal {
  using type = void;
};
template <class F>
requires requires {
  typename decltype(signal_of(std::declval<F>()))::type;
}
struct taken_signal<F> : decltype(signal_of(std::declval<F>())) {};
template <class F>
requires requires {
  typename decltype(signal_of(&F::operator()))::type;
}
struct taken_signal<F> : decltype(signal_of(&F::operator())) {};

/// Calls `f(ready, args...)`.
template <class F, class T>
struct start_call {
  F f;
  ready_signal<T> ready;

  template <class... A>
  requires std::is_invocable_v < F&, ready_signal<T>
  &, A... > decltype(auto) operator()(A&&... args) {
    return detail::invoke(f, ready, std::forward<A>(args)...);
  }
};

/// What every start does first: looks for cancellation.
void enter_start(call_site where);

template <class T, class F, class... Args>
auto start(cancel_scope* home, const spin_options& options, F&& f, Args&&... args) {
  using callable = std::decay_t<F>;
  using deduced = typename taken_signal<callable>::type;
  using value = std::conditional_t<std::is_void_v<T>, deduced, T>;
  enter_start(options.where);
  const start_holder<value> state(new start_state<value>);
  const auto child =
      spin_in(home, options,
              start_call<callable, value>{std::forward<F>(f), ready_signal<value>(state)},
              std::forward<Args>(args)...);
  state->wait(child, options.where);
  if constexpr (!std::is_void_v<value>) {
    return held_result<value>(std::move(state->value)).take();
  }
}

}  // namespace motet::detail

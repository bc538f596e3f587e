// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Waiting at several channels, until the first of them is ready.
///
///     select(receive_from(orders, [&](order o) { serve(o); }),
///            send_to(empties, std::move(bottle)),
///            after(1min, [&] { close_up(); }));

#include <motet/call_site.hpp>
#include <motet/channel.hpp>
#include <motet/detail/invoke.hpp>
#include <motet/detail/select_case.hpp>
#include <motet/detail/value_queue.hpp>
#include <motet/time.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace motet {

namespace detail {

template <class T, class F>
class receive_case {
 public:
  receive_case(channel<T>& from, F&& handler, call_site where)
      : from_(from), handler_(std::forward<F>(handler)), where_(where) {}
  receive_case(const receive_case&) = delete;
  receive_case& operator=(const receive_case&) = delete;
  ~receive_case() = default;

  select_case prepare() noexcept {
    return {.kind = select_kind::receive,
            .at = &from_.core(),
            .value = slot_.room(),
            .where = where_};
  }
  void finish() { static_cast<void>(detail::invoke(handler_, slot_.take())); }

 private:
  channel<T>& from_;
  value_slot<T> slot_;
  F handler_;
  call_site where_;
};

/// @tparam Held `T`, or `T&` for what is the caller's.
template <class T, class Held, class F>
class send_case {
 public:
  template <class U>
  send_case(channel<T>& to, U&& value, F&& handler, call_site where)
      : to_(to),
        value_(std::forward<U>(value)),
        handler_(std::forward<F>(handler)),
        where_(where) {}
  send_case(const send_case&) = delete;
  send_case& operator=(const send_case&) = delete;
  ~send_case() = default;

  select_case prepare() noexcept {
    return {.kind = select_kind::send,
            .at = &to_.core(),
            .value = std::addressof(value_),
            .where = where_};
  }
  void finish() { static_cast<void>(detail::invoke(handler_)); }

 private:
  channel<T>& to_;
  Held value_;
  F handler_;
  call_site where_;
};

template <class F>
class after_case {
 public:
  after_case(duration span, F&& handler, call_site where)
      : span_(span), handler_(std::forward<F>(handler)), where_(where) {}
  after_case(const after_case&) = delete;
  after_case& operator=(const after_case&) = delete;
  ~after_case() = default;

  select_case prepare() noexcept {
    return {.kind = select_kind::after, .span = span_, .where = where_};
  }
  void finish() { static_cast<void>(detail::invoke(handler_)); }

 private:
  duration span_;
  F handler_;
  call_site where_;
};

}  // namespace detail

/// A case of `select`: takes the oldest value of the channel and calls `handler(T)`.
/// Never parks.
template <class T, class F>
[[nodiscard]] auto receive_from(channel<T>& from, F&& handler,
                                call_site where = call_site::here()) {
  static_assert(std::is_invocable_v<F&, T>,
                "receive_from calls its handler with a value of the channel");
  return detail::receive_case<T, F>(from, std::forward<F>(handler), where);
}

/// A case of `select`: puts `value` into the channel, then calls `handler()`. An rvalue
/// stays the caller's, untouched, unless this case is chosen; of an lvalue it holds a
/// copy. Never parks.
template <class T, class U = T, class F = detail::do_nothing>
requires std::convertible_to<U, T>
[[nodiscard]] auto send_to(channel<T>& to, U&& value, F&& handler = F(),
                           call_site where = call_site::here()) {
  static_assert(std::is_invocable_v<F&>, "send_to calls its handler without arguments");
  using held = std::conditional_t<std::is_same_v<U, T>, T&, T>;
  if constexpr (std::is_same_v<U, T>) {
    return detail::send_case<T, held, F>(to, value, std::forward<F>(handler), where);
  } else {
    return detail::send_case<T, held, F>(to, std::forward<U>(value),
                                         std::forward<F>(handler), where);
  }
}

/// A case of `select`: waits no longer than `span`, then calls `handler()`. Not positive:
/// it is ready at once. Never parks.
template <class Rep, class Period, class F = detail::do_nothing>
[[nodiscard]] auto after(std::chrono::duration<Rep, Period> span, F&& handler = F(),
                         call_site where = call_site::here()) {
  static_assert(std::is_invocable_v<F&>, "after calls its handler without arguments");
  return detail::after_case<F>(detail::saturate(span), std::forward<F>(handler), where);
}

/// Parks until one of the cases can happen, lets just that one happen, and calls its
/// handler, which may do anything. If several can, it is the first of them as they are
/// written: put what is urgent first, and `after(0s)` last if nothing is to be waited
/// for. If it is cancelled, or throws what is not a handler's, no channel has changed.
/// @returns which case it was, from 0.
/// @throws closed_error if that case is of a closed channel: to receive from it, when it
/// is empty; what moving a value throws. Cancellation point.
template <class... Cases>
requires(sizeof...(Cases) != 0 && (detail::selectable<std::remove_reference_t<Cases>> &&
                                   ...)) std::size_t select(Cases&&... cases) {
  detail::select_case all[] = {cases.prepare()...};
  const std::size_t chosen = detail::select_one(all);
  std::size_t index = 0;
  static_cast<void>((... || (index++ == chosen && (cases.finish(), true))));
  return chosen;
}

}  // namespace motet

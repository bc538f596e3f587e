// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A clock on any block: go on without its result, or throw, when time has run out.
///
/// A timeout belongs to its block: what expires inside never reaches further out, and an
/// outer one that expires while the block runs passes through it untouched.

#include <motet/cancel.hpp>
#include <motet/detail/exception_recipe.hpp>
#include <motet/detail/timed_scope.hpp>
#include <motet/error.hpp>
#include <motet/time.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace motet {

/// The clock on the block one is in. Borrowed: not to be used after the block.
/// Same thread only.
class timeout {
 public:
  explicit timeout(detail::timed_scope& scope) noexcept : scope_(scope) {}
  timeout(const timeout&) = delete;
  timeout& operator=(const timeout&) = delete;
  ~timeout() = default;

  /// Starts over with the time it was given. False, and no effect, once expired.
  /// Never parks.
  bool reset() noexcept { return scope_.reset(); }
  /// Starts over, with `span` to go, now and at later resets. Never parks.
  template <class Rep, class Period>
  bool reset(std::chrono::duration<Rep, Period> span) noexcept {
    return scope_.reset(detail::saturate(span));
  }
  /// Expires at `when` instead. Never parks.
  bool reset_at(time_point when) noexcept { return scope_.reset_at(when); }
  /// Takes the clock off the block. False once expired. Never parks.
  bool disarm() noexcept { return scope_.reset_at(time_point::max()); }
  /// How much time is left; zero once expired. Never parks.
  [[nodiscard]] duration remaining() const noexcept { return scope_.remaining(); }
  /// Whether time ran out, even if the block ended by itself after all.
  [[nodiscard]] bool fired() const noexcept { return scope_.fired(); }
  /// Ends the block now: as on expiry, but `cancel_after` throws a `cancel_error`.
  /// Never parks.
  bool cancel_now(std::string_view why = {}, call_site where = call_site::here()) {
    return scope_.cancel_now(why, where);
  }

 private:
  detail::timed_scope& scope_;
};

/// A callable without arguments, or with a `timeout&`.
template <class F>
concept timed_block = std::is_invocable_v<F&> || std::is_invocable_v<F&, timeout&>;

namespace detail {

template <class F>
decltype(auto) call_timed(F& f, timed_scope& scope) {
  if constexpr (std::is_invocable_v<F&, timeout&>) {
    timeout t(scope);
    return f(t);
  } else {
    (void)scope;
    return f();
  }
}
template <class F>
using timed_result =
    decltype(call_timed(std::declval<F&>(), std::declval<timed_scope&>()));

/// Runs `f` in `scope`. @returns its result (true for void), or nothing if time ran out.
template <class F>
auto run_timed(timed_scope& scope, F& f) {
  using R = timed_result<F>;
  if constexpr (std::is_void_v<R>) {
    return scope.run([&] { call_timed(f, scope); });
  } else {
    std::optional<std::remove_cvref_t<R>> result;
    scope.run([&] { result.emplace(call_timed(f, scope)); });
    return result;
  }
}

template <class Recipe, class F>
auto cancel_timed(timed_scope& scope, Recipe& recipe, F& f) {
  auto result = run_timed(scope, f);
  if (!result) {
    scope.throw_if_cancelled_by_hand();
    recipe.raise(scope);
  }
  if constexpr (!std::is_void_v<timed_result<F>>) return std::move(*result);
}

}  // namespace detail

/// What `cancel_after` throws: an `E` made of copies of `args`, on expiry only. Never
/// parks.
template <class E, class... Args>
auto with_exception(Args&&... args) {
  return detail::exception_recipe<E, std::decay_t<Args>...>{
      {std::forward<Args>(args)...}};
}
/// A std::runtime_error with this text. Never parks.
template <class Text>
requires std::is_convertible_v<Text, std::string>
auto with_exception(Text&& text) {
  return detail::exception_recipe<std::runtime_error, std::string>{
      {std::forward<Text>(text)}};
}
/// This exception. Never parks.
template <throwable E>
auto with_exception(E error) {
  return detail::exception_recipe<E, E>{{std::move(error)}};
}

/// Runs `f`, for `span` at most.
/// @returns its result, or nothing if time ran out (`bool` if `f` returns void).
/// Cancellation point if `f` has one.
template <class Rep, class Period, timed_block F>
auto move_on_after(std::chrono::duration<Rep, Period> span, F&& f,
                   call_site where = call_site::here()) {
  detail::timed_scope scope(detail::saturate(span), where);
  return detail::run_timed(scope, f);
}
/// As above, until `when`.
template <timed_block F>
auto move_on_at(time_point when, F&& f, call_site where = call_site::here()) {
  detail::timed_scope scope(when, where);
  return detail::run_timed(scope, f);
}

/// Runs `f`, for `span` at most. @returns its result, or `fallback` if time ran out.
/// Cancellation point if `f` has one.
template <timed_block F>
requires(!std::is_void_v<detail::timed_result<F>>) auto move_on_after(
    duration span, std::remove_cvref_t<detail::timed_result<F>> fallback, F&& f,
    call_site where = call_site::here()) {
  detail::timed_scope scope(detail::saturate(span), where);
  auto result = detail::run_timed(scope, f);
  return result ? std::move(*result) : std::move(fallback);
}
/// As above, until `when`.
template <timed_block F>
requires(!std::is_void_v<detail::timed_result<F>>) auto move_on_at(
    time_point when, std::remove_cvref_t<detail::timed_result<F>> fallback, F&& f,
    call_site where = call_site::here()) {
  detail::timed_scope scope(when, where);
  auto result = detail::run_timed(scope, f);
  return result ? std::move(*result) : std::move(fallback);
}

/// Runs `f`, for `span` at most. @throws timeout_error if time ran out. Cancellation
/// point if `f` has one.
template <class Rep, class Period, timed_block F>
auto cancel_after(std::chrono::duration<Rep, Period> span, F&& f,
                  call_site where = call_site::here()) {
  detail::timed_scope scope(detail::saturate(span), where);
  detail::default_recipe recipe;
  return detail::cancel_timed(scope, recipe, f);
}
/// As above, until `when`.
template <timed_block F>
auto cancel_at(time_point when, F&& f, call_site where = call_site::here()) {
  detail::timed_scope scope(when, where);
  detail::default_recipe recipe;
  return detail::cancel_timed(scope, recipe, f);
}
/// Runs `f`, for `span` at most. @throws what `with_exception` says if time ran out.
/// Cancellation point if `f` has one.
template <class Rep, class Period, class E, class... Args, timed_block F>
auto cancel_after(std::chrono::duration<Rep, Period> span,
                  detail::exception_recipe<E, Args...> error, F&& f,
                  call_site where = call_site::here()) {
  detail::timed_scope scope(detail::saturate(span), where);
  return detail::cancel_timed(scope, error, f);
}
/// As above, until `when`.
template <class E, class... Args, timed_block F>
auto cancel_at(time_point when, detail::exception_recipe<E, Args...> error, F&& f,
               call_site where = call_site::here()) {
  detail::timed_scope scope(when, where);
  return detail::cancel_timed(scope, error, f);
}

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// State that several fibers change, one at a time, and that a cancellation cannot leave
/// half changed.
///
///     guarded<accounts> bank;
///     bank.modify([&](accounts& a) {
///       a[from] -= sum;
///       audit(from, sum);        // parks; if it is cancelled here,
///       a[to] += sum;            // nothing has happened
///     });

#include <motet/call_site.hpp>
#include <motet/detail/flag.hpp>
#include <motet/detail/holding.hpp>
#include <motet/mutex.hpp>

#include <concepts>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace motet {

/// Whoever changed this state last did not get to the end.
class poisoned_error : public std::runtime_error {
 public:
  poisoned_error()
      : std::runtime_error("guarded: the last change of this value was not finished") {}
};

struct modify_options {
  /// Changes the state itself instead of a copy. If that is not finished, because of an
  /// exception or a cancellation, the state is poisoned: later users get a
  /// poisoned_error, until `set` puts something whole there.
  bool poison = false;
};

/// A value and the mutex that guards it, which is held while a callable runs, which may
/// park; waiting for it can be cancelled. By fibers of any thread.
template <class T>
class guarded {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>);

 public:
  /// Makes the value of `args`. Never parks.
  template <class... Args>
  requires std::constructible_from<T, Args...>
  explicit guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}
  guarded(const guarded&) = delete;
  guarded& operator=(const guarded&) = delete;
  ~guarded() = default;

  /// Runs `f(T&)` on a copy, which becomes the value when `f` returns. If it throws or is
  /// cancelled instead, the value is what it was. @returns what `f` returns.
  /// @throws poisoned_error; deadlock_error if the fiber is in here already.
  /// Cancellation point.
  template <class F>
  auto modify(F&& f, call_site where = call_site::here()) {
    static_assert(
        std::copy_constructible<T> && std::is_move_assignable_v<T>,
        "what cannot be copied is changed in place: modify({.poison = true}, f)");
    const detail::holding turn(mutex_, "a guarded value", where);
    look();
    T copy = value_;
    if constexpr (std::is_void_v<std::invoke_result_t<F, T&>>) {
      std::forward<F>(f)(copy);
      value_ = std::move(copy);
    } else {
      auto result = std::forward<F>(f)(copy);
      value_ = std::move(copy);
      return result;
    }
  }
  /// As above, but see `options`. Cancellation point.
  template <class F>
  auto modify(modify_options options, F&& f, call_site where = call_site::here()) {
    if constexpr (std::copy_constructible<T> && std::is_move_assignable_v<T>) {
      if (!options.poison) return modify(std::forward<F>(f), where);
    }
    const detail::holding turn(mutex_, "a guarded value", where);
    look();
    try {
      return std::forward<F>(f)(value_);
    } catch (...) {
      poisoned_.set();
      throw;
    }
  }

  /// Runs `f(const T&)` while nobody changes the value. @returns what `f` returns.
  /// @throws as above. Cancellation point.
  template <class F>
  auto read(F&& f, call_site where = call_site::here()) const {
    const detail::holding turn(mutex_, "a guarded value", where);
    look();
    return std::forward<F>(f)(value_);
  }

  /// Replaces the value, a poisoned one too. Cancellation point.
  void set(T value, call_site where = call_site::here()) {
    const detail::holding turn(mutex_, "a guarded value", where);
    value_ = std::move(value);
    poisoned_.clear();
  }

  /// Whether users get a poisoned_error.
  [[nodiscard]] bool poisoned() const noexcept { return poisoned_.is_set(); }

 private:
  void look() const {
    if (poisoned_.is_set()) throw poisoned_error();
  }

  mutable mutex mutex_;
  detail::flag poisoned_;
  T value_;
};

}  // namespace motet

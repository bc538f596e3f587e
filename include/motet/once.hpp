// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What is made by whoever needs it first.
///
///     static once<config> settings;
///     const config& c = settings([] { return parse(load("app.conf")); });
///
/// A local `static` cannot do this: if its initialiser parks, the next fiber of its
/// thread to come by ends the process, or waits for itself if there are other threads.

#include <motet/call_site.hpp>
#include <motet/detail/flag.hpp>
#include <motet/detail/holding.hpp>
#include <motet/mutex.hpp>

#include <optional>
#include <type_traits>
#include <utility>

namespace motet {

/// A value that is made once, on demand, by an initialiser that may park. By fibers of
/// any thread.
template <class T = void>
class once {
  static_assert(!std::is_reference_v<T>, "keep a pointer, or what is referred to");
  static_assert(!std::is_const_v<T>, "a const object comes from a const once");

 public:
  constexpr once() noexcept = default;
  once(const once&) = delete;
  once& operator=(const once&) = delete;
  ~once() = default;

  /// The value. If there is none, makes it by `make()`; who comes meanwhile waits. If
  /// `make` throws, or is cancelled, that concerns its caller alone: the next who waits
  /// tries again, with what it was given itself.
  /// @throws deadlock_error if called from within `make`. Cancellation point.
  template <class F>
  T& operator()(F&& make, call_site where = call_site::here()) {
    if (ready()) {
      detail::pass_point("once", where);
    } else {
      const detail::holding turn(mutex_, "a once to be made", where);
      if (!value_) {
        value_.emplace(std::forward<F>(make)());
        ready_.set();
      }
    }
    return *value_;
  }

  /// Whether it was made.
  [[nodiscard]] bool ready() const noexcept { return ready_.is_set(); }

 private:
  mutex mutex_;
  std::optional<T> value_;
  detail::flag ready_;  ///< That it is, for who has not locked.
};

/// As above, for something that is done once.
template <>
class once<void> {
 public:
  constexpr once() noexcept = default;
  once(const once&) = delete;
  once& operator=(const once&) = delete;
  ~once() = default;

  /// Returns when it is done: by `f()`, if it was not. Cancellation point.
  template <class F>
  void operator()(F&& f, call_site where = call_site::here()) {
    if (ready()) {
      detail::pass_point("once", where);
    } else {
      const detail::holding turn(mutex_, "a once to be made", where);
      if (ready()) return;
      std::forward<F>(f)();
      done_.set();
    }
  }

  /// Whether it was done.
  [[nodiscard]] bool ready() const noexcept { return done_.is_set(); }

 private:
  mutex mutex_;
  detail::flag done_;
};

}  // namespace motet

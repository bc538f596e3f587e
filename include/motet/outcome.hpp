// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// How a fiber ended, and why.

#include <motet/cancel.hpp>
#include <motet/detail/fiber_handle.hpp>
#include <motet/detail/result_slot.hpp>
#include <motet/error.hpp>

#include <concepts>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace motet {

/// What stands behind an outcome: the request that was made, if any, and every error that
/// was not thrown to anybody because something else decided.
class cause {
 public:
  cause() noexcept;
  cause(std::vector<cancel_reason> requests, std::vector<std::exception_ptr> errors);
  cause(const cause& other);
  cause(cause&& other) noexcept;
  cause& operator=(const cause& other);
  cause& operator=(cause&& other) noexcept;
  ~cause();

  /// The request that counted. @throws structure_error if there was none. Never parks.
  [[nodiscard]] const cancel_reason& reason() const;
  /// All requests: the one that counted, then those that came later.
  [[nodiscard]] const std::vector<cancel_reason>& requests() const noexcept {
    return requests_;
  }
  /// The errors that gave way, oldest first.
  [[nodiscard]] const std::vector<std::exception_ptr>& errors() const noexcept {
    return errors_;
  }
  /// Whether one of them is an `E`. Never parks.
  template <class E>
  [[nodiscard]] bool contains() const {
    return any([](const std::exception_ptr& error) {
      try {
        std::rethrow_exception(error);
      } catch (const E&) {
        return true;
      } catch (...) {
        return false;
      }
    });
  }
  [[nodiscard]] bool empty() const noexcept;

 private:
  [[nodiscard]] bool any(bool (*is)(const std::exception_ptr&)) const;

  std::vector<cancel_reason> requests_;
  std::vector<std::exception_ptr> errors_;
};

namespace detail {
[[nodiscard]] motet::cause cause_of_object(const void* object);
}

/// How a fiber ended, without its value.
class ending {
 public:
  ending() = default;
  /// For the library: what the control block says now.
  explicit ending(const detail::fiber_handle& fiber) noexcept;

  /// By an error.
  [[nodiscard]] bool failed() const noexcept { return error_ != nullptr; }
  [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }
  /// By request, without a value or error.
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  /// Why it was asked to stop. @throws structure_error if nobody asked. Never parks.
  [[nodiscard]] const cancel_reason& reason() const { return cause_.reason(); }
  [[nodiscard]] const class cause& cause() const noexcept { return cause_; }
  /// Whether it was asked to stop, however it ended.
  [[nodiscard]] bool cancel_requested() const noexcept;

 private:
  std::exception_ptr error_;
  bool stopped_ = false;
  class cause cause_;
};

/// How a fiber ended, with its value if it has one.
template <class T>
class outcome : public ending {
 public:
  outcome() = default;
  /// For the library: copies the result, or takes it if it can only be moved.
  explicit outcome(const detail::fiber_handle& fiber)
      : ending(fiber),
        value_(detail::take_result<T>(fiber.get(), failed() || stopped())) {}

  [[nodiscard]] bool has_value() const noexcept { return value_.has(); }

  /// The value; moved out of an rvalue outcome.
  /// @throws the error, `fiber_stopped`, or structure_error if somebody else took it.
  decltype(auto) value() & {
    check_value();
    return value_.get();
  }
  decltype(auto) value() && {
    check_value();
    return std::move(value_).take();
  }
  decltype(auto) value() const& {
    check_value();
    return value_.get();
  }

 private:
  void check_value() const {
    if (value_.has()) return;
    if (failed()) std::rethrow_exception(error());
    if (stopped()) throw fiber_stopped(reason());
    throw structure_error("the value was moved out already");
  }

  detail::held_result<T> value_;
};

/// The fiber in which an exception arose that was thrown here by a wait, a scope or as a
/// child's error: `catch (error& e) { source_of(e); }`. Null if it arose right here.
/// Never parks.
template <class E>
[[nodiscard]] fiber_ref source_of(const E& error) noexcept {
  if constexpr (std::is_polymorphic_v<E>) {
    return detail::source_of_object(dynamic_cast<const void*>(&error));
  } else {
    return detail::source_of_object(&error);
  }
}

/// What stood behind an exception that a timeout or a fiber's end threw here: its
/// deadline or request, and the errors that gave way to it. Never parks.
template <class E>
[[nodiscard]] cause cause_of(const E& error) {
  if constexpr (std::is_polymorphic_v<E>) {
    return detail::cause_of_object(dynamic_cast<const void*>(&error));
  } else {
    return detail::cause_of_object(&error);
  }
}

}  // namespace motet

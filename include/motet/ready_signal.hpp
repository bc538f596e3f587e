// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// How a fiber says that it has started.

#include <motet/call_site.hpp>
#include <motet/detail/result_slot.hpp>
#include <motet/fiber_ref.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace motet {

namespace detail {

struct ready_waiter;  // lib/fiber/start.cpp: the caller's place

/// Between a `spin_ready` and its fiber.
class start_link {
 public:
  /// Parks until `arrive` is called. @throws if that will never be.
  void wait(const fiber_ref& starting, call_site where);
  /// Whether somebody waits still.
  [[nodiscard]] bool awaited() const noexcept { return waiting_ != nullptr; }
  void arrive() noexcept;

 private:
  ready_waiter* waiting_ = nullptr;
};

template <class T>
struct start_state : start_link {
  std::optional<stored<T>> value;
};

}  // namespace detail

/// What a fiber that was started with `spin_ready` gets first: `ready(value)`, or
/// `ready()` if `T` is void, lets the starter go on. Copies are the same signal.
/// Same thread only.
template <class T = void>
class ready_signal {
 public:
  /// For the library.
  explicit ready_signal(std::shared_ptr<detail::start_state<T>> state) noexcept
      : state_(std::move(state)) {}

  /// Hands `value` to the starter. Never parks.
  /// @returns false if it does not wait any more: it was told already, or cancelled.
  template <class U = T>
  requires(!std::is_void_v<T> && std::constructible_from<detail::stored<T>, U>) bool
  operator()(U&& value) const {
    if (!state_->awaited()) return false;
    state_->value.emplace(std::forward<U>(value));
    state_->arrive();
    return true;
  }
  /// Never parks.
  bool operator()() const requires std::is_void_v<T> {
    if (!state_->awaited()) return false;
    state_->arrive();
    return true;
  }

 private:
  std::shared_ptr<detail::start_state<T>> state_;
};

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// How a fiber says that it has started.

#include <motet/call_site.hpp>
#include <motet/detail/result_slot.hpp>
#include <motet/fiber_ref.hpp>

#include <concepts>
#include <cstddef>
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
  std::size_t holders = 0;
};

/// Holds it together with others. Same thread only.
template <class T>
class start_holder {
 public:
  explicit start_holder(start_state<T>* state) noexcept : state_(state) {
    ++state_->holders;
  }
  start_holder(const start_holder& from) noexcept : start_holder(from.state_) {}
  start_holder& operator=(start_holder from) noexcept {
    std::swap(state_, from.state_);
    return *this;
  }
  ~start_holder() {
    if (--state_->holders == 0) delete state_;
  }

  [[nodiscard]] start_state<T>* operator->() const noexcept { return state_; }

 private:
  start_state<T>* state_;
};

}  // namespace detail

/// What a fiber that was started with `spin_ready` gets first: `ready(value)`, or
/// `ready()` if `T` is void, lets the starter go on. Copies are the same signal.
/// Same thread only.
template <class T = void>
class ready_signal {
 public:
  /// For the library.
  explicit ready_signal(detail::start_holder<T> state) noexcept
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
  detail::start_holder<T> state_;
};

}  // namespace motet

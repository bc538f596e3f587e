// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A value that is not there yet.

#include <motet/call_site.hpp>
#include <motet/detail/promise_state.hpp>
#include <motet/detail/result_slot.hpp>
#include <motet/fiber.hpp>
#include <motet/fiber_ref.hpp>

#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>

namespace motet {

/// Something that somebody will provide and fibers wait for: a value or an error, set
/// once. Copies are handles to the same promise, which lives as long as one of them; the
/// value is destroyed by whoever drops the last.
/// Any thread; `get` in fibers only.
template <class T = void>
class promise {
 public:
  promise() : state_(new slot, [](void* s) noexcept { delete static_cast<slot*>(s); }) {}

  /// Parks until it is set, and takes the value: each who waits gets a copy; one that can
  /// only be moved goes to the first.
  /// @throws the error if it was set to one; structure_error if the value was taken.
  /// Cancellation point.
  T get(call_site where = call_site::here()) const {
    const detail::promise_handle kept = state_;
    void* const here = kept.wait(where);
    if constexpr (!std::is_void_v<T>) {
      auto value = detail::take_from<T>(*static_cast<slot*>(here));
      if (!value) detail::throw_taken();
      return detail::held_result<T>(std::move(value)).take();
    }
  }

  /// Sets the value and wakes all who wait for it. Only the first time counts; one that
  /// fails, as the value cannot be copied or moved, does not.
  /// @returns whether this was the first. Never parks.
  template <class U = T>
  requires(!std::is_void_v<T> &&
           std::constructible_from<T, U>) bool set(U&& value) const {
    return state_.settle([&](void* s) {
      auto& place = static_cast<slot*>(s)->value;
      if constexpr (std::is_reference_v<T>) {
        place.emplace(&static_cast<T>(value));
      } else {
        place.emplace(std::forward<U>(value));
      }
    });
  }
  /// As above, for a promise of nothing. Never parks.
  bool set() const requires std::is_void_v<T> {
    return state_.settle([](void*) {});
  }
  /// As above; `error` is thrown to those who wait. Never parks.
  template <throwable E>
  bool set_exception(E error) const {
    return set_exception(std::make_exception_ptr(std::move(error)));
  }
  /// As above; the object is shared by all who get it. Never parks.
  bool set_exception(std::exception_ptr error) const {
    return state_.settle(std::move(error));
  }

  /// Whether it was set.
  [[nodiscard]] bool ready() const noexcept { return state_.settled(); }

 private:
  using slot = detail::result_slot<T>;

  detail::promise_handle state_;
};

}  // namespace motet

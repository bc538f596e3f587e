// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Where a fiber's result lies until it is asked for.

#include <motet/detail/flag.hpp>

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace motet::detail {

struct fiber_state;

/// What holds a `T`: references as pointers, void as nothing.
template <class T>
using stored = std::conditional_t<
    std::is_void_v<T>, std::monostate,
    std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

/// Destroys what a union holds.
template <class T>
void end_life(T& object) noexcept {
  object.~T();
}

/// A result on its way to whoever asked.
template <class T>
class held_result {
 public:
  held_result() = default;
  explicit held_result(std::optional<stored<T>> from) : value_(std::move(from)) {}

  [[nodiscard]] bool has() const noexcept { return value_.has_value(); }

  decltype(auto) get() {
    if constexpr (std::is_void_v<T>) {
      return;
    } else if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(**value_);
    } else {
      return static_cast<T&>(*value_);
    }
  }
  decltype(auto) get() const {
    if constexpr (std::is_void_v<T>) {
      return;
    } else if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(**value_);
    } else {
      return static_cast<const T&>(*value_);
    }
  }
  T take() && {
    if constexpr (std::is_void_v<T>) {
      value_.reset();
    } else if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(**std::exchange(value_, std::nullopt));
    } else {
      T moved = std::move(*value_);
      value_.reset();
      return moved;
    }
  }

 private:
  std::optional<stored<T>> value_;
};

/// The head of a fiber's body: found by everybody who knows the result type.
template <class T>
struct result_slot {
  std::optional<stored<T>> value;
  /// Moved out, by the first of several takers, of whatever thread.
  flag taken;
};

/// The slot in a fiber's body; the fiber must be a `fiber<T>`.
[[nodiscard]] void* result_of(fiber_state& fiber) noexcept;

/// Takes a copy of what a slot holds, or, if it can only be moved, the value itself.
/// @returns nothing if there is none, or if it was moved out before.
template <class T>
std::optional<stored<T>> take_from(result_slot<T>& slot) {
  if (!slot.value) return std::nullopt;
  if constexpr (std::copy_constructible<stored<T>>) {
    return slot.value;
  } else {
    if (slot.taken.test_and_set()) return std::nullopt;
    return std::optional<stored<T>>(std::move(*slot.value));
  }
}

/// As above, of a fiber's result.
template <class T>
std::optional<stored<T>> take_result(fiber_state* fiber, bool none) {
  if (fiber == nullptr || none) return std::nullopt;
  return take_from(*static_cast<result_slot<T>*>(result_of(*fiber)));
}

}  // namespace motet::detail

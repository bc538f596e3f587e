// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the handles of a promise share.

#include <motet/call_site.hpp>
#include <motet/detail/function_ref.hpp>

#include <exception>
#include <utility>

namespace motet::detail {

struct promise_state;  // lib/fiber/promise.cpp

void add_reference(promise_state&) noexcept;
void drop_reference(promise_state&) noexcept;

/// A counted reference. Any thread.
class promise_handle {
 public:
  /// A new promise, which owns `slot`: the room for its value.
  promise_handle(void* slot, void (*destroy)(void* slot) noexcept);
  promise_handle(const promise_handle& other) noexcept : state_(other.state_) {
    add_reference(*state_);
  }
  promise_handle& operator=(promise_handle other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~promise_handle() { drop_reference(*state_); }

  /// Parks until it is set, and throws if that was to an error. @returns the slot.
  [[nodiscard]] void* wait(call_site where) const;
  /// Has the value put into the slot, unless it was set. @returns whether it was not.
  bool settle(function_ref<void(void* slot)> store) const;
  /// Sets it to an error, unless it was set. @returns whether it was not.
  bool settle(std::exception_ptr error) const;
  [[nodiscard]] bool settled() const noexcept;

 private:
  promise_state* state_;
};

}  // namespace motet::detail

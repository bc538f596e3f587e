// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a fiber that waits in `from_callback` shares with those who may resume it.

#include <motet/call_site.hpp>
#include <motet/detail/function_ref.hpp>

#include <exception>
#include <utility>

namespace motet::detail {

struct callback_state;  // lib/blocking/from_callback.cpp

void add_resumer(callback_state&) noexcept;
void drop_resumer(callback_state&) noexcept;

/// A counted right to resume. Any thread.
class callback_handle {
 public:
  explicit callback_handle(callback_state& state) noexcept : state_(&state) {
    add_resumer(*state_);
  }
  callback_handle(const callback_handle& other) noexcept
      : callback_handle(*other.state_) {}
  callback_handle& operator=(callback_handle other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~callback_handle() { drop_resumer(*state_); }

  /// Has a value put into the slot, if nobody was first. @returns whether nobody was.
  bool resume(function_ref<void(void* slot)> store) const;
  /// The same with an error.
  bool fail(std::exception_ptr error) const;

 private:
  callback_state* state_;
};

/// The fiber's side. Same thread only.
class callback_wait {
 public:
  /// Looks first: a cancellation point. @param slot where the value goes; the library
  /// owns it from now on.
  callback_wait(void* slot, void (*destroy)(void* slot) noexcept, call_site where);
  callback_wait(const callback_wait&) = delete;
  callback_wait& operator=(const callback_wait&) = delete;
  /// Nobody can resume any more.
  ~callback_wait();

  [[nodiscard]] callback_state& state() noexcept { return *state_; }
  /// The registration is over: nobody but who has a handle can resume now.
  void registered() noexcept;
  /// Parks until somebody has resumed, and throws what was given as an error. If the wait
  /// is cut short, `on_cancel` is called in a shield, and then that is thrown.
  void wait(function_ref<void()> on_cancel);

 private:
  callback_state* state_;
  call_site where_;
  bool registered_ = false;
};

}  // namespace motet::detail

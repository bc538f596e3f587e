// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A node of the cancel tree with a deadline: what stands behind a timeout block.

#include <motet/call_site.hpp>
#include <motet/detail/cancel_scope.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/time.hpp>

#include <exception>
#include <string_view>

namespace motet::detail {

/// Lives in the frame of the function that runs the block.
class timed_scope : private cancel_scope, private timer {
 public:
  timed_scope(duration span, call_site where) noexcept : span_(span), where_(where) {}
  timed_scope(time_point when, call_site where) noexcept
      : span_(no_span), when_(when), where_(where) {}
  timed_scope(const timed_scope&) = delete;
  timed_scope& operator=(const timed_scope&) = delete;
  ~timed_scope() {
    if (by_hand_ != nullptr) forget(by_hand_);
  }

  /// The scope that a node is part of.
  static timed_scope& of(cancel_scope& node) noexcept {
    return static_cast<timed_scope&>(node);
  }

  /// Runs `body` inside. @returns whether it ended by itself.
  bool run(function_ref<void()> body);

  bool reset() noexcept;
  bool reset(duration span) noexcept;
  bool reset_at(time_point when) noexcept;
  [[nodiscard]] duration remaining() const noexcept;
  [[nodiscard]] bool fired() const noexcept { return fired_; }
  /// Makes the time it is given a grace: a second signal ends it.
  void call_it_grace() noexcept { grace = true; }
  /// Ends it as if time had run out.
  void expire() noexcept;
  bool cancel_now(std::string_view why, call_site where);
  /// What the block was given.
  [[nodiscard]] duration span() const noexcept { return span_; }
  [[nodiscard]] const call_site& where() const noexcept { return where_; }
  /// Throws cancel_error if `cancel_now` ended the block, not its deadline.
  void throw_if_cancelled_by_hand() const;

 private:
  static constexpr duration no_span = duration::min();

  void enter();
  static void leave(cancel_scope& node) noexcept;
  static void fail(cancel_scope& node, const std::exception_ptr& error) noexcept;
  bool move_deadline(time_point when) noexcept;
  static void on_expired(timer& t) noexcept;
  static void forget(request_record* record) noexcept;

  duration span_;
  time_point when_{};
  call_site where_;
  request_record* by_hand_ = nullptr;
  bool fired_ = false;
};

[[noreturn]] void throw_timeout(const timed_scope& scope);
/// Throws `error`, whose cause becomes the scope's deadline.
[[noreturn]] void throw_for_deadline(std::exception_ptr error, const timed_scope& scope);

}  // namespace motet::detail

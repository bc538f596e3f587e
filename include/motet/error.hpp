// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The errors motet throws, besides std::system_error when the world fails.
///
/// They are made where an unwinding ends, not where it begins: an inner `catch` cannot
/// take the error of an outer timeout.

#include <motet/cancel.hpp>
#include <motet/detail/sure_allocator.hpp>
#include <motet/fiber_ref.hpp>
#include <motet/time.hpp>

#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace motet {

class exception_group;

namespace detail {
void cut_error_cycle(fiber_state& self);
exception_group make_group(error_list errors, std::size_t dropped) noexcept;
}  // namespace detail

/// A timeout ran out. Its code equals std::errc::timed_out.
class timeout_error : public std::system_error {
 public:
  explicit timeout_error(motet::duration after, call_site where = call_site::here());
  explicit timeout_error(const std::string& what);

  /// How long the block was given.
  [[nodiscard]] motet::duration duration() const noexcept { return after_; }

 private:
  motet::duration after_{};
};

/// The fiber or block was asked to end with an error.
class cancel_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The fiber one waited for was stopped, so that there is no value.
class fiber_stopped : public std::runtime_error {
 public:
  explicit fiber_stopped(cancel_reason why);
  fiber_stopped(const fiber_stopped& other);
  fiber_stopped& operator=(const fiber_stopped& other);
  ~fiber_stopped() override;

  [[nodiscard]] const cancel_reason& reason() const noexcept { return why_; }

 private:
  friend void detail::cut_error_cycle(detail::fiber_state& self);

  cancel_reason why_;
};

/// Nothing could ever end this wait.
class deadlock_error : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// The call does not fit where it stands: a point outside of a fiber, a spin into a scope
/// that has been left, a second taker of a move-only value.
class structure_error : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// The other side of a mailbox or descriptor is closed, or this one is.
class closed_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A write was cut short in the middle of what belongs together. The other side has half
/// of it, so that nothing can follow.
class broken_stream : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Two or more errors of one scope: the body's first, then children's as they ended.
class exception_group : public std::exception {
 public:
  static constexpr std::size_t capacity = 1000;

  explicit exception_group(std::vector<std::exception_ptr> errors,
                           std::size_t dropped = 0);

  exception_group(const exception_group& other);
  exception_group& operator=(const exception_group& other);
  ~exception_group() override;

  [[nodiscard]] std::span<const std::exception_ptr> errors() const noexcept;
  /// How many more there were than fit.
  [[nodiscard]] std::size_t dropped() const noexcept { return dropped_; }
  [[nodiscard]] const char* what() const noexcept override;

 private:
  friend exception_group detail::make_group(detail::error_list errors,
                                            std::size_t dropped) noexcept;
  exception_group(std::size_t dropped, detail::error_list errors) noexcept;

  detail::error_list errors_;
  std::size_t dropped_;
  detail::sure_string what_;
};

/// What an exception says: `what()`, or the type of one that is no std::exception.
/// Never parks.
[[nodiscard]] std::string describe(const std::exception_ptr& error);

namespace detail {
[[nodiscard]] fiber_ref source_of_object(const void* object) noexcept;
}  // namespace detail

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Handles to fibers of any result type.

#include <motet/call_site.hpp>
#include <motet/detail/fiber_handle.hpp>
#include <motet/detail/message.hpp>
#include <motet/time.hpp>

#include <compare>
#include <concepts>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace motet {

class ending;

/// What a fiber is doing.
enum class fiber_phase : std::uint8_t {
  fresh,     ///< spun, not yet run
  runnable,  ///< could run now
  running,   ///< runs now
  parked,    ///< waits
  ended,     ///< its outcome is known
};

/// An exception that can be made for a fiber: not text, not a pointer to one.
template <class E>
concept throwable = std::is_object_v<std::remove_cvref_t<E>> &&
                    std::copy_constructible<std::remove_cvref_t<E>> &&
                    !std::convertible_to<E, std::string_view> &&
                    !std::same_as<std::remove_cvref_t<E>, std::exception_ptr>;

/// How to stop monitoring.
struct unmonitor_options {
  bool flush = false;  ///< Takes a notice that was sent already out of the mailbox, too.
};

/// A small, copyable view of a fiber. The fiber belongs to the one that spun it: dropping
/// a handle does nothing. A default-constructed one is null, and every verb on it is
/// false.
///
/// Verbs say whether they changed anything; on a fiber that has ended they do nothing.
/// Usable on any thread; to wait, and to monitor, in any fiber. What is asked of a fiber
/// of another thread is done there soon, and then `true` says that it was sent.
class fiber_ref {
 public:
  fiber_ref() = default;

  /// Asks the fiber to stop: every later cancellation point in it throws. Never parks.
  bool stop(std::string_view why = {}, call_site where = call_site::here()) const;
  /// Asks it to end with an error, `cancel_error(why)`, made when it does. Never parks.
  bool cancel(std::string_view why = {}, call_site where = call_site::here()) const;
  /// Asks it to end with `error`. Never parks.
  template <throwable E>
  bool cancel(E error, call_site where = call_site::here()) const {
    return cancel_with(std::make_exception_ptr(std::move(error)), where);
  }
  /// Asks it to stop once `grace` has passed, if it has not ended by then. Stop tokens of
  /// it and of all below are requested now. Never parks.
  bool terminate(duration grace = {}, call_site where = call_site::here()) const;
  /// Unwinds the fiber and runs it again under the same identity. Its mailbox is emptied
  /// now, so that what is sent after this call reaches the new run. One that has ended
  /// runs again only if it is restartable and its parent lives. Never parks.
  /// @throws structure_error for the main fiber.
  bool restart(call_site where = call_site::here()) const;

  /// Throws `error` once, at the fiber's next cancellation point. Never parks.
  template <throwable E>
  bool raise(E error) const {
    return raise(std::make_exception_ptr(std::move(error)));
  }
  /// As above; the object is shared by all who get it. Never parks.
  bool raise(std::exception_ptr error) const;
  /// Throws a std::runtime_error. Never parks.
  bool raise(std::string_view text) const;
  /// As `raise`, and waits until it was thrown or the fiber has ended. If the wait is
  /// cancelled, it did not happen. Cancellation point.
  template <throwable E>
  bool throw_to(E error, call_site where = call_site::here()) const {
    return throw_to(std::make_exception_ptr(std::move(error)), where);
  }
  /// As above. Cancellation point.
  bool throw_to(std::exception_ptr error, call_site where = call_site::here()) const;

  /// `stop`, then waits for the end. Cancelling the wait does not revoke the request.
  /// @throws deadlock_error if it is oneself. Cancellation point.
  ending interrupt(std::string_view why = {}, call_site where = call_site::here()) const;
  /// Parks until it has ended; never throws because of how. Cancellation point.
  [[nodiscard]] ending wait(call_site where = call_site::here()) const;

  /// Sends the running fiber an `ended` message when this one has ended. Never parks.
  bool monitor() const;
  /// Takes that back. A notice sent already stays in the mailbox, unless it is to be
  /// flushed: `f.unmonitor({.flush = true})`. Never parks.
  bool unmonitor(unmonitor_options options = {}) const;

  /// Puts a message into its mailbox, whatever the cap. Never parks.
  template <class T>
  const fiber_ref& operator<<(T&& message) const {
    detail::send(state_.get(), detail::make_message(std::forward<T>(message)).release());
    return *this;
  }
  /// Sends; parks while a capped mailbox is full. If that is cancelled, `message` is as
  /// it was.
  /// @throws closed_error if the fiber has ended. Cancellation point.
  template <class T>
  void send(T&& message, call_site where = call_site::here()) const {
    wait_for_room(where);
    send_now(detail::make_message(std::forward<T>(message)).release());
  }

  [[nodiscard]] bool done() const noexcept;
  [[nodiscard]] fiber_phase state() const noexcept;
  /// The name given to `spin`, or one made from the id. Never parks.
  [[nodiscard]] std::string name() const;
  /// Unique among the fibers of the process; kept by `restart`.
  [[nodiscard]] std::uint64_t id() const noexcept;
  /// Whether it was asked to stop, delivered or not.
  [[nodiscard]] bool cancel_requested() const noexcept;
  /// The fibers that live inside it, oldest first. Same thread only. Never parks.
  [[nodiscard]] std::vector<fiber_ref> children() const;
  /// The fiber it lives in; null for the main fiber. Same thread only. Never parks.
  [[nodiscard]] fiber_ref parent() const;
  /// Makes it live in `parent`: that waits for its end and gets its error, as if it had
  /// spun it. A request to where it lived no longer counts, unless it has reached it.
  /// @returns false if either has ended, or is only waiting for its children.
  /// @throws structure_error if `parent` lives in it, or either on another thread; for
  /// the main fiber, and for those of a race and other calls that wait for their fibers.
  /// Never parks.
  bool attach_to(const fiber_ref& parent) const;

  explicit operator bool() const noexcept { return state_.get() != nullptr; }
  friend bool operator==(const fiber_ref& a, const fiber_ref& b) noexcept {
    return a.state_.get() == b.state_.get();
  }

  /// For the library.
  explicit fiber_ref(detail::fiber_handle state) noexcept : state_(std::move(state)) {}
  [[nodiscard]] detail::fiber_state* get() const noexcept { return state_.get(); }
  [[nodiscard]] const detail::fiber_handle& state_handle() const noexcept {
    return state_;
  }

 private:
  bool cancel_with(std::exception_ptr error, call_site where) const;
  void wait_for_room(call_site where) const;
  void send_now(detail::message* message) const;

  detail::fiber_handle state_;
};

}  // namespace motet

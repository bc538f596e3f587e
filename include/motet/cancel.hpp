// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Stopping: what is thrown, and why.
///
/// A request to stop is not an error. It stays with the scope it was aimed at (a fiber, a
/// timeout, a scope): every later cancellation point inside throws `cancelled`, so
/// swallowing one does no harm. It ends at the outermost scope that was asked to stop and
/// can be seen from the point.

#include <motet/call_site.hpp>
#include <motet/detail/cancel_scope.hpp>
#include <motet/fiber_ref.hpp>
#include <motet/shield.hpp>
#include <motet/time.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace motet {

/// What kind of request it was.
enum class cancel_kind : std::uint8_t {
  stop,       ///< `stop` or `interrupt`
  move_on,    ///< `move_on`: end with a value
  cancel,     ///< `cancel`: end with an error
  terminate,  ///< `terminate`, its grace over
  restart,    ///< `restart`
  scope,      ///< a scope's `cancel`, or a timeout's `cancel_now`
  deadline,   ///< a timeout ran out
  failure,    ///< a fiber of the same scope failed
  parent,     ///< the fiber it lives in has ended
  token,      ///< a std::stop_token
  signal,     ///< SIGINT or SIGTERM
};

/// The kind's name, for messages. Never parks.
[[nodiscard]] const char* to_string(cancel_kind kind) noexcept;

/// Who asked, why, where and when.
struct cancel_reason {
  cancel_kind kind = cancel_kind::stop;
  std::string message;
  fiber_ref source;  ///< The fiber that asked; null from outside of fibers.
  call_site where;
  time_point at;
};

/// In one line: `stop by fiber "main" at chat.cpp:41: user left`. Never parks.
[[nodiscard]] std::string to_string(const cancel_reason& reason);

/// Unwinds a fiber that was asked to stop. Not a std::exception, so that `catch
/// (std::exception&)` leaves it alone. Catch it to clean up, in a `shield` if that parks,
/// and say `throw;`: the next point throws anew anyway.
class cancelled final {
 public:
  cancelled(const cancelled& other) noexcept;
  cancelled(cancelled&& other) noexcept;
  cancelled& operator=(const cancelled&) = delete;
  cancelled& operator=(cancelled&&) = delete;
  ~cancelled();

  /// The reason of the outermost scope that is cancelled and can be seen from here; once
  /// none can, the one it was thrown for. Never parks.
  [[nodiscard]] const cancel_reason& reason() const noexcept;

 private:
  friend struct detail::fiber_state;
  explicit cancelled(detail::request_record& why) noexcept;

  detail::request_record* why_;
};

/// Throws if the fiber was asked to stop; may let others run first if it has not parked
/// for long. For loops that compute. Cancellation point.
void checkpoint();

/// Lets all other runnable fibers run. Cancellation point.
void yield();

/// Parks until cancelled or raised. Cancellation point.
[[noreturn]] void suspend(call_site where = call_site::here());

namespace this_fiber {
/// Whether a point here would throw now. Never parks.
[[nodiscard]] bool cancel_pending() noexcept;

/// Stops the running fiber, and throws `cancelled` at once instead of at its next point.
/// @throws structure_error in a shield and during unwinding, where that would not get
/// out; then nothing was asked. Cancellation point.
[[noreturn]] void exit_now(std::string_view why = {},
                           call_site where = call_site::here());
}  // namespace this_fiber

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What motet says on stderr by itself, and the phrases it says it in.

#include "lib/core/fiber_state.hpp"

#include <motet/call_site.hpp>
#include <motet/cancel.hpp>
#include <motet/time.hpp>

#include <string>

namespace motet::detail {

class scheduler;

/// A line on stderr that begins with "motet: ".
void say(const std::string& line) noexcept;

/// " at chat.cpp:41", or nothing if the place is not known.
[[nodiscard]] std::string at_place(call_site where);
/// "3 s", "250 ms": as exact as people want it.
[[nodiscard]] std::string describe_age(duration span);
/// As `to_string`, with how long ago it was as seen from `now`.
[[nodiscard]] std::string explain(const cancel_reason& reason, time_point now);

/// For scheduler_hooks. Tells once per place; a storm of them has to let others run.
void on_swallowed(scheduler& s) noexcept;
/// Tells, once per place, of a fiber spun by cleanup that is protected while the fiber is
/// not: it never runs.
void tell_if_stillborn(scheduler& s, const fiber_state& fresh) noexcept;
/// Tells, once per fiber, of a receive that passed over many messages.
void tell_of_skipping(fiber_state& self, std::size_t skipped, call_site where) noexcept;

/// While one lives, std::terminate on a thread with fibers says which of them it was, and
/// what to do about a `cancelled` that met a noexcept function.
class terminate_watch {
 public:
  terminate_watch();
  terminate_watch(const terminate_watch&) = delete;
  terminate_watch& operator=(const terminate_watch&) = delete;
  ~terminate_watch();
};

}  // namespace motet::detail

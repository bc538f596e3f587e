// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// SIGINT and SIGTERM as requests to the main fiber.

#include "lib/core/fiber_state.hpp"
#include "lib/core/remote_queue.hpp"
#include "lib/fiber/signal_table.hpp"

#include <motet/run.hpp>

#include <string_view>

namespace motet::detail {

/// "SIGTERM", and back; 0 for a name that is none of ours.
[[nodiscard]] const char* signal_name(int number) noexcept;
[[nodiscard]] int signal_number(std::string_view name) noexcept;

/// While it lives, SIGINT and SIGTERM go to this door, as `policy` says, unless somebody
/// listens for them; SIGPIPE is ignored, so that writing to a peer that has gone is an
/// error and not the end.
class signal_watch : private signal_listener {
 public:
  signal_watch(remote_queue& door, signal_policy policy);
  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;
  ~signal_watch();

 private:
  remote_queue& door_;
  bool watching_ = false;
};

/// What `suspend` waits for.
inline constexpr char waits_to_be_stopped[] = "being stopped";
/// Whether the fiber does nothing but wait to be stopped.
[[nodiscard]] bool is_suspended(const fiber_state& fiber) noexcept;

}  // namespace motet::detail

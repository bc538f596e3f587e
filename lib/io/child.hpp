// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A child process, from its start to when it is reaped.

#include <motet/call_site.hpp>
#include <motet/detail/descriptor.hpp>
#include <motet/exit_status.hpp>
#include <motet/time.hpp>

#include <array>
#include <optional>
#include <string>

#include <sys/types.h>

namespace motet {
struct process_options;
}

namespace motet::detail {

/// Our ends of the pipes to a child's standard streams; not open if there is none.
using pipe_ends = std::array<descriptor, 3>;

/// Starts a program in a process group of its own. @throws std::system_error if that
/// fails, naming the program.
[[nodiscard]] pid_t start_program(const process_options& what, pipe_ends& ours);

/// Invariant: until `status_` is set, the number is the child's and nobody else's, for it
/// has not been reaped; unless somebody else reaps what is ours, which a pidfd notices.
class child {
 public:
  /// Starts the program.
  child(const process_options& what, pipe_ends& ours);
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  /// Ends it.
  ~child();

  /// Parks until it has ended, and reaps it.
  exit_status wait(call_site where);
  /// Reaps it if it has ended.
  std::optional<exit_status> try_reap() noexcept;
  /// SIGTERM, grace, SIGKILL; reaps it.
  exit_status terminate(duration grace, call_site where) noexcept;
  /// To the program alone. @returns whether it was there.
  bool signal(int number) noexcept;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  [[nodiscard]] bool has_ended() const noexcept;
  void await_end(call_site where);
  void end_while_parked(duration grace, call_site where);
  void end_while_blocked(duration grace) noexcept;
  void signal_group(int number) noexcept;

  const duration grace_;
  const std::string waited_for_;  ///< For the dump: `"sort" to end`.
  const pid_t pid_;               ///< Started when all is there that may fail.
  const descriptor pidfd_;
  std::optional<exit_status> status_;
};

}  // namespace motet::detail

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Other programs: started, talked to, waited for, and never left behind.

#include <motet/call_site.hpp>
#include <motet/detail/owner.hpp>
#include <motet/exit_status.hpp>
#include <motet/stream.hpp>
#include <motet/time.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace motet {

namespace detail {
class child;
}

/// Where one of a program's standard streams leads. A value.
class redirect {
 public:
  enum kind : std::uint8_t {
    usual,      ///< See `process_options` and `run_process`.
    inherited,  ///< Where ours leads.
    nothing,    ///< /dev/null: nothing to read, and what is written is gone.
    piped,      ///< To a stream of the `process`.
    to_output,  ///< What the standard output leads to; for the standard error.
    lent,       ///< A descriptor of ours: see `to`.
  };

  constexpr redirect(kind how = usual) noexcept : kind_(how) {}
  /// To a descriptor of ours: a file, a socket. It is only lent, until the program runs.
  [[nodiscard]] static constexpr redirect to(int fd) noexcept {
    redirect made(lent);
    made.fd_ = fd;
    return made;
  }

  [[nodiscard]] constexpr kind leads_to() const noexcept { return kind_; }
  /// The descriptor that is lent.
  [[nodiscard]] constexpr int fd() const noexcept { return fd_; }

 private:
  kind kind_ = usual;
  int fd_ = -1;
};

struct process_options {
  /// With a slash a path, seen from `directory`; else looked for along our PATH.
  std::string program = {};
  std::vector<std::string> arguments = {};  ///< Without the program's own name.
  /// "NAME=value"; a "NAME" alone takes a variable away.
  std::vector<std::string> environment = {};
  /// Whether `environment` is added to ours, or all there is.
  bool inherit_environment = true;
  std::string directory = {};  ///< Where to run it; empty: where we are.
  redirect input = {};         ///< Usually nothing.
  redirect output = {};        ///< Usually inherited.
  redirect error = {};         ///< Usually inherited.
  /// When this is destroyed before the program has ended: how long that has between
  /// SIGTERM and SIGKILL.
  duration grace = 5s;
};

/// A program that runs. Moves, does not copy. Same thread only.
///
/// It does not outlive this: whoever leaves the block, in whatever way, leaves no process
/// behind, and no zombie. The program is the leader of a process group of its own, so a
/// Ctrl-C at our terminal is not for it, and what it starts goes when it has to go. It
/// inherits no descriptors but the three that it is given, and no signal mask,
/// dispositions or handlers.
///
/// What is piped should be read: a program that has filled a pipe waits, and so does who
/// waits for its end. `run_process` reads all.
class process {
 public:
  /// Starts it. None of our code runs in the child, and memory is not copied, so a large
  /// process starts programs as fast as a small one. The thread waits for the kernel to
  /// load the program, which takes about a millisecond.
  /// @throws std::system_error if it cannot be started: `start "foo": No such file or
  /// directory`; structure_error outside of fibers, and in the simulation, which has no
  /// programs. Never parks.
  explicit process(const process_options& what);
  process(process&& other) noexcept;
  /// Ends the program that it was before. Parks in a shield.
  process& operator=(process&& other) noexcept;
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  /// If it still runs: `terminate`, with the grace of the options. Between fibers, where
  /// nothing can wait, without any grace. Parks in a shield; outside of fibers, blocks
  /// the thread.
  ~process();

  /// Parks until the program has ended. Several fibers may wait, and who asks again gets
  /// the same. Cancelled, it runs on. Cancellation point.
  exit_status wait(call_site where = call_site::here());
  /// The same, if it has ended. Never parks.
  [[nodiscard]] std::optional<exit_status> try_wait() noexcept;

  /// Asks all of its process group to end, by SIGTERM; kills what is left of it, by
  /// SIGKILL, when the program has ended, or `grace` is over, or a second SIGINT or
  /// SIGTERM has come to us. Nothing else cuts it short. Parks in a shield.
  exit_status terminate(duration grace, call_site where = call_site::here());

  /// Sends a signal to the program alone. @returns whether it was still there.
  /// Never parks.
  bool signal(int number) noexcept;

  /// What the program reads, writes, and complains to, as far as it is piped; else not
  /// connected. `input().close()` is the end of its input.
  [[nodiscard]] stream& input() noexcept { return input_; }
  [[nodiscard]] stream& output() noexcept { return output_; }
  [[nodiscard]] stream& error() noexcept { return error_; }

  /// Its number, which may be another's once this was told of its end.
  [[nodiscard]] int pid() const noexcept;

 private:
  // The program goes first, its pipes last: it may have to say something yet.
  stream input_;
  stream output_;
  stream error_;
  detail::owner<detail::child> child_;
};

/// What came of a program.
struct process_result {
  exit_status status;
  std::string output;  ///< All that it wrote, as far as it was piped.
  std::string error;
};

/// Runs a program to its end: feeds it `input`, and collects what it writes meanwhile.
/// Its standard streams are usually piped here. A program that fails is a result as any;
/// what it did not want to read is nobody's loss. If it leaves others behind that hold
/// its output open, they are waited for.
///
/// Cancelled, it has ended the program, as `process` does.
/// @throws as `process`; structure_error if there is `input` for a program that reads
/// something else. Cancellation point.
process_result run_process(const process_options& what, std::string_view input = {},
                           call_site where = call_site::here());

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A forked child that says things, and whose death can be looked at.

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace motet::test {

/// How a child ended.
struct death {
  int signal = 0;    ///< What killed it; 0 if nothing did.
  int code = 0;      ///< Its exit code.
  std::string said;  ///< All it wrote to the pipe, and not yet heard.
};

/// Runs `body(int)`, given a descriptor to write to, in a child whose stderr goes there,
/// too. To be made while this process has no ring.
class child {
 public:
  template <class Body>
  explicit child(Body body) {
    std::cout.flush();
    std::fflush(nullptr);
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      const rlimit no_core{0, 0};
      ::setrlimit(RLIMIT_CORE, &no_core);
      // As in a program of its own: the test framework's handlers are not ours to test.
      for (const int number : {SIGINT, SIGTERM, SIGABRT})
        std::signal(number, SIG_DFL);
      ::close(ends[0]);
      ::dup2(ends[1], STDERR_FILENO);
      body(ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    from_ = ends[0];
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
  }

  void send_signal(int number) const { ::kill(pid_, number); }

  /// Waits until it has said `what`.
  bool hear(const std::string& what) {
    for (;;) {
      if (const auto at = heard_.find(what); at != std::string::npos) {
        heard_.erase(0, at + what.size());
        return true;
      }
      if (!listen()) return false;
    }
  }

  /// Waits until it has said a line, and hands over what is left of it.
  std::string hear_line() {
    std::size_t end = 0;
    while ((end = heard_.find('\n')) == std::string::npos && listen()) {
    }
    std::string line = heard_.substr(0, end);
    heard_.erase(0, end == std::string::npos ? end : end + 1);
    return line;
  }

  /// Waits for its end.
  death wait() {
    while (listen()) {
    }
    ::close(from_);
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    death how;
    if (WIFSIGNALED(status)) how.signal = WTERMSIG(status);
    if (WIFEXITED(status)) how.code = WEXITSTATUS(status);
    how.said = std::move(heard_);
    return how;
  }

  /// Whether it has ended; then only `wait` is left to be said.
  [[nodiscard]] bool ended() const {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_pid == pid_;
  }

 private:
  bool listen() {
    char room[512];
    const ssize_t got = ::read(from_, room, sizeof room);
    if (got > 0) heard_.append(room, static_cast<std::size_t>(got));
    return got > 0;
  }

  pid_t pid_ = 0;
  int from_ = -1;
  std::string heard_;
};

/// In a child: tells the parent.
inline void say(int to, const std::string& what) {
  [[maybe_unused]] const ssize_t sent = ::write(to, what.data(), what.size());
}

/// The body of a child: this program anew, with only the test of that name, which is one
/// that is skipped otherwise. For what the test framework's own handlers would hide.
inline auto run_only(const std::string& test) {
  return [chosen = "--test-case=" + test](int to) {
    ::dup2(to, STDOUT_FILENO);
    ::execl("/proc/self/exe", "kernel_tests", "--no-skip=true", chosen.c_str(), nullptr);
    ::_exit(127);
  };
}

}  // namespace motet::test

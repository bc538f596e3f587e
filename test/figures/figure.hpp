// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What programs that measure a figure have in common: a line that says it, and an end.

#include <motet/run.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

namespace motet::test {

/// Whether there is time: for what is run before a release, not before a merge.
inline bool asked_for_long(int argc, char** argv) {
  return argc > 1 && std::string_view(argv[1]) == "--long";
}

/// 1234567 as "1,234,567".
inline std::string with_commas(std::size_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3)
    text.insert(at - 3, 1, ',');
  return text;
}

class stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// The kernel's backends that work here.
inline std::vector<std::pair<backend_kind, const char*>> kernel_backends() {
  std::vector<std::pair<backend_kind, const char*>> working;
  for (const auto& each : {std::pair{backend_kind::uring, "uring"},
                           std::pair{backend_kind::libev, "libev"}}) {
    try {
      motet::run({.backend = each.first, .signals = signal_policy::none}, [] {});
      working.push_back(each);
    } catch (const std::exception&) {  // not built, or refused by the kernel
    }
  }
  return working;
}

/// Ends the program with a word if what it watches takes too long. One at a time.
class watchdog {
 public:
  watchdog(const std::string& what, unsigned seconds) {
    std::snprintf(text, sizeof text, "hung: %s\n", what.c_str());
    if (out < 0) out = ::dup(STDERR_FILENO);
    std::signal(SIGALRM, [](int) {
      [[maybe_unused]] const auto ignored = ::write(out, text, std::strlen(text));
      ::_exit(1);
    });
    ::alarm(seconds);
  }
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;
  ~watchdog() { ::alarm(0); }

 private:
  static inline char text[512];
  static inline int out = -1;  ///< Where it is heard even when others are silenced.
};

}  // namespace motet::test

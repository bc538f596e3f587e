// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the programs that read and write files share: options, places to read, figures.

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <sys/resource.h>

namespace bench {

constexpr std::size_t read_size = 4096;
constexpr std::size_t write_size = std::size_t{64} * 1024;

/// PROGRAM FILE --depth N --count N --size BYTES [--write] [--plain]
struct file_options {
  std::string path;
  unsigned depth = 1;       ///< Reads under way at a time.
  std::uint64_t count = 0;  ///< Reads, or writes.
  std::uint64_t size = 0;   ///< Of the file.
  bool write = false;
  bool plain = false;  ///< System calls that block, one at a time.
};

[[noreturn]] inline void die(const char* what, int error) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(error));
  std::exit(1);
}

inline file_options parse_file_options(int count, char** arguments) {
  file_options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = arguments[i];
    const auto number = [&] {
      if (++i == count) die("a number is missing", EINVAL);
      return std::strtoull(arguments[i], nullptr, 10);
    };
    if (name == "--depth") {
      options.depth = static_cast<unsigned>(number());
    } else if (name == "--count") {
      options.count = number();
    } else if (name == "--size") {
      options.size = number();
    } else if (name == "--write") {
      options.write = true;
    } else if (name == "--plain") {
      options.plain = true;
    } else {
      options.path = name;
    }
  }
  if (options.depth == 0 || options.size < read_size) die("depth or size", EINVAL);
  return options;
}

/// Where to read next: anywhere, the same places in each run.
class random_places {
 public:
  random_places(std::uint64_t seed, std::uint64_t size)
      : state_(seed * 0x9e37'79b9'7f4a'7c15U + 1), blocks_(size / read_size) {}
  [[nodiscard]] std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ % blocks_ * read_size;
  }

 private:
  std::uint64_t state_;
  std::uint64_t blocks_;
};

/// Counts from its making on, the kernel's threads for this process included.
class stopwatch {
 public:
  /// One line of JSON: nanoseconds per operation.
  void print(std::uint64_t operations) const {
    const auto per = [&](double nanoseconds) {
      return nanoseconds / static_cast<double>(operations);
    };
    const std::chrono::duration<double, std::nano> wall = clock::now() - start_;
    std::printf("{\"cpu_ns\": %.1f, \"wall_ns\": %.1f}\n", per(cpu_time() - cpu_),
                per(wall.count()));
  }

 private:
  using clock = std::chrono::steady_clock;

  static double cpu_time() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto nanoseconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_usec) * 1e3;
    };
    return nanoseconds(used.ru_utime) + nanoseconds(used.ru_stime);
  }

  clock::time_point start_ = clock::now();
  double cpu_ = cpu_time();
};

}  // namespace bench

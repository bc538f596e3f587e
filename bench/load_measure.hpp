// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the load generator measures with: clocks, the kernel's accounts of a process, and
/// a histogram of latencies.

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dirent.h>
#include <time.h>
#include <unistd.h>

namespace bench {

[[noreturn]] inline void die(const char* what, int error) {
  std::fprintf(stderr, "load: %s: %s\n", what, std::strerror(error));
  std::exit(1);
}

inline std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

inline std::int64_t seconds_to_ns(double seconds) {
  return static_cast<std::int64_t>(seconds * 1e9);
}

/// What the kernel's scheduler did for a process, in nanoseconds.
struct cpu_account {
  std::int64_t ran = 0;
  std::int64_t waited = 0;  ///< Ready to run, but another process had the core.
};

inline cpu_account operator-(const cpu_account& a, const cpu_account& b) {
  return {a.ran - b.ran, a.waited - b.waited};
}

/// Summed over the threads of `process`. The kernel brings a running thread's figures up
/// to date at its tick, so a window is off by two ticks at most.
inline cpu_account account_of(int process) {
  if (process == 0) return {};
  const std::string tasks = "/proc/" + std::to_string(process) + "/task/";
  DIR* directory = opendir(tasks.c_str());
  if (directory == nullptr) die("the server is gone", errno);
  cpu_account sum;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    FILE* file = std::fopen((tasks + entry->d_name + "/schedstat").c_str(), "r");
    if (file == nullptr) continue;  // that thread has just ended
    cpu_account one;
    if (std::fscanf(file, "%" SCNd64 " %" SCNd64, &one.ran, &one.waited) == 2) {
      sum.ran += one.ran;
      sum.waited += one.waited;
    }
    std::fclose(file);
  }
  closedir(directory);
  return sum;
}

/// Resident kilobytes of `process`.
inline long resident_kb(int process) {
  if (process == 0) return 0;
  FILE* file = std::fopen(("/proc/" + std::to_string(process) + "/status").c_str(), "r");
  if (file == nullptr) die("the server is gone", errno);
  std::array<char, 256> line{};
  long kb = 0;
  while (std::fgets(line.data(), line.size(), file) != nullptr) {
    if (std::sscanf(line.data(), "VmRSS: %ld", &kb) == 1) break;
  }
  std::fclose(file);
  return kb;
}

/// The measured time: what server and load had of the processors meanwhile, and how the
/// server has grown since before its first connection.
class window {
 public:
  explicit window(int server) : server_(server), grown_kb_(-resident_kb(server)) {}

  void open() {
    of_server_ = account_of(server_);
    of_load_ = account_of(getpid());
    length_ = -now_ns();
  }
  void close() {
    length_ += now_ns();
    of_server_ = account_of(server_) - of_server_;
    of_load_ = account_of(getpid()) - of_load_;
    grown_kb_ += resident_kb(server_);
  }

  [[nodiscard]] double seconds() const { return static_cast<double>(length_) / 1e9; }
  [[nodiscard]] const cpu_account& of_server() const { return of_server_; }
  [[nodiscard]] const cpu_account& of_load() const { return of_load_; }
  [[nodiscard]] long grown_kb() const { return grown_kb_; }
  [[nodiscard]] double share(std::int64_t ns) const {
    return static_cast<double>(ns) / static_cast<double>(length_);
  }

 private:
  int server_;
  long grown_kb_;
  std::int64_t length_ = 1;
  cpu_account of_server_;
  cpu_account of_load_;
};

/// Latencies in buckets whose width is 1/32 of their value or less.
class histogram {
 public:
  void add(std::int64_t value) {
    ++counts_[index_of(static_cast<std::uint64_t>(value))];
    ++total_;
    highest_ = std::max(highest_, value);
  }
  void clear() { *this = {}; }
  [[nodiscard]] std::int64_t highest() const { return highest_; }

  /// The lower edge of the bucket that holds the `part`-th value.
  [[nodiscard]] double quantile(double part) const {
    const double rank = part * static_cast<double>(total_);
    double seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += static_cast<double>(counts_[i]);
      if (seen > rank) return static_cast<double>(value_of(i));
    }
    return 0;
  }

 private:
  static constexpr unsigned fine_bits = 5;
  static constexpr std::uint64_t fine = 1U << fine_bits;

  static std::size_t index_of(std::uint64_t value) {
    if (value < fine) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - fine_bits - 1;
    return (shift + 1) * fine + ((value >> shift) - fine);
  }
  static std::uint64_t value_of(std::size_t index) {
    if (index < fine) return index;
    return (fine + index % fine) << (index / fine - 1);
  }

  std::array<std::uint64_t, 60 * fine> counts_{};
  std::uint64_t total_ = 0;
  std::int64_t highest_ = 0;
};

}  // namespace bench

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Short ways to read and write descriptors of any kind.

#include "test/contract/host.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <unistd.h>

namespace motet::contract {

/// A descriptor of the test's own, of which no backend is told.
class own_fd {
 public:
  explicit own_fd(int fd) : fd_(fd) { REQUIRE(fd >= 0); }
  own_fd(const own_fd&) = delete;
  own_fd& operator=(const own_fd&) = delete;
  ~own_fd() { close(); }
  operator int() const { return fd_; }  // NOLINT(google-explicit-constructor)
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

/// Runs `scenario` on each backend that has files.
inline void on_each_kernel(const std::function<void(host&)>& scenario) {
  on_each_backend([&](host& on) {
    if (!on->simulated()) scenario(on);
  });
}

/// A read and its buffer.
struct reading {
  std::array<char, 64> space{};
  operation op;
  explicit reading(int fd, std::size_t size = 64, std::int64_t offset = current_offset)
      : op{read_request{fd, std::as_writable_bytes(std::span(space).first(size)),
                        offset}} {}
  reading(const reading&) = delete;
  reading& operator=(const reading&) = delete;
  /// What came, or the error's number.
  [[nodiscard]] std::string text() const {
    if (op.result < 0) return std::to_string(op.result);
    return {space.data(), static_cast<std::size_t>(op.result)};
  }
};

inline std::string read(host& on, int fd, std::size_t size = 64,
                        std::int64_t offset = current_offset) {
  reading one(fd, size, offset);
  on->submit(one.op);
  on.collect({&one.op});
  return one.text();
}

inline std::int32_t write(host& on, int fd, std::string_view text,
                          std::int64_t offset = current_offset) {
  return on.perform(write_request{fd, bytes_of(text), offset});
}

}  // namespace motet::contract

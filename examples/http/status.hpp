// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Status codes, and requests that end with one.

#include <stdexcept>
#include <string_view>

namespace http {

/// "Not Found"
std::string_view reason_of(int status) noexcept;

/// A request that cannot be served. Thrown by handlers, too; the peer gets to see it.
class refusal : public std::runtime_error {
 public:
  refusal(int status, const char* why) : std::runtime_error(why), status_(status) {}
  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  int status_;
};

}  // namespace http

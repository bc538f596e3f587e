// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A descriptor of whatever kind, which its owner closes.

#include <motet/detail/descriptor.hpp>

namespace motet {

/// Moves, does not copy, and closes when it goes. Same thread only.
class owned_descriptor {
 public:
  /// None.
  owned_descriptor() = default;
  explicit owned_descriptor(int fd) noexcept : fd_(fd) {}

  /// The descriptor, still owned by this. Never parks.
  [[nodiscard]] int native_handle() const noexcept { return fd_.fd(); }
  /// Gives it away, open: to a `stream` or `listener`, or to whom it may concern.
  [[nodiscard]] int release() noexcept { return fd_.release(); }
  void close() noexcept { fd_.close(); }
  explicit operator bool() const noexcept { return fd_.fd() >= 0; }

 private:
  detail::descriptor fd_;
};

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// An operation that the kernel repeats without being asked: connections, or bytes in
/// buffers that the backend lends, come as they come.

#include "backend/operation.hpp"

#include <motet/detail/sure_allocator.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace motet {

/// One of them. `result` is as of the request that took it.
struct arrival {
  std::int32_t result = 0;
  std::byte* lent = nullptr;  ///< Bytes, to be given back.
};

/// What has come to a descriptor and was not taken, and who waits for more.
///
/// To be taken from by `next_request`, one at a time, and without a request while
/// `arrived` has something. Nothing is lost between two of them, or when one is
/// cancelled: what comes then waits here. It is not moved or destroyed before an
/// `end_request` is back, unless there was no other request.
struct multishot {
  /// As long as the buffers are.
  static constexpr std::size_t lent_size = 4096;

  multishot(multishot_kind what_comes, int fd) noexcept
      : kind(what_comes), carrier{next_request{fd, what_comes, this}} {}
  multishot(const multishot&) = delete;
  multishot& operator=(const multishot&) = delete;
  ~multishot() = default;

  const multishot_kind kind;
  detail::sure_vector<arrival> arrived;  ///< Oldest first; seldom more than one.
  std::byte* lent = nullptr;             ///< The bytes of the last `next_request`.
  operation* awaiting = nullptr;         ///< For backends that know how: who waits.

  /// For them as well. What the kernel works for, as long as it is `armed`:
  /// cancelling it ends that, and the next request begins anew.
  operation carrier;
  bool armed = false;
  bool withdrawn = false;  ///< Who waits was asked to end.
  bool ending = false;     ///< Who waits does so for the end of it.
};

/// Bytes in a block of their own, that is lent.
[[nodiscard]] inline std::byte* kept_copy(std::span<const std::byte> bytes) noexcept {
  auto* const block = static_cast<std::byte*>(detail::allocate_surely(bytes.size()));
  std::ranges::copy(bytes, block);
  return block;
}

}  // namespace motet

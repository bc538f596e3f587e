// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Who waits for what on which descriptor.

#include "backend/posix/operation_list.hpp"

#include <ev.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace motet {

/// Reading or writing. Its watcher stays started when all that waited have been served:
/// most likely somebody will wait again. It is stopped when it keeps firing for nobody.
struct direction {
  ev_io watcher{};  ///< First: an address of the watcher is one of the direction.
  direction* next_ready = nullptr;
  operation_list waiting;  ///< Oldest first.
  /// The last attempt left nothing, and no event has come since.
  bool exhausted = false;
  std::uint8_t fired_for_nobody = 0;  ///< Times since somebody waited.
  bool lost = false;                  ///< libev could not watch the descriptor.
  bool ready = false;                 ///< Has fired, and is in a list.
};

/// A descriptor that somebody waits for, or has waited for. Aligned so that a cache line
/// has what each receive needs.
struct alignas(64) interest {
  direction incoming;
  bool kept_open = false;  ///< Its number is ours: whoever opened it has closed it.
  direction outgoing;
  operation_list
      polls;  ///< These share what they wait for; no one takes it from another.

  [[nodiscard]] bool waited_for() const noexcept {
    return !incoming.waiting.empty() || !outgoing.waiting.empty() || !polls.empty();
  }
};

/// Interests by number. They never move.
class interest_table {
 public:
  [[nodiscard]] interest* find(int fd) const noexcept {
    const auto index = static_cast<std::size_t>(fd);
    return index < all_.size() ? all_[index].get() : nullptr;
  }

  /// Finds or makes it. May throw `std::bad_alloc`.
  interest& at(int fd) {
    const auto index = static_cast<std::size_t>(fd);
    if (index >= all_.size()) all_.resize(index + 1);
    if (!all_[index]) all_[index] = std::make_unique<interest>();
    return *all_[index];
  }

  [[nodiscard]] auto begin() const noexcept { return all_.begin(); }
  [[nodiscard]] auto end() const noexcept { return all_.end(); }

 private:
  std::vector<std::unique_ptr<interest>> all_;
};

}  // namespace motet

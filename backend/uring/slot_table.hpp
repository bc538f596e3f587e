// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Where the operations are that the kernel has.
///
/// The kernel is given a number instead of an address: the slot of the operation and how
/// often the slot has been used. A completion or a cancel that comes too late carries an
/// old number, and can neither reach into a stack that is gone nor hit a successor.

#include "backend/operation.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace motet {

/// What a completion belongs to; travels through the kernel as 64 bits.
struct ticket {
  enum class kind : std::uint8_t { operation = 1, cancel = 2, wake = 3, release = 4 };

  kind what;
  std::uint32_t slot = 0;  ///< Below 2^24.
  std::uint32_t generation = 0;

  [[nodiscard]] std::uint64_t to_user_data() const noexcept {
    return std::uint64_t{static_cast<std::uint8_t>(what)} << 56 |
           std::uint64_t{generation} << 24 | slot;
  }
  [[nodiscard]] static ticket from_user_data(std::uint64_t data) noexcept {
    return {static_cast<kind>(data >> 56), static_cast<std::uint32_t>(data & 0xff'ffff),
            static_cast<std::uint32_t>(data >> 24)};
  }
};

/// Same thread only. Invariant: a slot with an operation is in use, one without is free.
class slot_table {
 public:
  struct slot {
    operation* op = nullptr;
    std::uint32_t generation = 0;
    std::uint8_t tries = 0;  ///< Of cancels, or else of the operation itself.
    bool cancelled : 1 = false;
    bool awaits_readiness : 1 = false;  ///< The kernel has a poll for the operation.
    bool partial : 1 = false;           ///< Complete only when all bytes have moved.
    bool avoided : 1 = false;           ///< Done by system calls, when it is ready.
    bool helped : 1 = false;            ///< A thread has it.
    bool keeps_open : 1 = false;        ///< Its descriptor is its own by now.
    bool repeats : 1 = false;           ///< Of a multishot: brings more than one result.
    /// Completions to come of an operation that is followed by another entry, which tells
    /// that the kernel has let go of the file. The result waits in `op->result`.
    std::uint8_t halves : 2 = 0;
  };

  /// Has a slot for one more. @throws std::bad_alloc; then nothing has changed.
  void make_room() {
    if (free_.empty()) grow();
  }
  /// Puts `op` into a slot and notes it in `op.slot`.
  slot& take(operation& op);

  /// Makes the slot free. Its number is never again what it was.
  void release(std::uint32_t index) noexcept {
    slots_[index].op = nullptr;
    ++slots_[index].generation;
    free_.push_back(index);
  }

  [[nodiscard]] slot& operator[](std::uint32_t index) noexcept { return slots_[index]; }

  /// All of them, free ones as well.
  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(slots_.size());
  }

  /// The slot that was meant, or null if it has passed on since.
  [[nodiscard]] slot* find(std::uint32_t index, std::uint32_t generation) noexcept {
    slot& found = slots_[index];
    return found.op != nullptr && found.generation == generation ? &found : nullptr;
  }

  [[nodiscard]] std::size_t in_use() const noexcept {
    return slots_.size() - free_.size();
  }

 private:
  void grow();

  std::vector<slot> slots_;
  std::vector<std::uint32_t> free_;  ///< Has room for all of them. Last in, first out.
};

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Where fibers stand in line: the head only, so that public classes can hold one.

namespace motet::detail {

struct queue_waiter;  // lib/core/waiter.hpp: a place in the line

/// A FIFO of waiters. A cancelled one leaves from wherever it stands.
struct wait_queue {
  queue_waiter* first = nullptr;
  queue_waiter* last = nullptr;

  [[nodiscard]] bool empty() const noexcept { return first == nullptr; }
  void push(queue_waiter& w) noexcept;
  void remove(queue_waiter& w) noexcept;
};

}  // namespace motet::detail

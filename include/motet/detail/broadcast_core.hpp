// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What broadcasts of all types have in common: a list of values, and how far each
/// subscriber is in it.

#include <motet/call_site.hpp>
#include <motet/detail/gate.hpp>
#include <motet/semaphore.hpp>

#include <cstddef>

namespace motet::detail {

/// The head of a value; it lies in the list until all have had it.
struct broadcast_node {
  broadcast_node* next = nullptr;
  std::size_t left = 0;  ///< For how many it still is.
  void (*destroy)(broadcast_node*) noexcept = nullptr;
};

struct broadcast_subscriber {
  broadcast_subscriber* previous = nullptr;
  broadcast_subscriber* next = nullptr;
  broadcast_node* cursor = nullptr;  ///< Its next value; null if it has had all.
  semaphore values{0};               ///< A permit for each, and one for the end.
};

/// Waiting is left to semaphores: one counts the room in the list, and each subscriber
/// has one that counts its values. Any thread; what may park, in fibers only.
class broadcast_core {
 public:
  explicit broadcast_core(std::size_t capacity) noexcept;
  broadcast_core(const broadcast_core&) = delete;
  broadcast_core& operator=(const broadcast_core&) = delete;
  ~broadcast_core();

  /// Parks until there is room, which is the caller's to `append` to or to `give_back`.
  /// @throws closed_error.
  void reserve(call_site where);
  /// @returns whether there was room, and it was not closed.
  [[nodiscard]] bool try_reserve() noexcept;
  void give_back() noexcept;
  void append(broadcast_node& node) noexcept;
  void close() noexcept;
  [[nodiscard]] bool closed() const noexcept;

  void add(broadcast_subscriber& who) noexcept;
  void remove(broadcast_subscriber& who) noexcept;
  /// Parks until there is a value. @returns null if it is closed and there is none.
  [[nodiscard]] broadcast_node* take(broadcast_subscriber& who, call_site where);
  /// @returns null if there is none now.
  [[nodiscard]] broadcast_node* try_take(broadcast_subscriber& who) noexcept;
  /// It was copied.
  void done_with(broadcast_node& node) noexcept;
  /// It could not be.
  void put_back(broadcast_subscriber& who, broadcast_node& node) noexcept;

 private:
  broadcast_node* taken_by(broadcast_subscriber& who) noexcept;
  bool enter() noexcept;
  void end_if_over() noexcept;
  broadcast_node* cut_off_done() noexcept;
  void destroy(broadcast_node* list) noexcept;

  mutable gate gate_;
  const bool bounded_;
  semaphore room_;
  broadcast_node* first_ = nullptr;
  broadcast_node* last_ = nullptr;
  broadcast_subscriber* subscribers_ = nullptr;
  std::size_t count_ = 0;    ///< Of subscribers.
  std::size_t sending_ = 0;  ///< Values that were let in and are not in the list yet.
  bool closed_ = false;
};

}  // namespace motet::detail

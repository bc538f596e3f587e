// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The part of a channel that does not depend on what its values are.

#include <motet/call_site.hpp>
#include <motet/detail/gate.hpp>
#include <motet/detail/value_queue.hpp>
#include <motet/detail/wait_queue.hpp>

#include <cstddef>

namespace motet::detail {

/// Values are named by where they are, or by the room they are to be moved to.
struct channel_core {
  constexpr channel_core(const value_kind& kind, std::size_t most) noexcept
      : values(kind, most), capacity(most) {}
  channel_core(const channel_core&) = delete;
  channel_core& operator=(const channel_core&) = delete;
  ~channel_core();

  /// @returns false if it is closed.
  [[nodiscard]] bool send(void* value, call_site where);
  [[nodiscard]] bool try_send(void* value);
  /// @returns false if there is none and will be none.
  [[nodiscard]] bool receive(void* room, call_site where);
  [[nodiscard]] bool try_receive(void* room);
  void close() noexcept;
  [[nodiscard]] bool is_closed() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;

  mutable gate guard;  ///< Of all that follows.
  bool closed = false;
  wait_queue senders;    ///< Only while there is no room.
  wait_queue receivers;  ///< Only while there are no values.
  value_queue values;
  const std::size_t capacity;
};

[[noreturn]] void refuse_send();
[[noreturn]] void refuse_receive();

}  // namespace motet::detail

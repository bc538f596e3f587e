// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Who is told of which signal, in the whole process.

#include <atomic>
#include <cstdint>

namespace motet::detail {

/// A set of signals: bit n - 1 is signal n.
using signal_set = std::uint64_t;
inline constexpr int last_signal = 64;

[[nodiscard]] constexpr signal_set only(int number) noexcept {
  return signal_set{1} << static_cast<unsigned>(number - 1);
}

/// What to do with a signal that the process ignores so far.
enum class when_ignored : std::uint8_t { leave, take };

/// Hears of signals, in their handler. To be removed before it goes.
struct signal_listener {
  std::atomic<signal_set> wanted{0};
  /// Only told of what nobody else wants.
  bool last_resort = false;
  /// Async-signal-safe. Several threads at a time.
  void (*heard)(signal_listener&, int number) noexcept = nullptr;

  std::atomic<signal_listener*> next{nullptr};  ///< The table's own.
};

/// Handles what the listener wants, instead of whoever did before. What is left ignored
/// it wants no more. Any thread.
/// @throws std::system_error for a signal that cannot be handled; nothing has changed.
void listen_for_signals(signal_listener& listener, when_ignored policy);

/// The listener hears no more, not even of what is being told on another thread. What
/// nobody wants any more means again what it meant before. Any thread.
void stop_listening(signal_listener& listener) noexcept;

}  // namespace motet::detail

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a subscriber is to be told, by whoever has something to tell.

#include <motet/event.hpp>
#include <motet/fiber_ref.hpp>
#include <motet/stream.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace key_value {

/// Bytes that a fiber of its own writes, so that nobody waits for a slow reader: one that
/// is too far behind is stopped.
class outbox {
 public:
  /// @param owner the fiber that serves the reader.
  outbox(motet::fiber_ref owner, std::size_t most)
      : owner_(std::move(owner)), most_(most) {}

  void put(std::string_view bytes);
  /// Nothing more will come: `write_to` ends when all is written.
  void close() noexcept;

  /// Writes what is put in, until it is closed. Cancellation point.
  void write_to(motet::stream& reader, motet::duration patience);

 private:
  const motet::fiber_ref owner_;
  const std::size_t most_;
  std::string waiting_;
  bool closed_ = false;
  motet::event changed_;
};

}  // namespace key_value

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a file is, as the system tells it.

#include <motet/time.hpp>

#include <cstdint>

namespace motet {

/// What stands behind a name.
enum class file_kind : std::uint8_t {
  unknown,  ///< The file system does not say: ask `file::stat`.
  regular,
  directory,
  symbolic_link,
  fifo,
  socket,
  character_device,
  block_device,
};

/// When something happened to a file, in nanoseconds.
using file_time =
    std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/// What is known of a file. A value.
struct file_stat {
  file_kind kind = file_kind::unknown;
  std::uint64_t size = 0;       ///< In bytes.
  unsigned permissions = 0;     ///< Who may do what: 0644, and the bits 07000.
  file_time modified{};         ///< When its bytes were last changed.
  file_time accessed{};         ///< When it was last read, if the system takes note.
  file_time changed{};          ///< When its bytes or what is known of it were.
  file_time created{};          ///< Where the file system knows; else 1970.
  std::uint64_t links = 0;      ///< How many names it has.
  std::uint64_t allocated = 0;  ///< Bytes that it takes on the disk.
  std::uint32_t user = 0;       ///< Who owns it.
  std::uint32_t group = 0;      ///< Whose group.
  std::uint64_t device = 0;     ///< With `inode`, what it is, whatever its names.
  std::uint64_t inode = 0;

  friend bool operator==(const file_stat&, const file_stat&) = default;
};

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The file of a Unix socket that was bound, which goes with it.

#include <cstdint>
#include <string>

namespace motet::detail {

/// Removes its file when it goes, unless another one has taken the place. Same thread
/// only.
class socket_file {
 public:
  /// None.
  socket_file() = default;
  /// @throws std::system_error if there is no such file. Never parks.
  explicit socket_file(std::string path);
  socket_file(socket_file&& other) noexcept;
  socket_file& operator=(socket_file&& other) noexcept;
  socket_file(const socket_file&) = delete;
  socket_file& operator=(const socket_file&) = delete;
  ~socket_file() { remove(); }

  /// Twice does no harm. Never parks.
  void remove() noexcept {
    if (!path_.empty()) remove_file();
  }

 private:
  void remove_file() noexcept;

  std::string path_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

}  // namespace motet::detail

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Directories: making, removing and listing them.

#include <motet/call_site.hpp>
#include <motet/detail/descriptor.hpp>
#include <motet/detail/owner.hpp>
#include <motet/detail/pull_range.hpp>
#include <motet/file_stat.hpp>

#include <cstddef>
#include <string>

namespace motet {

/// A name in a directory.
struct directory_entry {
  std::string name;  ///< Without the directory's.
  file_kind kind = file_kind::unknown;

  friend bool operator==(const directory_entry&, const directory_entry&) = default;
};

namespace detail {
/// Entries as they come, fetched many at a time.
class entry_source {
 public:
  entry_source(const std::string& path, call_site where);
  bool next();
  [[nodiscard]] const directory_entry& value() const noexcept { return entry_; }

 private:
  bool take_entry();

  descriptor directory_;
  std::string path_;
  call_site where_;
  byte_room fetched_;
  std::size_t size_ = 0;
  std::size_t at_ = 0;
  directory_entry entry_;
};
}  // namespace detail

using directory_range = detail::pull_range<detail::entry_source>;

/// Directories by their paths. Failures are std::system_error that names the path.
class directory {
 public:
  directory() = delete;

  /// What is in a directory, but for "." and "..", in no order: `directory_entry` one by
  /// one. To be walked once. What comes or goes meanwhile may be in it or not. A walk
  /// that is cancelled has lost nothing. Cancellation point, as is each step.
  [[nodiscard]] static directory_range list(const std::string& path,
                                            call_site where = call_site::here()) {
    return directory_range(path, where);
  }
  /// Makes a directory. @param permissions less the process's umask. Cancellation point.
  static void make(const std::string& path, unsigned permissions = 0777,
                   call_site where = call_site::here());
  /// Removes an empty directory. Cancellation point.
  static void remove(const std::string& path, call_site where = call_site::here());
};

}  // namespace motet

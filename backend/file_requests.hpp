// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What can be asked of the kernel about files: the part of `operation.hpp` that waits
/// for disks.
///
/// Paths, like buffers, stay alive and untouched until the operation is back. A relative
/// path starts from the directory `fd`.

#include <cstddef>
#include <cstdint>
#include <span>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

namespace motet {

/// Where a file stands, which reading and writing moves on.
constexpr std::int64_t current_offset = -1;

/// For relative paths: the process's working directory.
constexpr int working_directory = AT_FDCWD;

/// Reads from anything that read(2) reads from: files, pipes, terminals. Result: how many
/// bytes, which may be fewer than asked for; 0 at the end. From `offset` on if that is
/// not `current_offset`, which is the only one for what has no positions.
struct read_request {
  int fd;
  std::span<std::byte> into;
  std::int64_t offset = current_offset;
  bool of_fifo = false;  ///< It was opened by name.
};

/// Writes to anything that write(2) writes to; never raises SIGPIPE. Result: how many
/// bytes, which may be fewer than asked for. `offset` as in `read_request`.
struct write_request {
  int fd;
  std::span<const std::byte> from;
  std::int64_t offset = current_offset;
};

/// As `read_request`, into several buffers in turn: at most 1024 (IOV_MAX).
struct read_pieces_request {
  int fd;
  std::span<const iovec> into;
  std::int64_t offset = current_offset;
  bool of_fifo = false;
};

/// As `write_request`, from several buffers in turn: at most 1024.
struct write_pieces_request {
  int fd;
  std::span<const iovec> from;
  std::int64_t offset = current_offset;
};

/// Opens a file. Result: its descriptor, close-on-exec and, for what knows the
/// difference, non-blocking. So a FIFO is not waited for: there is -ENXIO if it is to be
/// written and nobody reads.
struct open_request {
  int fd;
  const char* path;
  int flags;
  unsigned mode = 0;  ///< Of a file that is made.
};

/// Tells what a file is; the one that `fd` is if the path is empty and the flags have
/// AT_EMPTY_PATH. Result: 0.
struct stat_request {
  int fd;
  const char* path;
  int flags;
  struct statx* into;
};

/// Waits until all that was written is on the disk. Result: 0.
struct sync_request {
  int fd;
  bool data_only;  ///< Without what is only of interest to stat(2).
};

/// Makes a file longer or shorter. Result: 0.
struct truncate_request {
  int fd;
  std::int64_t size;
};

/// Renames; what has had the new name loses it. Result: 0.
struct rename_request {
  int fd;  ///< For both paths.
  const char* from;
  const char* to;
};

/// Removes a name, or an empty directory. Result: 0.
struct remove_request {
  int fd;
  const char* path;
  bool is_directory;
};

/// Result: 0.
struct make_directory_request {
  int fd;
  const char* path;
  unsigned mode;
};

/// Reads entries of a directory, as getdents64(2) has them. Result: how many bytes; 0 at
/// the end.
struct list_request {
  int fd;
  std::span<std::byte> into;
};

}  // namespace motet

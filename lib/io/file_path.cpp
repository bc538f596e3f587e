// SPDX-License-Identifier: MIT
// What is asked about a file as a whole.
#include "lib/io/fifo.hpp"
#include "lib/io/file_request.hpp"

#include <motet/file.hpp>

#include <cerrno>
#include <chrono>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace motet {

namespace detail {

void throw_file_failure(std::int32_t result, std::string_view doing,
                        const std::string& path) {
  throw_failure(result, std::string(doing).append(" ").append(path));
}

std::int32_t perform_or_throw(const request& asked, const char* what, call_site where,
                              std::string_view doing, const std::string& path) {
  const std::int32_t result = perform_alone(asked, what, where);
  if (result < 0) throw_file_failure(result, doing, path);
  return result;
}

file_kind kind_of_mode(unsigned mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return file_kind::regular;
    case S_IFDIR:
      return file_kind::directory;
    case S_IFLNK:
      return file_kind::symbolic_link;
    case S_IFIFO:
      return file_kind::fifo;
    case S_IFSOCK:
      return file_kind::socket;
    case S_IFCHR:
      return file_kind::character_device;
    case S_IFBLK:
      return file_kind::block_device;
    default:
      return file_kind::unknown;
  }
}

}  // namespace detail

namespace {

using detail::perform_or_throw;

std::error_code to_code(std::int32_t result) noexcept {
  return result < 0 ? std::error_code(-result, std::system_category())
                    : std::error_code();
}

file_time time_of(const statx_timestamp& when) noexcept {
  return file_time(std::chrono::seconds(when.tv_sec) +
                   std::chrono::nanoseconds(when.tv_nsec));
}

file_stat value_of(const struct statx& about) noexcept {
  return {
      .kind = detail::kind_of_mode(about.stx_mode),
      .size = about.stx_size,
      .permissions = about.stx_mode & 07777U,
      .modified = time_of(about.stx_mtime),
      .accessed = time_of(about.stx_atime),
      .changed = time_of(about.stx_ctime),
      .created = time_of(about.stx_btime),
      .links = about.stx_nlink,
      .allocated = about.stx_blocks * 512,
      .user = about.stx_uid,
      .group = about.stx_gid,
      .device = makedev(about.stx_dev_major, about.stx_dev_minor),
      .inode = about.stx_ino,
  };
}

std::int32_t ask_stat(int fd, const char* path, int flags, file_stat& into,
                      call_site where) {
  struct statx about {};
  const std::int32_t result = detail::perform_alone(stat_request{fd, path, flags, &about},
                                                    "what is known of a file", where);
  if (result >= 0) into = value_of(about);
  return result;
}

int flags_of(const open_options& options) noexcept {
  const bool writes = options.write || options.append;
  int flags = O_RDONLY;
  if (writes) flags = options.read ? O_RDWR : O_WRONLY;
  if (options.append) flags |= O_APPEND;
  if (options.create) flags |= O_CREAT;
  if (options.exclusive) flags |= O_EXCL;
  if (options.truncate) flags |= O_TRUNC;
  return flags;
}

std::int32_t sync(const file& f, bool data_only, call_site where) {
  return perform_or_throw(sync_request{f.native_handle(), data_only},
                          "a file to be on the disk", where, "sync", f.name());
}

}  // namespace

file file::open(const std::string& path, const open_options& options, std::error_code& ec,
                call_site where) {
  file opened(-1, path);
  const std::int32_t result = detail::open_waiting(
      path, flags_of(options), options.permissions, opened.owned(), where);
  ec = to_code(result);
  return opened;
}

file file::open(const std::string& path, const open_options& options, call_site where) {
  return open(path, flags_of(options), options.permissions, where);
}

file file::open(const std::string& path, int flags, unsigned mode, call_site where) {
  file opened(-1, path);
  const std::int32_t result =
      detail::open_waiting(path, flags, mode, opened.owned(), where);
  if (result < 0) detail::throw_file_failure(result, "open", path);
  return opened;
}

void file::fsync(call_site where) {
  sync(*this, false, where);
}

void file::fdatasync(call_site where) {
  sync(*this, true, where);
}

void file::truncate(std::uint64_t size, call_site where) {
  perform_or_throw(truncate_request{native_handle(), static_cast<std::int64_t>(size)},
                   "a file to be truncated", where, "truncate", name_);
}

file_stat file::stat(call_site where) {
  file_stat told;
  const std::int32_t result = ask_stat(native_handle(), "", AT_EMPTY_PATH, told, where);
  if (result < 0) detail::throw_file_failure(result, "stat", name_);
  return told;
}

file_stat file::stat(const std::string& path, std::error_code& ec, call_site where) {
  file_stat told;
  ec = to_code(ask_stat(working_directory, path.c_str(), 0, told, where));
  return told;
}

file_stat file::stat(const std::string& path, call_site where) {
  file_stat told;
  const std::int32_t result = ask_stat(working_directory, path.c_str(), 0, told, where);
  if (result < 0) detail::throw_file_failure(result, "stat", path);
  return told;
}

file_stat file::lstat(const std::string& path, call_site where) {
  file_stat told;
  const std::int32_t result =
      ask_stat(working_directory, path.c_str(), AT_SYMLINK_NOFOLLOW, told, where);
  if (result < 0) detail::throw_file_failure(result, "lstat", path);
  return told;
}

void file::rename(const std::string& from, const std::string& to, call_site where) {
  const rename_request asked{working_directory, from.c_str(), to.c_str()};
  const std::int32_t result = detail::perform_alone(asked, "a file to be renamed", where);
  if (result < 0) detail::throw_failure(result, "rename " + from + " to " + to);
}

void file::unlink(const std::string& path, call_site where) {
  perform_or_throw(remove_request{working_directory, path.c_str(), false},
                   "a file to be removed", where, "unlink", path);
}

}  // namespace motet

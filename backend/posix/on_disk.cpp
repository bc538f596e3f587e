// SPDX-License-Identifier: MIT
#include "backend/posix/on_disk.hpp"

#include "backend/posix/requests.hpp"
#include "backend/posix/result_of.hpp"

#include <algorithm>
#include <cstdio>

#include <dirent.h>
#include <unistd.h>

namespace motet {
namespace {

template <class Call>
std::int32_t short_result_of(Call make) noexcept {
  return static_cast<std::int32_t>(result_of(make));
}

}  // namespace

int flags_of(const open_request& ask) noexcept {
  // Whoever opens a FIFO otherwise waits in there, where nobody can end the wait.
  return ask.flags | O_CLOEXEC | O_NONBLOCK;
}

std::int32_t do_on_disk(const open_request& ask) noexcept {
  return short_result_of([&] {
    return ::openat(ask.fd, ask.path, flags_of(ask), static_cast<mode_t>(ask.mode));
  });
}

std::int32_t do_on_disk(const stat_request& ask) noexcept {
  return short_result_of([&] {
    return ::statx(ask.fd, ask.path, ask.flags, STATX_BASIC_STATS | STATX_BTIME,
                   ask.into);
  });
}

std::int32_t do_on_disk(const sync_request& ask) noexcept {
  return short_result_of(
      [&] { return ask.data_only ? ::fdatasync(ask.fd) : ::fsync(ask.fd); });
}

std::int32_t do_on_disk(const truncate_request& ask) noexcept {
  return short_result_of([&] { return ::ftruncate(ask.fd, ask.size); });
}

std::int32_t do_on_disk(const rename_request& ask) noexcept {
  return short_result_of([&] { return ::renameat(ask.fd, ask.from, ask.fd, ask.to); });
}

std::int32_t do_on_disk(const remove_request& ask) noexcept {
  const int flags = ask.is_directory ? AT_REMOVEDIR : 0;
  return short_result_of([&] { return ::unlinkat(ask.fd, ask.path, flags); });
}

std::int32_t do_on_disk(const make_directory_request& ask) noexcept {
  return short_result_of(
      [&] { return ::mkdirat(ask.fd, ask.path, static_cast<mode_t>(ask.mode)); });
}

std::int32_t do_on_disk(const list_request& ask) noexcept {
  const std::size_t size = std::min(ask.into.size(), most_bytes);
  return short_result_of([&] { return ::getdents64(ask.fd, ask.into.data(), size); });
}

}  // namespace motet

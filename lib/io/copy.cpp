// SPDX-License-Identifier: MIT
#include "lib/io/cut_short.hpp"

#include <motet/copy.hpp>
#include <motet/scope.hpp>
#include <motet/shield.hpp>
#include <motet/spin.hpp>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>

namespace motet::detail {

namespace {

constexpr std::size_t buffer_size = std::size_t{64} * 1024;

/// Writes all of it. `done` and the progress count, whatever is thrown.
void write_counted(std::span<const std::byte> data, byte_sink to, std::size_t& done,
                   const copy_progress& progress, call_site where) {
  try {
    to.write(data, done, where);
  } catch (...) {
    progress.add(done);
    throw;
  }
  progress.add(done);
}

/// The same, and goes on for a while if something comes in between.
void deliver(std::span<const std::byte> data, byte_sink to, const copy_progress& progress,
             call_site where) {
  std::size_t done = 0;
  try {
    write_counted(data, to, done, progress, where);
  } catch (...) {
    if (!to.tells_progress() || is_of_the_sink()) throw;
    const std::span<const std::byte> rest = data.subspan(done);
    const auto write_rest = [&](std::size_t& more) {
      write_counted(rest, to, more, progress, where);
    };
    finish_in_time(rest.size(), write_rest, progress.options.grace, where);
    throw;
  }
}

}  // namespace

void finish_in_time(std::size_t size, function_ref<void(std::size_t&)> write_rest,
                    duration grace, call_site where) {
  std::size_t done = 0;
  // As of a peer that takes nothing any more.
  std::error_code why(ETIMEDOUT, std::system_category());
  try {
    if (shield(
            grace, [&] { write_rest(done); }, where))
      return;
  } catch (const std::system_error& e) {
    why = e.code();
  }
  throw std::system_error(why, "copy was cut short: " + std::to_string(size - done) +
                                   " bytes that it had read were not written");
}

bool copy_bytes(byte_source from, byte_sink to, std::size_t enough,
                const copy_progress& progress, call_site where) {
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(buffer_size);
  for (std::size_t all = 0; all < enough;) {
    const std::size_t got = from.read({buffer.get(), buffer_size}, where);
    if (got == 0) return true;
    deliver({buffer.get(), got}, to, progress, where);
    all += got;
  }
  return false;
}

void copy_reader(buffered_reader& from, byte_sink to, const copy_progress& progress,
                 call_site where) {
  for (;;) {
    const std::span<const std::byte> data = from.peek(1, where);
    if (data.empty()) return;
    std::size_t done = 0;
    try {
      write_counted(data, to, done, progress, where);
    } catch (...) {
      from.consume(done);
      throw;
    }
    from.consume(done);
  }
}

void run_both(function_ref<void()> there, function_ref<void()> back, call_site where) {
  with_scope([&](scope& s) {
    bind_to_home(s.spin({.name = "copy back", .where = where}, [&] { back(); }));
    there();
  });
}

}  // namespace motet::detail

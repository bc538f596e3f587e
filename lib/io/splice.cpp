// SPDX-License-Identifier: MIT
#include "lib/io/cut_short.hpp"
#include "lib/io/perform.hpp"

#include <motet/copy.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <poll.h>

namespace motet {

namespace {

using detail::ask_kernel;
using detail::descriptor;
using detail::perform;

/// After so much, a copy goes through a pipe: that takes two descriptors and saves half
/// of the processor's time.
constexpr std::size_t large = std::size_t{1} << 20U;
constexpr int pipe_size = 1 << 20;

/// @returns how many bytes, or -errno.
std::int32_t move_bytes(descriptor& from, descriptor& to, std::size_t size, bool stays,
                        call_site where) {
  const std::size_t most = std::numeric_limits<std::int32_t>::max();
  for (;;) {
    const splice_request asked{from.fd(), to.fd(), std::min(size, most), stays};
    const std::int32_t moved = perform(asked, "bytes to be moved", to.outgoing(), where);
    if (moved != -EAGAIN) return moved;
    perform(poll_request{from.fd(), POLLIN}, "bytes to move", from.incoming(), where);
    perform(poll_request{to.fd(), POLLOUT}, "room for bytes to move", to.outgoing(),
            where);
  }
}

std::size_t move_or_throw(descriptor& from, descriptor& to, std::size_t size, bool stays,
                          call_site where) {
  const std::int32_t moved = move_bytes(from, to, size, stays, where);
  if (moved < 0) {
    detail::throw_failure(moved, std::string(stays ? "tee" : "splice") +
                                     " from descriptor " + std::to_string(from.fd()) +
                                     " to " + std::to_string(to.fd()));
  }
  return static_cast<std::size_t>(moved);
}

struct inner_pipe {
  descriptor out;
  descriptor in;
};

/// Nothing if there are no descriptors left.
std::optional<inner_pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (ask_kernel(open_pipe_call{&ends, pipe_size}) < 0) return std::nullopt;
  return inner_pipe{descriptor(ends[0]), descriptor(ends[1])};
}

/// Moves `size` bytes, which are in the pipe, and goes on for a while if something comes
/// in between.
void deliver(descriptor& pipe, descriptor& to, std::size_t size,
             const detail::copy_progress& progress, call_site where) {
  const auto drain = [&](std::size_t all, std::size_t& done) {
    while (done < all) {
      const std::size_t moved = move_or_throw(pipe, to, all - done, false, where);
      done += moved;
      progress.add(moved);
    }
  };
  std::size_t done = 0;
  try {
    drain(size, done);
  } catch (...) {
    if (detail::is_of_the_sink()) throw;
    const std::size_t rest = size - done;
    const auto drain_rest = [&](std::size_t& more) { drain(rest, more); };
    detail::finish_in_time(rest, drain_rest, progress.options.grace, where);
    throw;
  }
}

/// @returns whether the end was reached; false if these cannot be spliced.
bool copy_through_pipe(descriptor& from, descriptor& to,
                       const detail::copy_progress& progress, call_site where) {
  std::optional<inner_pipe> pipe = open_pipe();
  if (!pipe) return false;
  for (;;) {
    const std::int32_t moved = move_bytes(from, pipe->in, pipe_size, false, where);
    if (moved == 0) return true;
    if (moved == -EINVAL) return false;
    if (moved < 0) detail::throw_failure(moved, "copy: read");
    deliver(pipe->out, to, static_cast<std::size_t>(moved), progress, where);
  }
}

}  // namespace

/// In a buffer first: most of what is copied is small.
void detail::copy_spliced(const owned_source& from, stream& to,
                          const copy_progress& progress, call_site where) {
  const byte_sink sink(to);
  if (copy_bytes(from.source, sink, large, progress, where)) return;
  // Some of what is no socket can be written to and not spliced into.
  const bool may = to.kind() == stream_kind::socket && from.owned.ahead() == nullptr;
  if (may && copy_through_pipe(from.owned, to.owned(), progress, where)) return;
  copy_bytes(from.source, sink, unlimited, progress, where);
}

std::size_t splice(stream& from, stream& to, std::size_t size, call_site where) {
  if (from.owned().ahead() != nullptr) [[unlikely]] {
    std::array<std::byte, 1024> ahead;
    const auto data =
        from.read(std::span(ahead).first(std::min(size, ahead.size())), where);
    to.write(data, where);
    return data.size();
  }
  return move_or_throw(from.owned(), to.owned(), size, false, where);
}

std::size_t tee(stream& from, stream& to, std::size_t size, call_site where) {
  return move_or_throw(from.owned(), to.owned(), size, true, where);
}

}  // namespace motet

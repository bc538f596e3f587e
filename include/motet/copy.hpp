// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Bytes from one place to another: copies until the end, in one direction or in both,
/// and moves inside the kernel.
///
/// No byte that was taken from a source vanishes. A copy that is cut short writes what it
/// has in its hands before it throws, for a bounded time; from a buffered_reader it takes
/// only what has been written, and needs no time.

#include <motet/buffered_reader.hpp>
#include <motet/call_site.hpp>
#include <motet/detail/byte_sink.hpp>
#include <motet/detail/byte_source.hpp>
#include <motet/detail/callback.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/stream.hpp>
#include <motet/time.hpp>

#include <concepts>
#include <cstddef>

namespace motet {

struct copy_options {
  /// How long a copy that is cut short may write what it has taken already. What cannot
  /// be written in that time is lost, and an error in place of `cancelled` says so.
  duration grace = std::chrono::seconds(1);
  /// Told how many more bytes were written, time and again.
  detail::callback<void(std::size_t)> on_progress = {};
};

namespace detail {

template <class S>
concept has_descriptor = requires(S& from) {
  { from.owned() } -> std::same_as<descriptor&>;
};

/// What a copy tells.
struct copy_progress {
  std::size_t& done;
  const copy_options& options;

  void add(std::size_t size) const {
    done += size;
    if (size != 0 && options.on_progress) options.on_progress(size);
  }
};

constexpr std::size_t unlimited = ~std::size_t{0};

/// @returns whether the end was reached, before there was `enough`.
bool copy_bytes(byte_source from, byte_sink to, std::size_t enough,
                const copy_progress& progress, call_site where);
void copy_reader(buffered_reader& from, byte_sink to, const copy_progress& progress,
                 call_site where);

/// What has a descriptor that the kernel can be asked to move bytes from.
struct owned_source {
  byte_source source;
  descriptor& owned;
};
void copy_spliced(const owned_source& from, stream& to, const copy_progress& progress,
                  call_site where);
void run_both(function_ref<void()> there, function_ref<void()> back, call_site where);

}  // namespace detail

/// Copies from anything with `read` to anything with `write`, until the end of `from`;
/// much of a stream or file, to a socket, without passing it through the program. `done`
/// counts the bytes written, whatever is thrown. Cancellation point.
template <detail::readable From, detail::writable To>
void copy(From& from, To& to, std::size_t& done, const copy_options& options = {},
          call_site where = call_site::here()) {
  done = 0;
  const detail::copy_progress progress{done, options};
  if constexpr (std::same_as<From, buffered_reader>) {
    detail::copy_reader(from, detail::byte_sink(to), progress, where);
  } else if constexpr (detail::has_descriptor<From> && std::same_as<To, stream>) {
    detail::copy_spliced({detail::byte_source(from), from.owned()}, to, progress, where);
  } else {
    detail::copy_bytes(detail::byte_source(from), detail::byte_sink(to),
                       detail::unlimited, progress, where);
  }
}

/// As above. @returns how many bytes. Cancellation point.
template <detail::readable From, detail::writable To>
std::size_t copy(From& from, To& to, const copy_options& options = {},
                 call_site where = call_site::here()) {
  std::size_t done = 0;
  copy(from, to, done, options, where);
  return done;
}

/// How many bytes were written in each direction.
struct both_ways {
  std::size_t there = 0;  ///< From the first to the second.
  std::size_t back = 0;
};

/// Copies in both directions at once, until both have ended. The end of one side is
/// passed on to the other, which may go on sending. When one direction fails or this is
/// cancelled, both are stopped. `done` counts, whatever is thrown. Cancellation point.
template <class A, class B>
void copy_both(A& a, B& b, both_ways& done, const copy_options& options = {},
               call_site where = call_site::here()) {
  done = {};
  detail::run_both(
      [&] {
        copy(a, b, done.there, options, where);
        b.shutdown_send();
      },
      [&] {
        copy(b, a, done.back, options, where);
        a.shutdown_send();
      },
      where);
}

/// As above. @returns how many bytes. Cancellation point.
template <class A, class B>
both_ways copy_both(A& a, B& b, const copy_options& options = {},
                    call_site where = call_site::here()) {
  both_ways done;
  copy_both(a, b, done, options, where);
  return done;
}

/// Moves up to `size` bytes without passing them through the program, waiting for at
/// least one. One of the two is a pipe, the other a socket, a pipe or a file.
/// @returns how many; 0 at the end. @throws std::system_error (invalid_argument) if
/// neither is a pipe. Cancellation point.
std::size_t splice(stream& from, stream& to, std::size_t size,
                   call_site where = call_site::here());

/// As `splice`, from pipe to pipe, and the bytes stay in `from` as well. Cancellation
/// point.
std::size_t tee(stream& from, stream& to, std::size_t size,
                call_site where = call_site::here());

}  // namespace motet

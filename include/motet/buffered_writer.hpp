// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Small writes collected into large ones.
///
/// What a writer has taken is written in order and once, whatever is thrown meanwhile.
/// Cut short it knows how far it came, and the next flush goes on from there. What is
/// left when it goes is flushed on the way out.

#include <motet/call_site.hpp>
#include <motet/detail/byte_sink.hpp>
#include <motet/detail/owner.hpp>
#include <motet/time.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace motet {

struct writer_options {
  /// How much is collected.
  std::size_t capacity = std::size_t{16} * 1024;
  /// How long the flush on the way out may take.
  duration grace = std::chrono::seconds(1);
};

/// Writes to anything with `write(std::span<const std::byte>)`: a stream, a file, a
/// writer of your own. To know how far it came it needs one that tells: `write(data,
/// done)`. Refers to it, and does not move. One fiber at a time; same thread only.
class buffered_writer {
 public:
  template <detail::writable Sink>
  explicit buffered_writer(Sink& to, const writer_options& options = {},
                           call_site where = call_site::here())
      : to_(to), capacity_(options.capacity), grace_(options.grace), where_(where) {}
  buffered_writer(const buffered_writer&) = delete;
  buffered_writer& operator=(const buffered_writer&) = delete;
  /// Flushes what is left, shielded, for `grace` at most; nothing after an error of the
  /// sink, which somebody was told of. An error here is that of a `finally`: the
  /// innermost scope, timeout or fiber around it throws it. Call `flush` to get it
  /// yourself. Parks in a shield.
  ~buffered_writer();

  /// Takes all of `data`, to be written when there is enough, or at a `flush`. What does
  /// not fit is written at once, together with what was collected, and not copied.
  ///
  /// Cut short, it has taken all of `data` or nothing; or a part, if what is left of it
  /// is more than can be collected. The stream is broken then: what would follow is no
  /// continuation, and all further calls throw broken_stream. Cancellation point.
  void write(std::span<const std::byte> data, call_site where = call_site::here());
  /// As above. Cancellation point.
  void write(std::string_view text, call_site where = call_site::here());
  /// As above; `done` counts the bytes taken, whatever is thrown. It is for those who go
  /// on with the rest: nothing counts as broken. Cancellation point.
  void write(std::span<const std::byte> data, std::size_t& done,
             call_site where = call_site::here());

  /// Writes all that was collected. Cut short, it keeps the rest. Cancellation point.
  void flush(call_site where = call_site::here());

  /// What was taken and not written yet. Never parks.
  [[nodiscard]] std::span<const std::byte> unwritten() const noexcept {
    return {data_.get() + begin_, end_ - begin_};
  }
  /// Forgets what was not written. Never parks.
  void discard() noexcept { begin_ = end_ = 0; }

 private:
  void write_out(std::span<const std::byte> more, std::size_t& done, call_site where);
  void settle(std::size_t sent, std::span<const std::byte> more, std::size_t& done);
  void collect(std::span<const std::byte> data);
  void flush_in_time();
  void throw_if_broken() const;

  detail::byte_sink to_;
  const std::size_t capacity_;
  const duration grace_;
  const call_site where_;
  detail::byte_room data_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool broken_ = false;  ///< Half of something was written, and the rest never will be.
  bool failed_ = false;  ///< The sink did, and whoever wrote knows.
};

}  // namespace motet

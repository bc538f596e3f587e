// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Lines, and other pieces of a known size or end, from whatever comes in.
///
/// What was read from the source and not asked for yet waits in the reader. Whatever a
/// point here throws, it stays there, and the next call begins with it: reading may be
/// cancelled at any time, and gone on with.

#include <motet/call_site.hpp>
#include <motet/detail/byte_source.hpp>
#include <motet/detail/owner.hpp>
#include <motet/detail/pull_range.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace motet {

namespace detail {
class line_source;
}
/// Lines, one after the other; to be walked once.
using line_range = detail::pull_range<detail::line_source>;

/// Reads from anything with `read(std::span<std::byte>)` that returns the part it filled:
/// a stream, a file, a reader of your own. Refers to it, and does not move. One fiber at
/// a time; same thread only.
///
/// Views that are returned are good until the next call of anything but `buffered`.
class buffered_reader {
 public:
  static constexpr std::size_t usual_capacity = std::size_t{64} * 1024;
  static constexpr std::size_t usual_limit = std::size_t{64} * 1024;

  /// @param capacity how much is read ahead at most. The buffer begins with 1 KiB and
  /// grows as more arrives at a time; beyond `capacity` only for a piece that is longer.
  template <detail::readable Source>
  explicit buffered_reader(Source& from, std::size_t capacity = usual_capacity)
      : from_(from), capacity_(capacity) {}
  buffered_reader(const buffered_reader&) = delete;
  buffered_reader& operator=(const buffered_reader&) = delete;
  ~buffered_reader() = default;

  /// Reads what there is, waiting for at least one byte.
  /// @returns the part of `into` that was filled; empty at the end. Cancellation point.
  std::span<std::byte> read(std::span<std::byte> into,
                            call_site where = call_site::here());

  /// The next `size` bytes; fewer only at the end. Cut short it has taken nothing.
  /// Cancellation point.
  std::span<const std::byte> read_exactly(std::size_t size,
                                          call_site where = call_site::here());
  /// The same into a buffer. @returns the part that was filled. Cancellation point.
  std::span<std::byte> read_exactly(std::span<std::byte> into,
                                    call_site where = call_site::here());

  /// What comes before the next `delimiter`, which is taken, too.
  /// @returns nothing if the end comes first; what there is then stays in `buffered`.
  /// @throws std::system_error (message_size) if no delimiter follows `limit` bytes: they
  /// stay, so that another limit may be tried, or `skip_past`. Cancellation point.
  std::optional<std::string_view> read_until(std::string_view delimiter,
                                             std::size_t limit = usual_limit,
                                             call_site where = call_site::here());
  /// As above. Cancellation point.
  std::optional<std::string_view> read_until(char delimiter,
                                             std::size_t limit = usual_limit,
                                             call_site where = call_site::here());

  /// The next line, without "\n" or "\r\n"; the last may lack its end.
  /// @returns nothing at the end. @throws as `read_until`. Cancellation point.
  std::optional<std::string_view> read_line(std::size_t limit = usual_limit,
                                            call_site where = call_site::here());
  /// All lines. Each step is a cancellation point, and throws as `read_line`; what is
  /// walked over may be moved from. Never parks by itself.
  [[nodiscard]] line_range lines(std::size_t limit = usual_limit,
                                 call_site where = call_site::here()) &;

  /// Waits until `at_least` bytes are here, and leaves them here.
  /// @returns all that is here; fewer than asked for only at the end. Cancellation point.
  std::span<const std::byte> peek(std::size_t at_least = 1,
                                  call_site where = call_site::here());
  /// What was read ahead, for parsers: together with `peek` and `consume`. Never parks.
  [[nodiscard]] std::span<const std::byte> buffered() const noexcept {
    return {data_.get() + begin_, end_ - begin_};
  }
  /// Takes the first `size` bytes of `buffered`. Never parks.
  void consume(std::size_t size) noexcept { begin_ += size; }

  /// Passes over `size` bytes. @returns how many; fewer only at the end. Cut short it has
  /// taken some: use the overload that tells how many. Cancellation point.
  std::size_t skip(std::size_t size, call_site where = call_site::here()) {
    std::size_t done = 0;
    return skip(size, done, where);
  }
  /// As above; `done` counts them, whatever is thrown. Cancellation point.
  std::size_t skip(std::size_t size, std::size_t& done,
                   call_site where = call_site::here());
  /// Passes over all up to the next `delimiter`, and over that, however far it is.
  /// @returns false if the end came first. Cancellation point.
  bool skip_past(std::string_view delimiter, call_site where = call_site::here());

 private:
  bool fill(call_site where);
  void make_room();
  void move_to(std::size_t size);
  void put_back(std::span<const std::byte> bytes);
  void read_directly(std::span<std::byte> into, std::size_t& done, call_site where);
  std::size_t find(std::string_view delimiter, std::size_t limit, call_site where);
  [[nodiscard]] std::string_view text() const noexcept;
  std::string_view take(std::size_t size, std::size_t and_drop) noexcept;

  detail::byte_source from_;
  const std::size_t capacity_;
  detail::byte_room data_;
  std::size_t size_ = 0;   ///< Of the buffer.
  std::size_t begin_ = 0;  ///< What is here.
  std::size_t end_ = 0;
  bool filled_ = false;  ///< The last read took all the room there was.
};

namespace detail {

/// Lines, without their ends: of a reader, or of what a reader of its own reads from.
class line_source {
 public:
  line_source(buffered_reader& from, std::size_t longest, call_site where)
      : from_(from), longest_(longest), where_(where) {}
  template <readable Source>
  line_source(Source& from, std::size_t longest, call_site where)
      : own_(new buffered_reader(from)), from_(*own_), longest_(longest), where_(where) {}
  bool next();
  [[nodiscard]] std::string& value() noexcept { return line_; }

 private:
  owner<buffered_reader> own_;
  buffered_reader& from_;
  const std::size_t longest_;
  const call_site where_;
  std::string line_;
};

}  // namespace detail

inline line_range buffered_reader::lines(std::size_t limit, call_site where) & {
  return line_range(*this, limit, where);
}

}  // namespace motet

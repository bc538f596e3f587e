// SPDX-License-Identifier: MIT
#include "lib/io/enter.hpp"

#include <motet/buffered_reader.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <system_error>

namespace motet {

namespace {

constexpr std::size_t first_size = 1024;

/// What is at least so large goes into its place without a stop in the buffer.
constexpr std::size_t worth_no_copy = 4096;

/// What `find` says besides a place.
constexpr std::size_t at_end = std::string_view::npos;
constexpr std::size_t too_far = at_end - 1;

[[noreturn]] void throw_too_long(const char* what, std::size_t limit) {
  throw std::system_error(
      std::make_error_code(std::errc::message_size),
      std::string(what) + " of more than " + std::to_string(limit) + " bytes");
}

}  // namespace

std::string_view buffered_reader::text() const noexcept {
  return {reinterpret_cast<const char*>(data_.get() + begin_), end_ - begin_};
}

std::string_view buffered_reader::take(std::size_t size, std::size_t and_drop) noexcept {
  const std::string_view taken = text().substr(0, size);
  begin_ += size + and_drop;
  return taken;
}

/// Reads more. @returns false at the end.
bool buffered_reader::fill(call_site where) {
  make_room();
  const std::size_t room = size_ - end_;
  const std::size_t got = from_.read({data_.get() + end_, room}, where);
  end_ += got;
  filled_ = got == room;
  return got != 0;
}

void buffered_reader::make_room() {
  const std::size_t here = end_ - begin_;
  if (here == 0) begin_ = end_ = 0;
  if (here == 0 && size_ > std::max(capacity_, first_size)) {
    move_to(capacity_);  // a long piece is over: its memory need not stay
  } else if (filled_ && size_ < capacity_) {
    move_to(std::min(2 * size_, capacity_));  // more was waiting than there was room for
  } else if (here == size_) {
    move_to(std::max(2 * size_, std::min(first_size, capacity_)));
  } else if (begin_ != 0 && size_ - end_ < size_ / 2) {
    std::memmove(data_.get(), data_.get() + begin_, here);
    begin_ = 0;
    end_ = here;
  }
}

/// A buffer of another size, with room to spare, for what is here.
void buffered_reader::move_to(std::size_t size) {
  const std::size_t here = end_ - begin_;
  size = std::max(size, here + 1);
  detail::byte_room larger(size);
  if (here != 0) std::memcpy(larger.get(), data_.get() + begin_, here);
  data_ = std::move(larger);
  size_ = size;
  begin_ = 0;
  end_ = here;
  filled_ = false;
}

std::span<const std::byte> buffered_reader::peek(std::size_t at_least, call_site where) {
  detail::enter_if_in_fiber(where);
  while (end_ - begin_ < at_least && fill(where)) {
  }
  return buffered();
}

std::span<std::byte> buffered_reader::read(std::span<std::byte> into, call_site where) {
  detail::enter_if_in_fiber(where);
  if (into.empty()) return into;
  if (begin_ == end_) {
    if (into.size() >= worth_no_copy) return into.first(from_.read(into, where));
    if (!fill(where)) return into.first(0);
  }
  const std::size_t size = std::min(into.size(), end_ - begin_);
  std::memcpy(into.data(), data_.get() + begin_, size);
  begin_ += size;
  return into.first(size);
}

std::span<const std::byte> buffered_reader::read_exactly(std::size_t size,
                                                         call_site where) {
  const std::span<const std::byte> here = peek(size, where);
  const std::span<const std::byte> taken = here.first(std::min(size, here.size()));
  begin_ += taken.size();
  return taken;
}

std::span<std::byte> buffered_reader::read_exactly(std::span<std::byte> into,
                                                   call_site where) {
  std::size_t done = 0;
  if (into.size() < end_ - begin_ + worth_no_copy) {
    const std::span<const std::byte> bytes = read_exactly(into.size(), where);
    done = bytes.size();
    if (done != 0) std::memcpy(into.data(), bytes.data(), done);
  } else {
    detail::enter_if_in_fiber(where);
    read_directly(into, done, where);
  }
  return into.first(done);
}

/// What is here is only taken when all of it has come.
void buffered_reader::read_directly(std::span<std::byte> into, std::size_t& done,
                                    call_site where) {
  const std::size_t here = end_ - begin_;
  if (here != 0) std::memcpy(into.data(), data_.get() + begin_, here);
  done = here;
  try {
    while (done < into.size()) {
      const std::size_t got = from_.read(into.subspan(done), where);
      if (got == 0) break;
      done += got;
    }
  } catch (...) {
    put_back(into.subspan(here, done - here));
    throw;
  }
  begin_ = end_;
}

void buffered_reader::put_back(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (size_ - end_ < bytes.size()) move_to(end_ - begin_ + bytes.size());
  std::memcpy(data_.get() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

/// How many bytes come before the delimiter.
std::size_t buffered_reader::find(std::string_view delimiter, std::size_t limit,
                                  call_site where) {
  detail::enter_if_in_fiber(where);
  const std::size_t tail = delimiter.size() - 1;
  std::size_t searched = 0;
  for (;;) {
    // A delimiter may have begun in what was searched.
    const std::size_t from = searched - std::min(searched, tail);
    const std::size_t found = text().find(delimiter, from);
    searched = end_ - begin_;
    if (found != std::string_view::npos) return found <= limit ? found : too_far;
    if (searched > tail && searched - tail > limit) return too_far;
    if (!fill(where)) return at_end;
  }
}

std::optional<std::string_view> buffered_reader::read_until(std::string_view delimiter,
                                                            std::size_t limit,
                                                            call_site where) {
  MOTET_EXPECT(!delimiter.empty());
  const std::size_t size = find(delimiter, limit, where);
  if (size == at_end) return std::nullopt;
  if (size == too_far) throw_too_long("a piece", limit);
  return take(size, delimiter.size());
}

std::optional<std::string_view> buffered_reader::read_line(std::size_t limit,
                                                           call_site where) {
  std::size_t size = find("\n", limit, where);
  // A carriage return before the end is no part of the line.
  const bool may_return = size == too_far && text()[limit] == '\r';
  if (may_return && peek(limit + 2, where).size() > limit + 1 &&
      text()[limit + 1] == '\n')
    size = limit + 1;
  if (size == too_far) throw_too_long("a line", limit);
  if (size == at_end) {
    const std::size_t rest = end_ - begin_;
    return rest == 0 ? std::nullopt : std::optional(take(rest, 0));
  }
  const bool returns = text().substr(0, size).ends_with('\r');
  return returns ? take(size - 1, 2) : take(size, 1);
}

std::size_t buffered_reader::skip(std::size_t size, std::size_t& done, call_site where) {
  detail::enter_if_in_fiber(where);
  done = 0;
  for (;;) {
    const std::size_t here = std::min(size - done, end_ - begin_);
    begin_ += here;
    done += here;
    if (done == size || !fill(where)) return done;
  }
}

bool buffered_reader::skip_past(std::string_view delimiter, call_site where) {
  MOTET_EXPECT(!delimiter.empty());
  detail::enter_if_in_fiber(where);
  for (;;) {
    const std::size_t found = text().find(delimiter);
    if (found != std::string_view::npos) {
      begin_ += found + delimiter.size();
      return true;
    }
    // The last of what is here may be how a delimiter begins.
    begin_ = end_ - std::min(end_ - begin_, delimiter.size() - 1);
    if (!fill(where)) break;
  }
  begin_ = end_;
  return false;
}

bool detail::line_source::next() {
  const std::optional<std::string_view> line = from_.read_line(longest_, where_);
  if (line) line_.assign(*line);
  return line.has_value();
}

std::optional<std::string_view> buffered_reader::read_until(char delimiter,
                                                            std::size_t limit,
                                                            call_site where) {
  return read_until(std::string_view(&delimiter, 1), limit, where);
}

}  // namespace motet

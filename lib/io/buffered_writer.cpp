// SPDX-License-Identifier: MIT
#include "lib/fiber/life.hpp"
#include "lib/io/cut_short.hpp"
#include "lib/io/enter.hpp"

#include <motet/buffered_writer.hpp>
#include <motet/error.hpp>
#include <motet/finally.hpp>
#include <motet/shield.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

namespace motet {

buffered_writer::~buffered_writer() {
  if (begin_ == end_ || broken_ || failed_) return;
  if (detail::this_scheduler != nullptr) {
    detail::finalize([this] { flush_in_time(); }, where_);
    return;
  }
  try {
    flush(where_);
  } catch (...) {
    detail::report_unhandled_of("a buffered_writer", std::current_exception());
  }
}

void buffered_writer::flush_in_time() {
  // A peer that takes nothing is a broken connection, to those who pass over such.
  std::error_code why(ETIMEDOUT, std::system_category());
  try {
    if (shield(
            grace_, [this] { flush(where_); }, where_))
      return;
  } catch (const std::system_error& e) {
    why = e.code();
  }
  throw std::system_error(
      why, "flush of a buffered_writer on its way out: " + std::to_string(end_ - begin_) +
               " bytes were not written");
}

void buffered_writer::throw_if_broken() const {
  if (broken_) {
    throw broken_stream(
        "a write was cut short in the middle of its data: nothing can follow it");
  }
}

void buffered_writer::write(std::span<const std::byte> data, call_site where) {
  std::size_t done = 0;
  try {
    write(data, done, where);
  } catch (...) {
    broken_ = broken_ || (done != 0 && done != data.size());
    throw;
  }
}

void buffered_writer::write(std::span<const std::byte> data, std::size_t& done,
                            call_site where) {
  done = 0;
  detail::enter_if_in_fiber(where);
  throw_if_broken();
  if (data.size() > capacity_ - end_) return write_out(data, done, where);
  collect(data);
  done = data.size();
}

void buffered_writer::flush(call_site where) {
  detail::enter_if_in_fiber(where);
  throw_if_broken();
  std::size_t nothing = 0;
  if (begin_ != end_) write_out({}, nothing, where);
}

/// Writes what was collected, then `more`, of which `done` bytes are taken afterwards.
void buffered_writer::write_out(std::span<const std::byte> more, std::size_t& done,
                                call_site where) {
  const std::array pieces{unwritten(), more};
  const detail::byte_pieces all(pieces);
  std::size_t sent = 0;
  try {
    failed_ = false;
    to_.write(begin_ == end_ ? all.last(1)
              : more.empty() ? all.first(1)
                             : all,
              sent, where);
  } catch (...) {
    failed_ = detail::is_of_the_sink();
    broken_ = broken_ || !to_.tells_progress();
    settle(sent, more, done);
    throw;
  }
  settle(sent, more, done);
}

/// Notes how far writing came.
void buffered_writer::settle(std::size_t sent, std::span<const std::byte> more,
                             std::size_t& done) {
  const std::size_t of_collected = std::min(sent, end_ - begin_);
  begin_ += of_collected;
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  done = sent - of_collected;
  const std::span<const std::byte> rest = more.subspan(done);
  if (done == 0 || rest.empty() || rest.size() > capacity_) return;
  collect(rest);
  done = more.size();
}

void buffered_writer::collect(std::span<const std::byte> data) {
  if (data.empty()) return;
  if (!data_) data_ = detail::byte_room(capacity_);
  std::memcpy(data_.get() + end_, data.data(), data.size());
  end_ += data.size();
}

void buffered_writer::write(std::string_view text, call_site where) {
  write(std::as_bytes(std::span(text)), where);
}

namespace detail {

void byte_sink::write(byte_pieces pieces, std::size_t& done, call_site where) {
  done = 0;
  write_(to_, pieces, done, where);
}

void byte_sink::write(std::span<const std::byte> data, std::size_t& done,
                      call_site where) {
  write(byte_pieces(&data, 1), done, where);
}

}  // namespace detail

}  // namespace motet

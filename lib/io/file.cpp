// SPDX-License-Identifier: MIT
#include "lib/io/file_request.hpp"

#include <motet/file.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

#include <sys/uio.h>

namespace motet {
namespace {

using detail::perform_alone;
using detail::throw_file_failure;

constexpr const char* read_wait = "bytes of a file";
constexpr const char* write_wait = "bytes to be written to a file";

/// As many pieces at a time as the system takes (IOV_MAX).
constexpr std::size_t most_pieces = 1024;

std::int64_t signed_offset(std::uint64_t offset) noexcept {
  return static_cast<std::int64_t>(offset);
}

std::int64_t advanced(std::int64_t offset, std::size_t by) noexcept {
  return offset == current_offset ? offset : offset + static_cast<std::int64_t>(by);
}

std::size_t read_once(file& f, std::span<std::byte> into, std::int64_t offset,
                      call_site where) {
  const std::int32_t got =
      perform_alone(read_request{f.native_handle(), into, offset, f.owned().is_fifo()},
                    read_wait, where);
  if (got < 0) [[unlikely]]
    throw_file_failure(got, "read from", f.name());
  return static_cast<std::size_t>(got);
}

std::span<std::byte> read_all(file& f, std::span<std::byte> into, std::int64_t offset,
                              std::size_t& done, call_site where) {
  done = 0;
  while (done < into.size()) {
    const std::size_t got =
        read_once(f, into.subspan(done), advanced(offset, done), where);
    if (got == 0) break;
    done += got;
  }
  return into.first(done);
}

std::size_t write_once(const file& f, std::span<const std::byte> from,
                       std::int64_t offset, call_site where) {
  const std::int32_t put =
      perform_alone(write_request{f.native_handle(), from, offset}, write_wait, where);
  if (put < 0) [[unlikely]]
    throw_file_failure(put, "write to", f.name());
  return static_cast<std::size_t>(put);
}

void write_all(const file& f, std::span<const std::byte> from, std::int64_t offset,
               std::size_t& done, call_site where) {
  done = 0;
  while (done < from.size())
    done += write_once(f, from.subspan(done), advanced(offset, done), where);
}

template <class Byte>
std::vector<iovec> pieces_of(std::span<const std::span<Byte>> all) {
  std::vector<iovec> pieces;
  // The kernel only reads from what is const; iovec has one type for both directions.
  for (const auto& each : all)
    if (!each.empty())
      pieces.push_back({const_cast<std::byte*>(each.data()), each.size()});
  return pieces;
}

std::size_t read_pieces(file& f, std::span<const std::span<std::byte>> into,
                        std::int64_t offset, call_site where) {
  const std::vector<iovec> pieces = pieces_of(into);
  const std::span some = std::span(pieces).first(std::min(pieces.size(), most_pieces));
  const std::int32_t got = perform_alone(
      read_pieces_request{f.native_handle(), some, offset, f.owned().is_fifo()},
      read_wait, where);
  if (got < 0) throw_file_failure(got, "read from", f.name());
  return static_cast<std::size_t>(got);
}

void write_pieces(const file& f, std::span<const std::span<const std::byte>> from,
                  std::int64_t offset, call_site where) {
  std::vector<iovec> pieces = pieces_of(from);
  std::span<iovec> left(pieces);
  while (!left.empty()) {
    const auto some = left.first(std::min(left.size(), most_pieces));
    const std::int32_t put = perform_alone(
        write_pieces_request{f.native_handle(), some, offset}, write_wait, where);
    if (put < 0) throw_file_failure(put, "write to", f.name());
    auto taken = static_cast<std::size_t>(put);
    offset = advanced(offset, taken);
    while (!left.empty() && taken >= left.front().iov_len) {
      taken -= left.front().iov_len;
      left = left.subspan(1);
    }
    if (taken == 0) continue;
    left.front().iov_base = static_cast<std::byte*>(left.front().iov_base) + taken;
    left.front().iov_len -= taken;
  }
}

}  // namespace

std::span<std::byte> file::pread(std::span<std::byte> buffer, std::uint64_t offset,
                                 call_site where) {
  return buffer.first(read_once(*this, buffer, signed_offset(offset), where));
}

std::span<std::byte> file::pread_exactly(std::span<std::byte> buffer,
                                         std::uint64_t offset, call_site where) {
  std::size_t done = 0;
  return read_all(*this, buffer, signed_offset(offset), done, where);
}

std::size_t file::pread(std::span<const std::span<std::byte>> buffers,
                        std::uint64_t offset, call_site where) {
  return read_pieces(*this, buffers, signed_offset(offset), where);
}

void file::pwrite(std::span<const std::byte> data, std::uint64_t offset,
                  call_site where) {
  std::size_t done = 0;
  write_all(*this, data, signed_offset(offset), done, where);
}

void file::pwrite(std::span<const std::byte> data, std::uint64_t offset,
                  std::size_t& done, call_site where) {
  write_all(*this, data, signed_offset(offset), done, where);
}

void file::pwrite(std::span<const std::span<const std::byte>> pieces,
                  std::uint64_t offset, call_site where) {
  write_pieces(*this, pieces, signed_offset(offset), where);
}

std::span<std::byte> file::read(std::span<std::byte> buffer, call_site where) {
  return buffer.first(read_once(*this, buffer, current_offset, where));
}

std::span<std::byte> file::read_exactly(std::span<std::byte> buffer, call_site where) {
  std::size_t done = 0;
  return read_all(*this, buffer, current_offset, done, where);
}

std::span<std::byte> file::read_exactly(std::span<std::byte> buffer, std::size_t& done,
                                        call_site where) {
  return read_all(*this, buffer, current_offset, done, where);
}

std::size_t file::read(std::span<const std::span<std::byte>> buffers, call_site where) {
  return read_pieces(*this, buffers, current_offset, where);
}

void file::write(std::span<const std::byte> data, call_site where) {
  std::size_t done = 0;
  write_all(*this, data, current_offset, done, where);
}

void file::write(std::span<const std::byte> data, std::size_t& done, call_site where) {
  write_all(*this, data, current_offset, done, where);
}

void file::write(std::span<const std::span<const std::byte>> pieces, call_site where) {
  write_pieces(*this, pieces, current_offset, where);
}

std::size_t file::write_some(std::span<const std::byte> data, call_site where) {
  return write_once(*this, data, current_offset, where);
}

void file::pwrite(std::string_view text, std::uint64_t offset, call_site where) {
  pwrite(std::as_bytes(std::span(text)), offset, where);
}

void file::write(std::string_view text, call_site where) {
  write(std::as_bytes(std::span(text)), where);
}

}  // namespace motet

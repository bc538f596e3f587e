// SPDX-License-Identifier: MIT
#include "lib/io/file_request.hpp"

#include <motet/directory.hpp>

#include <cstring>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>

namespace motet {
namespace {

/// Some hundred entries. With more at a time, those who wait meanwhile wait longer.
constexpr std::size_t batch = std::size_t{32} * 1024;

file_kind kind_of_entry(unsigned char type) noexcept {
  return detail::kind_of_mode(DTTOIF(static_cast<unsigned>(type)));
}

}  // namespace

namespace detail {

entry_source::entry_source(const std::string& path, call_site where)
    : path_(path), where_(where), fetched_(batch) {
  const open_request asked{working_directory, path.c_str(), O_RDONLY | O_DIRECTORY};
  directory_ = descriptor(
      perform_or_throw(asked, "a directory to be opened", where, "list", path));
}

bool entry_source::next() {
  for (;;) {
    while (at_ < size_)
      if (take_entry()) return true;
    const list_request asked{directory_.fd(), {fetched_.get(), batch}};
    size_ = static_cast<std::size_t>(
        perform_or_throw(asked, "a directory's entries", where_, "list", path_));
    at_ = 0;
    if (size_ == 0) return false;
  }
}

/// @returns whether it is one to be told of.
bool entry_source::take_entry() {
  const std::byte* const from = fetched_.get() + at_;
  // No dirent64 lives there, as far as C++ knows, and the name is as long as it is.
  decltype(dirent64::d_reclen) length = 0;
  std::memcpy(&length, from + offsetof(dirent64, d_reclen), sizeof length);
  at_ += length;
  const char* const name =
      reinterpret_cast<const char*>(from) + offsetof(dirent64, d_name);
  if (std::string_view(name) == "." || std::string_view(name) == "..") return false;
  entry_.name = name;
  entry_.kind =
      kind_of_entry(std::to_integer<unsigned char>(from[offsetof(dirent64, d_type)]));
  return true;
}

}  // namespace detail

void directory::make(const std::string& path, unsigned permissions, call_site where) {
  const make_directory_request asked{working_directory, path.c_str(), permissions};
  detail::perform_or_throw(asked, "a directory to be made", where, "make directory",
                           path);
}

void directory::remove(const std::string& path, call_site where) {
  const remove_request asked{working_directory, path.c_str(), true};
  detail::perform_or_throw(asked, "a directory to be removed", where, "remove directory",
                           path);
}

}  // namespace motet

// SPDX-License-Identifier: MIT

/// @file
/// Sends a file over TCP by motet. usage: motet_send_file FILE PORT [--through-buffer]

#include "send_file.hpp"

#include <motet/motet.hpp>

#include <cstddef>
#include <span>

namespace {

/// Hides that it is a file: what a copy has to do for everything else.
struct plain_source {
  motet::file& from;
  std::span<std::byte> read(std::span<std::byte> into) { return from.read(into); }
};

}  // namespace

int main(int argc, char** argv) {
  const bool through_buffer = argc > 3;
  return bench::send_file(argc, argv, [&](int file, int peer) {
    motet::run([&] {
      motet::file from(file);
      motet::stream to(::dup(peer));
      plain_source plain{from};
      through_buffer ? motet::copy(plain, to) : motet::copy(from, to);
    });
  });
}

// SPDX-License-Identifier: MIT

/// @file
/// Sends a file over TCP by sendfile(2). usage: raw_send_file FILE PORT

#include "send_file.hpp"

#include <sys/sendfile.h>

int main(int argc, char** argv) {
  return bench::send_file(argc, argv, [](int file, int peer) {
    while (::sendfile(peer, file, nullptr, std::size_t{1} << 30U) > 0) {
    }
  });
}

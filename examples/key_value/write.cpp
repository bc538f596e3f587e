// SPDX-License-Identifier: MIT
#include "examples/key_value/write.hpp"

#include <motet/shield.hpp>

#include <cerrno>
#include <cstddef>
#include <span>
#include <system_error>

namespace key_value {

void write_patiently(motet::stream& peer, std::string_view bytes,
                     motet::duration patience) {
  while (!bytes.empty()) {
    const auto written = motet::shield(
        patience, [&] { return peer.write_some(std::as_bytes(std::span(bytes))); });
    if (!written) {
      throw std::system_error(ETIMEDOUT, std::system_category(),
                              "write to a client that does not read");
    }
    bytes.remove_prefix(*written);
  }
}

}  // namespace key_value

// SPDX-License-Identifier: MIT
#include "lib/io/socket_name.hpp"

#include "lib/io/perform.hpp"

namespace motet::detail {

endpoint name_of_socket(int fd, endpoint_side side) {
  sockaddr_storage address{};
  const std::int32_t length = ask_kernel(socket_name_call{fd, side, &address});
  if (length < 0) {
    throw_failure(length, side == endpoint_side::peer ? "ask for the peer's address"
                                                      : "ask for the own address");
  }
  return endpoint::from_system(&address, static_cast<std::size_t>(length));
}

std::string word_for_socket(int fd, endpoint_side side) {
  sockaddr_storage address{};
  const std::int32_t length = ask_kernel(socket_name_call{fd, side, &address});
  if (length < 0) return {};
  const auto where = endpoint::from_system(&address, static_cast<std::size_t>(length));
  return std::string(" ").append(to_string(where));
}

std::string name_of_host(std::string_view host, std::uint16_t port) {
  const bool six = host.find(':') != std::string_view::npos;
  std::string name(six ? "[" : "");
  name.append(host).append(six ? "]:" : ":").append(std::to_string(port));
  return name;
}

}  // namespace motet::detail

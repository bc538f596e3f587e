// SPDX-License-Identifier: MIT

/// @file
/// Sends back what it gets, by TLS. To those who say that they speak HTTP it sends back
/// their request, as a page.
///
/// Try it: `openssl s_client -connect 127.0.0.1:7443`, `curl -k https://127.0.0.1:7443`.

#include "examples/arguments.hpp"
#include "examples/tls/self_signed.hpp"
#include "examples/tls/tls_stream.hpp"

#include <motet/motet.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>

namespace {

using namespace motet;
using examples::tls_context;
using examples::tls_stream;

struct settings {
  int port = 7443;
  int handshake = 10;
  int idle = 60;
};

void echo(tls_stream& peer, duration idle) {
  move_on_after(idle, [&](timeout& clock) {
    std::array<std::byte, 4096> room;
    for (;;) {
      const std::span<const std::byte> data = peer.read(room);
      if (data.empty()) return;
      clock.reset();
      peer.write(data);
    }
  });
}

void show_request(tls_stream& peer, duration idle) {
  std::string request;
  move_on_after(idle, [&] {
    buffered_reader lines(peer);
    while (const auto line = lines.read_line()) {
      if (line->empty()) break;
      request.append(*line) += '\n';
    }
    request += "by TLS, to \"" + peer.server_name() + "\"\n";
    peer.write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        "Content-Length: " +
        std::to_string(request.size()) + "\r\n\r\n" + request);
  });
}

void serve(stream& connection, const tls_context& context, const settings& how) {
  tls_stream peer(std::move(connection), context, std::chrono::seconds(how.handshake));
  const auto idle = std::chrono::seconds(how.idle);
  if (peer.protocol() == "http/1.1") {
    show_request(peer, idle);
  } else {
    echo(peer, idle);
  }
  peer.shut_down();
}

/// The certificate that the environment names, or one for today.
tls_context make_context() {
  const char* const certificates = std::getenv("TLS_CERTIFICATES");
  const char* const key = std::getenv("TLS_KEY");
  if (certificates != nullptr && key != nullptr)
    return tls_context::server(certificates, key, {"http/1.1", "echo"});
  std::string folder = std::filesystem::temp_directory_path() / "tls_echo_XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) throw examples::tls_error("no " + folder);
  const finally removed([&] { std::filesystem::remove_all(folder); });
  examples::write_self_signed(folder + "/both.pem", "localhost");
  return tls_context::server(folder + "/both.pem", folder + "/both.pem",
                             {"http/1.1", "echo"});
}

void serve_all(const settings& how) {
  const tls_context context = make_context();
  auto server = tcp::listen("127.0.0.1", static_cast<std::uint16_t>(how.port));
  std::fprintf(stderr, "backend: %s\n", backend_name());
  std::printf("listening on %s\n", to_string(server.local()).c_str());
  std::fflush(stdout);
  server.accept_loop([&](stream& peer) { serve(peer, context, how); });
}

}  // namespace

int main(int argc, char** argv) try {
  settings how;
  examples::read_arguments(
      argc, argv,
      "Echoes by TLS, with the certificate and key that TLS_CERTIFICATES and TLS_KEY "
      "name.",
      {{"port", "N", "where to listen on 127.0.0.1; 0 picks one", 0, 65535, how.port},
       {"handshake", "SECONDS", "for the handshake", 1, 3600, how.handshake},
       {"idle", "SECONDS", "hang up on the silent", 1, 86400, how.idle}});
  run([&] { serve_all(how); });
} catch (const std::exception& error) {
  return examples::explain(error);
}

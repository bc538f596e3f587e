// SPDX-License-Identifier: MIT
#include "test/figures/io_operations.hpp"

#include <motet/fiber.hpp>
#include <motet/spin.hpp>
#include <motet/time.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <utility>

namespace motet::test {
namespace {

using testing::call;

constexpr std::string_view text = "hello\n";

std::string amount(std::string_view moved) {
  if (moved == text) return "whole";
  return !moved.empty() && text.starts_with(moved) ? "in part" : "wrong bytes";
}

void no_preparation(workbench&) {}

void have_a_caller(workbench& w) {
  w.callers.push_back(connect_to(w.door));
}

void have_bytes(workbench& w) {
  w.far.write(text);
  w.far.shutdown_send();
}

std::string accept(workbench& w) {
  return w.door.accept() ? "" : "no stream";
}

std::error_code accept_with_code(workbench& w) {
  std::error_code ec;
  (void)w.door.accept(ec);
  return ec;
}

std::string accept_loop(workbench& w) {
  fiber<void> server;
  bool served = false;
  server = spin([&] {
    w.door.accept_loop([&](tcp::stream&) {
      served = true;
      server.stop();
    });
  });
  const outcome<void> end = server.outcome();
  if (end.failed()) std::rethrow_exception(end.error());
  return served ? "" : "nobody was served";
}

std::string connect(workbench& w) {
  return connect_to(w.door) ? "" : "no stream";
}

std::string listen(workbench&) {
  return listen_here() ? "" : "no listener";
}

std::string read(workbench& w) {
  return amount(read_some(w.near));
}

std::error_code read_with_code(workbench& w) {
  std::error_code ec;
  std::byte room[64];
  (void)w.near.read(room, ec);
  return ec;
}

std::string read_exactly(workbench& w) {
  return amount(read_text(w.near, text.size()));
}

std::string recv_loop(workbench& w) {
  std::string all;
  std::size_t calls = 0;
  w.near.recv_loop([&](std::span<const std::byte> data) {
    all += text_of(data);
    ++calls;
  });
  if (amount(all) != "whole") return "wrong bytes";
  return calls == 1 ? "whole" : "in part";
}

std::string lines(workbench& w) {
  for (const std::string& line : w.near.lines())
    return line == "hello" ? "whole" : "wrong bytes";
  return "no line";
}

/// What arrives of so many bytes that were written.
std::string arrived(workbench& w, std::size_t count) {
  return amount(read_text(w.far, count));
}

std::string write(workbench& w) {
  w.near.write(text);
  return arrived(w, text.size());
}

std::error_code write_with_code(workbench& w) {
  std::error_code ec;
  w.near.write(bytes_of(text), ec);
  return ec;
}

std::string write_pieces(workbench& w) {
  const std::span<const std::byte> pieces[] = {bytes_of(text.substr(0, 2)),
                                               bytes_of(text.substr(2))};
  w.near.write(pieces);
  return arrived(w, text.size());
}

std::string write_some(workbench& w) {
  return arrived(w, w.near.write_some(bytes_of(text)));
}

std::error_code write_some_with_code(workbench& w) {
  std::error_code ec;
  (void)w.near.write_some(bytes_of(text), ec);
  return ec;
}

std::string shutdown_send(workbench& w) {
  w.near.shutdown_send();
  return read_to_end(w.far).empty() ? "" : "wrong bytes";
}

constexpr std::array operations{
    io_operation{"accept", call::accept, true, "accept on", &have_a_caller, &accept,
                 &accept_with_code},
    io_operation{"accept_loop", call::accept, true, "accept on", &have_a_caller,
                 &accept_loop, nullptr},
    io_operation{"connect", call::connect, true, "connect", &no_preparation, &connect,
                 nullptr},
    io_operation{"listen", call::listen, true, "listen on", &no_preparation, &listen,
                 nullptr},
    io_operation{"read", call::read, false, "read from", &have_bytes, &read,
                 &read_with_code},
    io_operation{"read_exactly", call::read, false, "read from", &have_bytes,
                 &read_exactly, nullptr},
    io_operation{"recv_loop", call::read, false, "read from", &have_bytes, &recv_loop,
                 nullptr},
    io_operation{"lines", call::read, false, "read from", &have_bytes, &lines, nullptr},
    io_operation{"write", call::write, false, "write to", &no_preparation, &write,
                 &write_with_code},
    io_operation{"write (pieces)", call::write, false, "write to", &no_preparation,
                 &write_pieces, nullptr},
    io_operation{"write_some", call::write, false, "write to", &no_preparation,
                 &write_some, &write_some_with_code},
    io_operation{"shutdown_send", call::shutdown, false, "end sending to",
                 &no_preparation, &shutdown_send, nullptr},
};

}  // namespace

std::span<const io_operation> io_operations() {
  return operations;
}

std::string observe(const io_operation& what, workbench& with, int error,
                    duration pause) {
  const time_point start = clock::now();
  try {
    const std::string moved = what.run(with);
    if (error == 0) return moved.empty() ? "—" : moved;
    if (!moved.empty() && moved != "whole") return moved;
    return clock::now() - start < pause ? "goes on" : "waits";
  } catch (const std::system_error& e) {
    const bool same = e.code() == std::error_code(error, std::system_category());
    if (same && std::string_view(e.what()).starts_with(what.attempt)) return "throws";
    return std::string("throws something else: ") + e.what();
  }
}

}  // namespace motet::test

// SPDX-License-Identifier: MIT
#include "test/scenarios/holding.hpp"
#include "test/support/network.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace motet::test {

namespace {

/// A server or a client that is stopped alone breaks the other's connections.
bool is_broken_connection(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const exception_group& group) {
    return std::all_of(group.errors().begin(), group.errors().end(),
                       &is_broken_connection);
  } catch (const std::system_error& e) {
    return e.code() == std::errc::connection_reset ||
           e.code() == std::errc::connection_refused ||
           e.code() == std::errc::broken_pipe;
  } catch (...) {
    return false;
  }
}

/// Three clients of a server that owns its listener.
void serve_three(held_things& h, const tcp::accept_options& options) {
  tcp::listener door = listen_here();
  const std::uint16_t port = door.local().port();
  const auto server =
      spin({.name = "server"}, [&h, options, mine = std::move(door)]() mutable {
        mine.accept_loop(options, [&h](tcp::stream& peer) {
          ++h.taken;
          const finally back([&] {
            sleep(beat);
            ++h.given_back;
          });
          peer.recv_loop([&](std::span<const std::byte> data) { peer.write(data); });
        });
      });
  const auto talk = [port](duration pause) {
    tcp::stream near = tcp::connect("127.0.0.1", port);
    near.write("hello");
    static_cast<void>(read_text(near, 5));
    sleep(pause);
    near.write("bye");
    near.shutdown_send();
    static_cast<void>(read_to_end(near));
  };
  when_all([&] { talk(beat); }, [&] { talk(2 * beat); });
  tcp::stream last = tcp::connect("127.0.0.1", port);
  last.write("hello");
  static_cast<void>(read_text(last, 5));
  server.interrupt();
}

/// Buffers that are filled with a pattern as soon as the library has let go of them.
class watched_buffers {
 public:
  /// For one read; watched afterwards.
  template <class F>
  void lend(F&& f) {
    const std::size_t mine = used_++;
    if (mine == buffers_.size()) throw std::logic_error("too few buffers");
    const finally watch([&, mine] { buffers_[mine].fill(pattern); });
    f(std::span(buffers_[mine]));
  }

  void check() const {
    for (std::size_t i = 0; i < used_; ++i) {
      const auto& buffer = buffers_[i];
      const bool untouched = std::all_of(buffer.begin(), buffer.end(),
                                         [](std::byte b) { return b == pattern; });
      if (!untouched) throw std::logic_error("a buffer was written too late");
    }
  }

 private:
  static constexpr std::byte pattern{0xa5};
  std::array<std::array<std::byte, 64>, 16> buffers_{};
  std::size_t used_ = 0;
};

/// Reads that are cut short by deadlines while bytes come; then, everything that was sent
/// has to have gone somewhere, and nowhere else.
void read_and_give_up(held_things& h) {
  connection c = connect_pair();
  watched_buffers buffers;
  const cleanup look([&] {  // a late write shows as something not given back
    shield([&] { sleep(2 * beat); });
    try {
      buffers.check();
    } catch (const std::logic_error&) {
      ++h.taken;
    }
  });
  with_scope([&](scope& s) {
    s.spin([&] {
      for (int i = 0; i < 6; ++i) {
        move_on_after((i % 3) * beat, [&] {
          buffers.lend([&](std::span<std::byte> room) {
            if (i % 2 == 0) {
              static_cast<void>(c.far.read(room));
            } else {
              static_cast<void>(c.far.read_exactly(room));
            }
          });
        });
      }
    });
    for (int i = 0; i < 4; ++i) {
      sleep(beat);
      c.near.write("a few bytes");
    }
  });
}

}  // namespace

std::vector<scenario> servers() {
  return {
      {"accept_loop", 40, [](held_things& h) { serve_three(h, {}); },
       &is_broken_connection},
      {"accept_loop with a limit, and a grace at its end", 40,
       [](held_things& h) { serve_three(h, {.max_connections = 1, .grace = 5 * beat}); },
       &is_broken_connection},
      {"reads that are given up", 20, &read_and_give_up, &is_broken_connection},
  };
}

}  // namespace motet::test

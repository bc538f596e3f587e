// SPDX-License-Identifier: MIT
#include "test/support/conservation.hpp"
#include "test/support/network.hpp"

#include <motet/error.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::bytes_of;
using test::complaint_of;
using test::connect_pair;
using test::connect_to;
using test::connection;
using test::listen_here;
using test::read_some;
using test::read_text;
using test::read_to_end;
using test::run_on_backend;
using test::text_of;

/// The code of a std::system_error that `f` throws.
template <class F>
std::error_code code_of(F&& f) {
  try {
    f();
  } catch (const std::system_error& e) {
    return e.code();
  }
  return {};
}

TEST_SUITE("tcp: streams") {
  TEST_CASE("bytes written at one end are read at the other") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      near.write("ping");
      CHECK(read_text(far, 4) == "ping");
      far.write(bytes_of("pong"));
      CHECK(read_some(near) == "pong");
    });
  }

  TEST_CASE("the ends of a connection know each other") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      CHECK(near.local() == far.peer());
      CHECK(near.peer() == far.local());
      CHECK(to_string(near.peer()) == "127.0.0.1:" + std::to_string(far.local().port()));
    });
  }

  TEST_CASE("a stream moves, and is false once it has") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      tcp::stream moved = std::move(near);
      CHECK(moved);
      CHECK_FALSE(near);
      CHECK(moved.native_handle() >= 0);
      moved.write("x");
      CHECK(read_some(far) == "x");
    });
  }

  TEST_CASE("read returns nothing at the end of the stream, again and again") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      near.write("last");
      near.close();
      CHECK(read_text(far, 4) == "last");
      CHECK(read_some(far).empty());
      CHECK(read_some(far).empty());
    });
  }

  TEST_CASE("read_exactly waits for all, and stops at the end of the stream") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      auto reader = spin([&far = far] { return read_text(far, 6); });
      near.write("abc");
      yield();
      near.write("def");
      CHECK(reader.await() == "abcdef");
      near.write("gh");
      near.close();
      std::array<std::byte, 6> room{};
      std::size_t done = 99;
      CHECK(text_of(far.read_exactly(room, done)) == "gh");
      CHECK(done == 2);
    });
  }

  TEST_CASE("a read into no room waits for nothing") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      std::size_t done = 99;
      CHECK(far.read_exactly({}, done).empty());
      CHECK(done == 0);
      near.write("");
      near.write("x");
      CHECK(read_some(far) == "x");
    });
  }

  TEST_CASE("recv_loop hands over what arrives until the end") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      auto all = spin([&far = far] { return read_to_end(far); });
      near.write("one ");
      yield();
      near.write("two");
      near.shutdown_send();
      CHECK(all.await() == "one two");
    });
  }

  TEST_CASE("chunks are pieces of the stream in a buffer of one's own") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      near.write("abcdefgh");
      near.close();
      std::array<std::byte, 3> room{};
      std::string all;
      for (std::span<std::byte> chunk : far.chunks(room)) {
        CHECK(chunk.data() == room.data());
        CHECK(chunk.size() <= room.size());
        all += text_of(chunk);
      }
      CHECK(all == "abcdefgh");
    });
  }

  TEST_CASE("lines come without their ends, the last need not have one") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      near.write("first\r\n\nthird\nfo");
      near.write("urth\r");
      near.close();
      std::vector<std::string> lines;
      for (std::string& line : far.lines())
        lines.push_back(std::move(line));
      CHECK(lines == std::vector<std::string>{"first", "", "third", "fourth\r"});
    });
  }

  TEST_CASE("a line longer than agreed is an error, one as long is not") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      near.write("12345678\n123456789");
      auto lines = far.lines(8);
      auto line = lines.begin();
      CHECK(*line == "12345678");
      CHECK(code_of([&] { ++line; }) == std::errc::message_size);
    });
  }

  TEST_CASE("long lines arrive whole") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      const std::string longish(60'000, 'x');
      auto writer = spin([&near = near, &longish] {
        near.write(longish + "\n" + longish + "\n");
        near.shutdown_send();
      });
      int count = 0;
      for (const std::string& line : far.lines()) {
        CHECK(line == longish);
        ++count;
      }
      CHECK(count == 2);
      writer.await();
    });
  }

  TEST_CASE("write sends all of it, however long the peer takes to read") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      std::string much(std::size_t{8} << 20U, '\0');
      for (std::size_t i = 0; i < much.size(); ++i) {
        much[i] = static_cast<char>(i * 131 >> 3U);
      }
      std::size_t done = 0;
      auto writer = spin([&near = near, &much, &done] {
        near.write(bytes_of(much), done);
        near.shutdown_send();
      });
      CHECK(read_to_end(far) == much);
      writer.await();
      CHECK(done == much.size());
    });
  }

  TEST_CASE("write_some writes a part and says how much") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      CHECK(near.write_some(bytes_of("abc")) == 3);
      const std::string much(std::size_t{64} << 20U, 'x');
      std::error_code ec = std::make_error_code(std::errc::io_error);
      const std::size_t sent = near.write_some(bytes_of(much), ec);
      CHECK_FALSE(ec);
      CHECK(sent > 0);
      CHECK(sent < much.size());
      near.close();
      CHECK(test::count_to_end(far) == sent + 3);
    });
  }

  TEST_CASE("several pieces are written as one, also empty ones and very many") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      const std::array pieces{bytes_of("head"), bytes_of(""), bytes_of(" and "),
                              bytes_of("body")};
      near.write(pieces);
      CHECK(read_text(far, 13) == "head and body");
      const std::vector many(3000, bytes_of("0123456789"));
      auto writer = spin([&near = near, &many] {
        near.write(many);
        near.close();
      });
      const std::string all = read_to_end(far);
      CHECK(all.size() == 30'000);
      CHECK(all.substr(29'990) == "0123456789");
      writer.await();
    });
  }

  TEST_CASE("pieces larger than what the peer takes at a time arrive in order") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      std::string first(std::size_t{3} << 20U, 'a');
      std::string second(std::size_t{5} << 20U, 'b');
      auto writer = spin([&, &near = near] {
        const std::array pieces{bytes_of(first), bytes_of(second)};
        near.write(pieces);
        near.close();
      });
      CHECK(read_to_end(far) == first + second);
      writer.await();
    });
  }

  TEST_CASE("one may stop sending and still receive") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      near.write("question");
      near.shutdown_send();
      CHECK(read_to_end(far) == "question");
      far.write("answer");
      far.close();
      CHECK(read_to_end(near) == "answer");
      near.shutdown_send();
    });
  }

  TEST_CASE("one fiber may read while another writes") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      auto echo = spin([&far = far] {
        far.recv_loop([&](std::span<const std::byte> data) { far.write(data); });
        far.shutdown_send();
      });
      auto back = spin([&near = near] { return test::count_to_end(near); });
      const std::string much(std::size_t{4} << 20U, 'x');
      near.write(much);
      near.shutdown_send();
      CHECK(back.await() == much.size());
      echo.await();
    });
  }
}

TEST_SUITE("tcp: failures") {
  TEST_CASE("an error of a broken connection names what was tried, and with whom") {
    run_on_backend([] {
      connection c = connect_pair();
      test::reset_peer(c);
      const std::error_code ec = code_of([&] { read_some(c.far); });
      CHECK(ec == std::errc::connection_reset);
      CHECK(complaint_of([&] {
              for (;;)
                c.far.write("x");
            }).starts_with("write to"));
    });
  }

  TEST_CASE("overloads with an error_code report instead of throwing") {
    run_on_backend([] {
      connection c = connect_pair();
      test::reset_peer(c);
      std::error_code ec;
      std::array<std::byte, 8> room{};
      CHECK(c.far.read(room, ec).empty());
      CHECK(ec == std::errc::connection_reset);
      c.far.write(bytes_of("x"), ec);
      CHECK(ec == std::errc::broken_pipe);
      CHECK(c.far.write_some(bytes_of("x"), ec) == 0);
      CHECK(ec == std::errc::broken_pipe);
      connection fresh = connect_pair();
      fresh.near.write(bytes_of("x"), ec);
      CHECK_FALSE(ec);
      CHECK(fresh.far.read(room, ec).size() == 1);
      CHECK_FALSE(ec);
    });
  }

  TEST_CASE("writing to a peer that has gone is an error, and no signal") {
    run_on_backend([] {
      // As in a program that never heard of motet's own precautions.
      auto* const before = std::signal(SIGPIPE, SIG_DFL);
      connection c = connect_pair();
      test::reset_peer(c);
      CHECK(code_of([&] {
              for (;;)
                c.far.write("x");
            }).category() == std::system_category());
      const std::array pieces{bytes_of("x"), bytes_of("y")};
      CHECK(code_of([&] { c.far.write(pieces); }) == std::errc::broken_pipe);
      CHECK(code_of([&] { c.far.write_some(bytes_of("z")); }) == std::errc::broken_pipe);
      std::signal(SIGPIPE, before);
    });
  }

  TEST_CASE("what is not connected says so") {
    run_on_backend([] {
      tcp::stream nothing;
      tcp::listener deaf;
      CHECK_FALSE(nothing);
      CHECK_FALSE(deaf);
      CHECK(code_of([&] { read_some(nothing); }) == std::errc::bad_file_descriptor);
      CHECK(code_of([&] { nothing.write("x"); }) == std::errc::bad_file_descriptor);
      CHECK(code_of([&] { (void)nothing.peer(); }) == std::errc::bad_file_descriptor);
      std::error_code ec;
      CHECK_FALSE(deaf.accept(ec));
      CHECK(ec == std::errc::bad_file_descriptor);
      nothing.close();
      deaf.close();
    });
  }

  TEST_CASE("outside of fibers, waiting is a structure_error and closing is not") {
    tcp::stream kept;
    run_on_backend([&] {
      kept = connect_pair().near;
      test::leave_behind("simulated descriptors", testing::open_descriptors());
    });
    std::array<std::byte, 1> room{};
    CHECK_THROWS_AS((void)kept.read(room), structure_error);
  }
}

}  // namespace
}  // namespace motet

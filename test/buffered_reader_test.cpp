// SPDX-License-Identifier: MIT
#include "test/support/bytes.hpp"
#include "test/support/network.hpp"

#include <motet/buffered_reader.hpp>
#include <motet/error.hpp>
#include <motet/scope.hpp>
#include <motet/spin.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <system_error>
#include <vector>

namespace motet {
namespace {

using test::bytes_of;
using test::connect_pair;
using test::pieces_to_read;
using test::run_on_backend;
using test::text_of;

std::vector<std::string> lines_of(std::vector<std::string> pieces) {
  pieces_to_read from(std::move(pieces));
  buffered_reader reader(from);
  std::vector<std::string> all;
  for (std::string& line : reader.lines())
    all.push_back(std::move(line));
  return all;
}

TEST_SUITE("buffered_reader") {
  TEST_CASE("lines come whole however they arrive, and without their ends") {
    const std::vector<std::string> wanted{"one", "", "two", "\rthree", "four"};
    const std::string all = "one\n\r\ntwo\r\n\rthree\nfour";
    CHECK(lines_of({all}) == wanted);
    std::vector<std::string> one_by_one;
    for (const char c : all)
      one_by_one.emplace_back(1, c);
    CHECK(lines_of(one_by_one) == wanted);
    CHECK(lines_of({}).empty());
    CHECK(lines_of({"\n"}) == std::vector<std::string>{""});
  }

  TEST_CASE("one read brings many lines, and a view of each is no copy") {
    pieces_to_read from({"a\nbc\nd"});
    buffered_reader reader(from);
    const auto first = reader.read_line();
    REQUIRE(first);
    CHECK(*first == "a");
    CHECK(from.reads == 1);
    CHECK(text_of(reader.buffered()) == "bc\nd");
    CHECK(static_cast<const void*>(first->data() + 2) == reader.buffered().data());
    CHECK(reader.read_line() == "bc");
    CHECK(from.reads == 1);
    CHECK(reader.read_line() == "d");
    CHECK_FALSE(reader.read_line());
    CHECK_FALSE(reader.read_line());
  }

  TEST_CASE("a line that is too long is an error, and stays") {
    pieces_to_read from({"1234", "5\n12345\r\n12", "3456", "7\nlast"});
    buffered_reader reader(from);
    CHECK(reader.read_line(5) == "12345");
    CHECK(reader.read_line(5) == "12345");
    for (int i = 0; i < 2; ++i) {
      try {
        (void)reader.read_line(5);
        FAIL("no error");
      } catch (const std::system_error& e) {
        CHECK(e.code() == std::errc::message_size);
        CHECK(std::string(e.what()).starts_with("a line of more than 5 bytes"));
      }
    }
    CHECK(text_of(reader.buffered()).starts_with("12"));
    CHECK(reader.skip_past("\n"));
    CHECK(reader.read_line(5) == "last");
    CHECK_FALSE(reader.skip_past("\n"));
  }

  TEST_CASE("the last line has a limit as well, and no limit is too large") {
    pieces_to_read from({"123456"});
    buffered_reader reader(from);
    CHECK_THROWS_AS((void)reader.read_line(5), std::system_error);
    CHECK(reader.read_line(~std::size_t{0}) == "123456");
  }

  TEST_CASE("read_until takes what comes before a delimiter, and the delimiter") {
    pieces_to_read from({"head\r", "\n\r", "\nbody;", "rest"});
    buffered_reader reader(from);
    CHECK(reader.read_until("\r\n\r\n") == "head");
    CHECK(reader.read_until(';') == "body");
    CHECK_FALSE(reader.read_until(';'));
    CHECK(text_of(reader.buffered()) == "rest");
    CHECK_THROWS_AS((void)reader.read_until("::", 2), std::system_error);
    CHECK_FALSE(reader.read_until("::", 3));
    CHECK(text_of(reader.read_exactly(9)) == "rest");
    CHECK_FALSE(reader.read_until(';'));
  }

  TEST_CASE("a delimiter may come in two halves when it is passed over, too") {
    pieces_to_read from({"xx--", "-", "-y", "-", "--z"});
    buffered_reader reader(from, 4);
    CHECK(reader.skip_past("----"));
    CHECK(text_of(reader.peek(1)).starts_with("y"));
    CHECK(reader.skip_past("---"));
    CHECK(text_of(reader.read_exactly(5)) == "z");
  }

  TEST_CASE("read_exactly gives less at the end only") {
    pieces_to_read from({"ab", "cdef", "g"});
    buffered_reader reader(from);
    CHECK(text_of(reader.read_exactly(3)) == "abc");
    CHECK(reader.read_exactly(std::size_t{0}).empty());
    std::array<std::byte, 3> room{};
    CHECK(text_of(reader.read_exactly(room)) == "def");
    CHECK(text_of(reader.read_exactly(room)) == "g");
    CHECK(reader.read_exactly(room).empty());
  }

  TEST_CASE("read gives what is here, else what comes") {
    pieces_to_read from({"abcdef", "gh", "ij"});
    buffered_reader reader(from);
    std::array<std::byte, 4> small{};
    CHECK(text_of(reader.read(small)) == "abcd");
    CHECK(text_of(reader.read(small)) == "ef");
    std::vector<std::byte> large(10'000);
    CHECK(text_of(reader.read(large)) == "gh");
    CHECK(reader.buffered().empty());
    CHECK(text_of(reader.read(small)) == "ij");
    CHECK(reader.read(large).empty());
    CHECK(reader.read(small).empty());
  }

  TEST_CASE("a parser looks, asks for more, and takes what it has understood") {
    pieces_to_read from({"GET", " key;GE", "T k2;"});
    buffered_reader reader(from);
    std::string seen;
    while (!reader.peek(reader.buffered().size() + 1).empty()) {
      const std::string text = text_of(reader.buffered());
      if (text.ends_with(";")) {
        seen += "[" + text + "]";
        reader.consume(text.size());
      }
    }
    CHECK(seen == "[GET key;GET k2;]");
  }

  TEST_CASE("what is passed over is counted") {
    pieces_to_read from({"abc", std::string(5000, 'x'), "end"});
    buffered_reader reader(from);
    CHECK(reader.skip(1) == 1);
    CHECK(reader.skip(5002) == 5002);
    CHECK(text_of(reader.peek()) == "end");
    CHECK(reader.skip(100) == 3);
    CHECK(reader.skip(1) == 0);
  }

  TEST_CASE("pieces longer than the buffer make it grow, as they come") {
    std::string all;
    for (int i = 0; i < 20'000; ++i)
      all += std::to_string(i) + "\n";
    pieces_to_read from({all, all});
    buffered_reader reader(from, 16);
    CHECK(text_of(reader.read_exactly(all.size())) == all);
    for (int i = 0; i < 20'000; ++i) {
      const auto line = reader.read_line();
      REQUIRE(line == std::to_string(i));
    }
    CHECK_FALSE(reader.read_line());
  }

  TEST_CASE("a reader is something to read from, too") {
    pieces_to_read from({"one\ntwo\n"});
    buffered_reader inner(from);
    buffered_reader outer(inner);
    CHECK(outer.read_line() == "one");
    CHECK(outer.read_line() == "two");
  }

  TEST_CASE("many requests in one read are one read") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      near.write("PING\r\nPING\r\nPING\r\n");
      near.close();
      buffered_reader reader(far);
      int pings = 0;
      for (const std::string& line : reader.lines())
        pings += line == "PING" ? 1 : 0;
      CHECK(pings == 3);
    });
  }
}

TEST_SUITE("buffered_reader: cancelling") {
  TEST_CASE("I-05: read_exactly cancelled half-way keeps what it has") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      buffered_reader reader(far);
      // The second one goes past the buffer.
      for (const std::size_t size : {std::size_t{10}, std::size_t{10'000}}) {
        const std::string text(size, 'x');
        near.write(text.substr(0, 6));
        std::vector<std::byte> room(size);
        CHECK_FALSE(move_on_after(1ms, [&] { (void)reader.read_exactly(room); }));
        near.write(text.substr(6) + "|");
        CHECK(text_of(reader.read_exactly(room)) == text);
        CHECK(text_of(reader.read_exactly(std::size_t{1})) == "|");
      }
    });
  }

  TEST_CASE("I-05: a line that is cut short at every byte comes whole") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      buffered_reader reader(far);
      for (const char c : std::string("slowly")) {
        near.write(std::string_view(&c, 1));
        CHECK_FALSE(move_on_after(1ms, [&] { return reader.read_line().has_value(); }));
      }
      near.write("\nnext\n");
      CHECK(reader.read_line() == "slowly");
      CHECK(reader.read_line() == "next");
    });
  }

  TEST_CASE("B-08: a point looks first, though all it needs is here") {
    run_on_backend([] {
      pieces_to_read from({"a\nb\nc\n"});
      buffered_reader reader(from);
      CHECK(reader.read_line() == "a");
      with_scope([&](scope& s) {
        s.cancel();
        CHECK_THROWS_AS((void)reader.read_line(), cancelled);
        CHECK_THROWS_AS((void)reader.peek(), cancelled);
        CHECK_THROWS_AS((void)reader.skip(1), cancelled);
        CHECK_THROWS_AS((void)reader.read_until('b'), cancelled);
        CHECK_THROWS_AS((void)reader.read_exactly(std::size_t{1}), cancelled);
      });
      CHECK(reader.read_line() == "b");
    });
  }

  TEST_CASE("an error of the source costs nothing that came before it") {
    run_on_backend([] {
      test::connection c = connect_pair();
      buffered_reader reader(c.far);
      c.near.write("half");
      CHECK(text_of(reader.peek(4)) == "half");
      test::reset_peer(c);
      CHECK_THROWS_AS((void)reader.read_line(), std::system_error);
      CHECK(text_of(reader.buffered()) == "half");
    });
  }
}

}  // namespace
}  // namespace motet

// SPDX-License-Identifier: MIT
#include "test/support/bytes.hpp"
#include "test/support/network.hpp"

#include <motet/buffered_writer.hpp>
#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/scope.hpp>
#include <motet/spin.hpp>
#include <motet/time.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <optional>
#include <string>
#include <system_error>

namespace motet {
namespace {

using test::bytes_of;
using test::connect_pair;
using test::run_on_backend;
using test::text_of;
using test::written_text;

TEST_SUITE("buffered_writer") {
  TEST_CASE("writes are collected until there is enough, or a flush") {
    written_text to;
    buffered_writer writer(to, {.capacity = 8});
    writer.write("abc");
    writer.write("def");
    CHECK(to.writes == 0);
    CHECK(text_of(writer.unwritten()) == "abcdef");
    writer.flush();
    CHECK(to.text == "abcdef");
    CHECK(to.writes == 1);
    writer.flush();
    CHECK(to.writes == 1);
    writer.write("12345678");
    CHECK(to.writes == 1);
    writer.write("9");
    CHECK(to.text == "abcdef123456789");
    CHECK(to.writes == 2);
    CHECK(writer.unwritten().empty());
  }

  TEST_CASE("what is too large to collect goes out with what was collected") {
    written_text to;
    buffered_writer writer(to, {.capacity = 8});
    writer.write("head:");
    writer.write(std::string(100, 'x'));
    CHECK(to.text == "head:" + std::string(100, 'x'));
    CHECK(to.writes == 1);
    writer.write(std::string(9, 'y'));
    CHECK(to.text.ends_with("xyyyyyyyyy"));
    CHECK(to.writes == 2);
  }

  TEST_CASE("what is left is flushed on the way out") {
    written_text to;
    { buffered_writer(to).write("outside of fibers"); }
    CHECK(to.text == "outside of fibers");
    run_on_backend([] {
      auto [near, far] = connect_pair();
      {
        buffered_writer writer(near);
        writer.write("bye");
        CHECK(writer.unwritten().size() == 3);
      }
      near.close();
      CHECK(test::read_to_end(far) == "bye");
    });
  }

  TEST_CASE("a stop flushes what was taken, and nothing that was not") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      auto writing = spin([&near = near] {
        buffered_writer writer(near);
        writer.write("taken");
        try {
          suspend();
        } catch (const cancelled&) {
          writer.write("not taken");
        }
      });
      yield();
      writing.stop();
      CHECK(writing.outcome().stopped());
      near.close();
      CHECK(test::read_to_end(far) == "taken");
    });
  }

  TEST_CASE("a flush on the way out does not take longer than its grace") {
    run_on_backend([] {
      written_text to;
      to.room = 2;
      const time_point start = clock::now();
      auto writing = spin([&to] {
        buffered_writer writer(to, {.grace = 20ms});
        writer.write("abcdef");
        suspend();
      });
      yield();
      writing.stop();
      const auto end = writing.outcome();
      CHECK(clock::now() - start >= 20ms);
      CHECK(to.text == "ab");
      REQUIRE(end.failed());
      const std::string why = describe(end.error());
      CHECK(why.find("4 bytes were not written") != std::string::npos);
    });
  }

  TEST_CASE(
      "an error on the way out is not lost, and one that was told is not repeated") {
    run_on_backend([] {
      written_text to;
      to.room = 2;
      to.fail = +[] { throw std::system_error(EPIPE, std::system_category(), "peer"); };
      try {
        with_scope([&](scope&) { buffered_writer(to).write("abcdef"); });
        FAIL("no error");
      } catch (const std::system_error& e) {
        CHECK(e.code().value() == EPIPE);
        CHECK(std::string(e.what()).find("4 bytes") != std::string::npos);
      }
      with_scope([&](scope&) {
        buffered_writer writer(to);
        writer.write("abcdef");
        CHECK_THROWS_AS(writer.flush(), std::system_error);
        CHECK(text_of(writer.unwritten()) == "abcdef");
      });
      with_scope([&](scope&) {
        buffered_writer writer(to);
        writer.write("forgotten");
        writer.discard();
      });
      CHECK(to.text == "ab");
    });
  }
}

TEST_SUITE("buffered_writer: cancelling") {
  TEST_CASE("I-04: a flush that is cut short goes on where it was") {
    run_on_backend([] {
      written_text to;
      buffered_writer writer(to);
      writer.write("abcdef");
      for (to.room = 1; to.room <= 5; ++to.room) {
        CHECK_FALSE(move_on_after(1ms, [&] { writer.flush(); }));
        CHECK(to.text + text_of(writer.unwritten()) == "abcdef");
      }
      writer.write("gh");
      to.room = 100;
      writer.flush();
      CHECK(to.text == "abcdefgh");
    });
  }

  TEST_CASE("I-04: a small piece that is cut short is taken whole or not at all") {
    run_on_backend([] {
      for (const std::size_t room : {std::size_t{2}, std::size_t{6}}) {
        written_text to;
        to.room = room;
        buffered_writer writer(to, {.capacity = 4});
        writer.write("abcd");
        std::size_t done = 99;
        CHECK_FALSE(move_on_after(1ms, [&] { writer.write(bytes_of("efgh"), done); }));
        CHECK(done == (room == 2 ? 0 : 4));
        to.room = 100;
        writer.write("!");
        writer.flush();
        CHECK(to.text == (room == 2 ? "abcd!" : "abcdefgh!"));
      }
    });
  }

  TEST_CASE("I-04: a large piece that is cut short breaks the stream") {
    run_on_backend([] {
      written_text to;
      {
        buffered_writer writer(to, {.capacity = 4});
        writer.write("ab");
        to.room = 5;
        CHECK_FALSE(move_on_after(1ms, [&] { writer.write(std::string(10, 'x')); }));
        to.room = 100;
        CHECK_THROWS_AS(writer.write("c"), broken_stream);
        CHECK_THROWS_AS(writer.flush(), broken_stream);
      }
      CHECK(to.text == "abxxx");
    });
  }

  TEST_CASE("I-04: who asks how far it came may go on with the rest") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      const std::string much(std::size_t{8} << 20U, 'x');
      auto writing = spin([&, &near = near] {
        buffered_writer writer(near);
        writer.write("head");
        std::size_t done = 0;
        CHECK_FALSE(move_on_after(5ms, [&] { writer.write(bytes_of(much), done); }));
        CHECK(done < much.size());
        writer.write(bytes_of(much).subspan(done));
        writer.write("tail");
      });
      sleep(10ms);
      CHECK(test::read_text(far, 4) == "head");
      CHECK(test::read_text(far, much.size()) == much);
      CHECK(test::read_text(far, 4) == "tail");
      writing.await();
    });
  }

  TEST_CASE("a sink that does not tell how far it came is broken when cut short") {
    struct silent {
      void write(std::span<const std::byte>) { suspend(); }
    };
    run_on_backend([] {
      silent to;
      buffered_writer writer(to);
      writer.write("abc");
      CHECK_FALSE(move_on_after(1ms, [&] { writer.flush(); }));
      CHECK_THROWS_AS(writer.flush(), broken_stream);
    });
  }
}

}  // namespace
}  // namespace motet

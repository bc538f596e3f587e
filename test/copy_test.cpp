// SPDX-License-Identifier: MIT
#include "test/support/bytes.hpp"
#include "test/support/network.hpp"

#include <motet/copy.hpp>
#include <motet/debug.hpp>
#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/pipes.hpp>
#include <motet/socket_options.hpp>
#include <motet/spin.hpp>
#include <motet/time.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

namespace motet {
namespace {

using test::bytes_of;
using test::connect_pair;
using test::pieces_to_read;
using test::read_some;
using test::run_on_backend;
using test::text_of;
using test::written_text;
using test::yield_until;

/// As long as asked for, and no two parts of it alike.
std::string numbered(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>(i * 131 >> 3U);
  return text;
}

/// Copies between two connections; one writes to `in` and reads from `out`.
struct gate {
  gate() {
    auto [near, mine] = connect_pair();
    auto [also_mine, far] = connect_pair();
    in = std::move(near);
    from = std::move(mine);
    to = std::move(also_mine);
    out = std::move(far);
  }

  tcp::stream in, from, to, out;
};

TEST_SUITE("copy") {
  TEST_CASE("a copy goes on until the end, and counts") {
    pieces_to_read from({"abc", "def"});
    written_text to;
    std::size_t told = 0;
    CHECK(copy(from, to, {.on_progress = [&](std::size_t size) { told += size; }}) == 6);
    CHECK(to.text == "abcdef");
    CHECK(told == 6);
  }

  TEST_CASE("little and much between streams arrive as they were") {
    run_on_backend([] {
      // Large ones go through a pipe.
      for (const std::size_t size :
           {std::size_t{0}, std::size_t{10}, std::size_t{5} << 20U}) {
        gate g;
        const std::string text = numbered(size);
        auto writing = spin([&] {
          g.in.write(text);
          g.in.shutdown_send();
        });
        auto copying = spin([&] {
          const std::size_t done = copy(g.from, g.to);
          g.to.shutdown_send();
          return done;
        });
        CHECK(test::read_to_end(g.out) == text);
        CHECK(copying.await() == size);
        writing.await();
      }
    });
  }

  TEST_CASE("both directions at once, and the end of one is passed on") {
    run_on_backend([] {
      gate g;
      auto copying = spin([&] { return copy_both(g.from, g.to); });
      g.in.write("question");
      g.in.shutdown_send();
      CHECK(test::read_to_end(g.out) == "question");
      g.out.write("answer");
      g.out.close();
      CHECK(test::read_to_end(g.in) == "answer");
      const both_ways done = copying.await();
      CHECK(done.there == 8);
      CHECK(done.back == 6);
    });
  }

  TEST_CASE("an error of one direction stops the other") {
    run_on_backend([] {
      gate g;
      both_ways done;
      auto copying = spin([&] { copy_both(g.from, g.to, done); });
      g.in.write("abc");
      CHECK(read_some(g.out) == "abc");
      yield_until([] {
        constexpr std::string_view what = "waits for bytes to read";
        const std::string fibers = dump();
        return fibers.find(what) != fibers.rfind(what);  // both directions
      });
      g.from.close();
      CHECK_THROWS_AS(copying.await(), closed_error);
      CHECK(done.there == 3);
      CHECK(done.back == 0);
    });
  }
}

TEST_SUITE("copy: cancelling") {
  TEST_CASE("I-13: a copy that is stopped lets go of no byte, early or late") {
    run_on_backend([] {
      const std::string text = numbered(std::size_t{12} << 20U);
      for (const std::size_t before :
           {std::size_t{0}, std::size_t{1000}, std::size_t{8} << 20U}) {
        gate g;
        // Left alone, a system gives sockets room for all that is left to copy.
        g.to.set(send_buffer{1 << 16});
        g.out.set(receive_buffer{1 << 16});
        auto writing = spin([&] {
          g.in.write(text);
          g.in.shutdown_send();
        });
        std::size_t done = 0;
        auto copying = spin([&] { copy(g.from, g.to, done); });
        std::string got = test::read_text(g.out, before);
        copying.stop();
        auto reading = spin([&] {
          for (;;)
            got += read_some(g.out, 100'000);
        });
        CHECK(copying.outcome().stopped());
        reading.interrupt();
        while (got.size() < done)
          got += read_some(g.out, 100'000);
        CHECK(got.size() == done);
        // Whoever goes on with both finds everything in its place.
        auto rest = spin([&] {
          copy(g.from, g.to);
          g.to.shutdown_send();
        });
        got += test::read_to_end(g.out);
        CHECK(got == text);
        rest.await();
        writing.await();
      }
    });
  }

  TEST_CASE("I-13: bytes that nobody takes in time are an error, which tells how many") {
    run_on_backend([] {
      pieces_to_read from({"abcdef", "never read"});
      written_text to;
      to.room = 2;
      std::size_t done = 0;
      const time_point start = clock::now();
      auto copying = spin([&] { copy(from, to, done, {.grace = 20ms}); });
      yield();
      copying.stop();
      const auto end = copying.outcome();
      CHECK(clock::now() - start >= 20ms);
      REQUIRE(end.failed());
      CHECK(describe(end.error()).find("4 bytes that it had read") != std::string::npos);
      CHECK(done == 2);
      CHECK(from.reads == 1);
    });
  }

  TEST_CASE("I-13: a splice that is stopped has moved nothing, and both ends go on") {
    run_on_backend([] {
      auto [reader, writer] = pipes();
      auto [near, far] = connect_pair();
      auto moving = spin([&r = reader, &n = near] { return splice(r, n, 100); });
      sleep(1ms);
      moving.stop();
      CHECK(moving.outcome().stopped());
      writer.write("abcdef");
      CHECK(splice(reader, near, 4) == 4);
      CHECK(test::read_text(far, 4) == "abcd");
      auto [other_reader, other_writer] = pipes();
      CHECK(tee(reader, other_writer, 100) == 2);
      CHECK(read_some(other_reader) == "ef");
      CHECK(read_some(reader) == "ef");
      auto later = spin([&n = near, &w = other_writer] { return splice(n, w, 100); });
      sleep(1ms);
      far.write("back");
      CHECK(later.await() == 4);
      CHECK(read_some(other_reader) == "back");
      writer.close();
      CHECK(splice(reader, near, 100) == 0);
      far.write("neither is a pipe");
      CHECK_THROWS_AS(splice(near, near, 1), std::system_error);
    });
  }

  TEST_CASE("I-13: a copy from a reader leaves there what was not written") {
    run_on_backend([] {
      pieces_to_read from({"abcdef"});
      buffered_reader reader(from);
      written_text to;
      to.room = 2;
      std::size_t done = 0;
      CHECK_FALSE(move_on_after(1ms, [&] { copy(reader, to, done); }));
      CHECK(done == 2);
      CHECK(text_of(reader.buffered()) == "cdef");
      to.room = 100;
      CHECK(copy(reader, to) == 4);
      CHECK(to.text == "abcdef");
    });
  }

  TEST_CASE("a copy that cannot write is not kept by its grace") {
    run_on_backend([] {
      pieces_to_read from({"abcdef"});
      written_text to;
      to.room = 2;
      to.fail = +[] { throw std::system_error(EPIPE, std::system_category()); };
      std::size_t done = 0;
      CHECK_THROWS_AS(copy(from, to, done), std::system_error);
      CHECK(done == 2);
      CHECK(to.writes == 1);
    });
  }
}

}  // namespace
}  // namespace motet

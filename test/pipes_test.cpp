// SPDX-License-Identifier: MIT
// Pipes and the standard streams.
#include <motet/cancel.hpp>
#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/pipes.hpp>
#include <motet/run.hpp>
#include <motet/spin.hpp>
#include <motet/standard_streams.hpp>
#include <motet/time.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace motet;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string read_once(stream& from) {
  std::array<std::byte, 64> room{};
  return text_of(from.read(room));
}

/// Puts something else in a standard stream's place, as long as it lives.
class in_place_of {
 public:
  in_place_of(int standard, int other)
      : standard_(standard), before_(::fcntl(standard, F_DUPFD_CLOEXEC, 0)) {
    REQUIRE(::dup2(other, standard) == standard);
  }
  in_place_of(const in_place_of&) = delete;
  in_place_of& operator=(const in_place_of&) = delete;
  ~in_place_of() {
    if (before_ < 0) {
      ::close(standard_);
    } else {
      ::dup2(before_, standard_);
      ::close(before_);
    }
  }

 private:
  int standard_;
  int before_;
};

/// A pipe of the system's own, on every backend.
struct real_pipe {
  std::array<int, 2> ends{};
  real_pipe() { REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0); }
  real_pipe(const real_pipe&) = delete;
  real_pipe& operator=(const real_pipe&) = delete;
  ~real_pipe() {
    for (const int fd : ends)
      ::close(fd);
  }
};

TEST_SUITE("pipes") {
  TEST_CASE("what is written into one end is read from the other, until it is closed") {
    run([] {
      pipe_ends ends = pipes();
      stream& reader = ends.reader;
      stream& writer = ends.writer;
      writer.write("ut re");
      CHECK(read_once(reader) == "ut re");
      fiber<std::string> waits = spin([&] { return read_once(reader); });
      yield();
      writer.write(" mi");
      CHECK(waits.await() == " mi");
      writer.write("fa");
      writer.shutdown_send();
      CHECK(read_once(reader) == "fa");
      CHECK(read_once(reader).empty());
      CHECK(read_once(reader).empty());
    });
  }

  TEST_CASE("a writer that nobody reads from is told, and by no signal") {
    run([] {
      for (const bool waits : {false, true}) {
        pipe_ends ends = pipes();
        stream& reader = ends.reader;
        stream& writer = ends.writer;
        const std::vector<std::byte> much(200'000);
        std::error_code ec;
        fiber<> writing;
        if (waits) {
          writing = spin([&] { writer.write(much, ec); });
          sleep(1ms);
          CHECK(writing.state() == fiber_phase::parked);
        }
        reader.close();
        if (waits) {
          writing.await();
        } else {
          writer.write(much, ec);
        }
        CHECK(ec == std::errc::broken_pipe);
      }
    });
  }

  TEST_CASE("ends are for one direction") {
    run([] {
      auto [reader, writer] = pipes();
      std::error_code ec;
      std::array<std::byte, 4> room{};
      reader.write(room, ec);
      CHECK(ec == std::errc::bad_file_descriptor);
      (void)writer.read(room, ec);
      CHECK(ec == std::errc::bad_file_descriptor);
      CHECK(reader.kind() == stream_kind::other);
    });
  }

  TEST_CASE("more than fits waits for its reader; stopped, it tells how much went in") {
    run([] {
      pipe_ends ends = pipes();
      stream& reader = ends.reader;
      stream& writer = ends.writer;
      const std::vector<std::byte> much(1'000'000, std::byte{'x'});
      std::size_t done = 0;
      fiber<> writing = spin([&] { writer.write(much, done); });
      std::vector<std::byte> room(200'000);
      CHECK(reader.read_exactly(room).size() == room.size());
      sleep(1ms);
      writing.stop();
      CHECK(writing.outcome().stopped());
      CHECK(done >= room.size());
      CHECK(done < much.size());
      writer.close();
      std::size_t rest = 0;
      reader.recv_loop([&](std::span<const std::byte> part) { rest += part.size(); });
      CHECK(room.size() + rest == done);
    });
  }

  TEST_CASE("a reader that is stopped has taken nothing") {
    run([] {
      pipe_ends ends = pipes();
      stream& reader = ends.reader;
      stream& writer = ends.writer;
      fiber<> reading = spin([&] { (void)read_once(reader); });
      yield();
      reading.stop();
      CHECK(reading.outcome().stopped());
      writer.write("ut");
      CHECK(read_once(reader) == "ut");
      fiber<> closed = spin([&] { (void)read_once(reader); });
      yield();
      reader.close();
      CHECK_THROWS_AS(closed.await(), closed_error);
    });
  }
}

TEST_SUITE("standard streams") {
  TEST_CASE("they read and write what is there, and stay open") {
    const real_pipe in;
    const real_pipe out;
    {
      const in_place_of other_input(STDIN_FILENO, in.ends[0]);
      const in_place_of other_output(STDOUT_FILENO, out.ends[1]);
      REQUIRE(::write(in.ends[1], "ut re", 5) == 5);
      run([] {
        stream input = standard_input();
        standard_output().write(read_once(input));
        input.close();
        CHECK(input.native_handle() != STDIN_FILENO);
        standard_output().write(" mi");
      });
      CHECK(::fcntl(STDIN_FILENO, F_GETFL) == O_RDONLY);
      CHECK(::fcntl(STDOUT_FILENO, F_GETFL) == O_WRONLY);
    }
    std::array<char, 64> room{};
    CHECK(::read(out.ends[0], room.data(), room.size()) == 8);
    CHECK(std::string_view(room.data()) == "ut re mi");
  }

  TEST_CASE("several fibers write at a time, each of its lines in one piece") {
    const real_pipe out;
    {
      const in_place_of other_error(STDERR_FILENO, out.ends[1]);
      run([] {
        std::vector<fiber<>> writers;
        for (char c = 'a'; c < 'e'; ++c) {
          writers.push_back(spin([c] {
            stream error = standard_error();
            for (int i = 0; i < 20; ++i)
              error.write(std::string(99, c) + "\n");
          }));
        }
        for (fiber<>& each : writers)
          each.await();
      });
    }
    std::string all(8000, '.');
    REQUIRE(::read(out.ends[0], all.data(), all.size()) == 8000);
    for (std::size_t at = 0; at < all.size(); at += 100)
      CHECK(all.substr(at, 100) == std::string(99, all[at]) + "\n");
  }
}

}  // namespace

// SPDX-License-Identifier: MIT
// Reading and writing what is ready at some times and not at others, and no socket.
#include "test/contract/reading.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace motet::contract {
namespace {

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  return ends;
}

struct a_pipe {
  std::array<int, 2> ends = make_pipe();
  own_fd out{ends[0]};
  own_fd in{ends[1]};
};

TEST_SUITE("contract: pipes and terminals") {
  TEST_CASE("a read waits for a write, and ends when all writers are gone") {
    on_each_kernel([](host& on) {
      a_pipe pipe;
      reading first(pipe.out);
      on->submit(first.op);
      CHECK(on.quiet());
      CHECK(on->in_flight() == 1);
      CHECK(write(on, pipe.in, "ut re") == 5);
      on.collect({&first.op});
      CHECK(first.text() == "ut re");
      CHECK((::fcntl(pipe.out, F_GETFL) & O_NONBLOCK) == 0);
      CHECK(::write(pipe.in, "mi fa", 5) == 5);
      CHECK(read(on, pipe.out, 2) == "mi");
      reading second(pipe.out);
      pipe.in.close();
      CHECK(read(on, pipe.out) == " fa");
      on->submit(second.op);
      on.collect({&second.op});
      CHECK(second.op.result == 0);
    });
  }

  TEST_CASE("a cancelled read takes nothing") {
    on_each_kernel([](host& on) {
      a_pipe pipe;
      reading given_up(pipe.out);
      on->submit(given_up.op);
      CHECK(on.quiet());
      on->cancel(given_up.op);
      CHECK(on->in_flight() == 1);
      on.collect({&given_up.op});
      CHECK(given_up.op.result == -ECANCELED);
      CHECK(write(on, pipe.in, "sol") == 3);
      CHECK(read(on, pipe.out) == "sol");
    });
  }

  TEST_CASE("several reads of one pipe get bytes of their own each") {
    on_each_kernel([](host& on) {
      a_pipe pipe;
      reading first(pipe.out, 2);
      reading second(pipe.out, 2);
      on->submit(first.op);
      on->submit(second.op);
      CHECK(on.quiet());
      CHECK(write(on, pipe.in, "utre") == 4);
      on.collect({&first.op, &second.op});
      // Which comes first is up to the kernel.
      const bool in_order = first.text() == "ut";
      CHECK(first.text() == (in_order ? "ut" : "re"));
      CHECK(second.text() == (in_order ? "re" : "ut"));
    });
  }

  TEST_CASE("a write waits for room, of which it takes what there is") {
    on_each_kernel([](host& on) {
      a_pipe pipe;
      const std::vector<std::byte> block(std::size_t{64} * 1024);
      REQUIRE(::write(pipe.in, block.data(), block.size()) == 65'536);
      operation given_up{write_request{pipe.in, block}};
      on->submit(given_up);
      CHECK(on.quiet());
      on->cancel(given_up);
      on.collect({&given_up});
      CHECK(given_up.result == -ECANCELED);
      operation waiting{write_request{pipe.in, block}};
      on->submit(waiting);
      CHECK(on.quiet());
      std::array<std::byte, 3 * PIPE_BUF> space{};
      REQUIRE(::read(pipe.out, space.data(), space.size()) == 3 * PIPE_BUF);
      on.collect({&waiting});
      CHECK(waiting.result > 0);
      CHECK(waiting.result <= 3 * PIPE_BUF);
    });
  }

  TEST_CASE("nobody to read it is an error and no signal") {
    on_each_kernel([](host& on) {
      struct sigaction usual {};
      struct sigaction before {};
      usual.sa_handler = SIG_DFL;
      REQUIRE(::sigaction(SIGPIPE, &usual, &before) == 0);
      a_pipe pipe;
      pipe.out.close();
      CHECK(write(on, pipe.in, "la") == -EPIPE);
      const connection pair = on.connect();
      on.close(pair.far);
      CHECK(on.receive(pair.near).empty());
      std::int32_t result = 0;
      for (int i = 0; i < 10'000 && result >= 0; ++i)
        result = write(on, pair.near, "la");
      CHECK((result == -EPIPE || result == -ECONNRESET));
      CHECK(write(on, pair.near, "la") == -EPIPE);
      sigset_t pending{};
      REQUIRE(::sigpending(&pending) == 0);
      CHECK(::sigismember(&pending, SIGPIPE) == 0);
      ::sigaction(SIGPIPE, &before, nullptr);
    });
  }

  TEST_CASE("a number that is used again behind its back is looked at again") {
    on_each_kernel([](host& on) {
      for (int round = 0; round < 3; ++round) {
        a_pipe pipe;
        reading waiting(pipe.out);
        on->submit(waiting.op);
        CHECK(on.quiet());
        CHECK(::write(pipe.in, "ut", 2) == 2);
        on.collect({&waiting.op});
        CHECK(waiting.text() == "ut");
      }
    });
  }

  TEST_CASE("a terminal is read line by line") {
    on_each_kernel([](host& on) {
      const own_fd keyboard(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
      REQUIRE(::grantpt(keyboard) == 0);
      REQUIRE(::unlockpt(keyboard) == 0);
      std::array<char, 64> name{};
      REQUIRE(::ptsname_r(keyboard, name.data(), name.size()) == 0);
      const own_fd terminal(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
      reading given_up(terminal);
      on->submit(given_up.op);
      CHECK(on.quiet());
      on->cancel(given_up.op);
      on.collect({&given_up.op});
      CHECK(given_up.op.result == -ECANCELED);
      reading line(terminal);
      on->submit(line.op);
      CHECK(::write(keyboard, "ut", 2) == 2);
      CHECK(on.quiet());
      CHECK(write(on, keyboard, " re\n") == 4);
      on.collect({&line.op});
      CHECK(line.text() == "ut re\n");
      CHECK(write(on, terminal, "mi") == 2);
    });
  }

  TEST_CASE("sockets can be read and written, too") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      reading first(pair.far);
      on->submit(first.op);
      CHECK(on.quiet());
      CHECK(write(on, pair.near, "ut") == 2);
      on.collect({&first.op});
      CHECK(first.text() == "ut");
      reading given_up(pair.far);
      on->submit(given_up.op);
      on->cancel(given_up.op);
      on.collect({&given_up.op});
      CHECK(given_up.op.result == -ECANCELED);
      CHECK(read(on, pair.far, 8, 5) == std::to_string(-ESPIPE));
      on.close(pair.near);
      CHECK(read(on, pair.far).empty());
    });
  }

  TEST_CASE("a splice moves what is there, a tee leaves it, and neither waits") {
    on_each_kernel([](host& on) {
      a_pipe from;
      a_pipe to;
      const auto move = [&](std::size_t size, bool stays = false) {
        operation op{splice_request{from.out, to.in, size, stays}};
        on->submit(op);
        on.collect({&op});
        return op.result;
      };
      CHECK(move(100) == -EAGAIN);
      CHECK(write(on, from.in, "ut re mi") == 8);
      CHECK(move(2, true) == 2);
      CHECK(read(on, to.out) == "ut");
      CHECK(move(5) == 5);
      CHECK(read(on, to.out) == "ut re");
      from.in.close();
      CHECK(move(100) == 3);
      CHECK(move(100) == 0);
    });
  }

  TEST_CASE("a splice into what is full does not wait, one to nobody is no signal") {
    on_each_kernel([](host& on) {
      a_pipe from;
      a_pipe to;
      while (::fcntl(to.in, F_SETFL, O_NONBLOCK) == 0 && ::write(to.in, "fa", 2) > 0) {
      }
      CHECK(write(on, from.in, "sol") == 3);
      operation full{splice_request{from.out, to.in, 3}};
      on->submit(full);
      on.collect({&full});
      CHECK(full.result == -EAGAIN);
      to.out.close();
      auto* const before = std::signal(SIGPIPE, SIG_DFL);
      operation deaf{splice_request{from.out, to.in, 3}};
      on->submit(deaf);
      on.collect({&deaf});
      CHECK(deaf.result == -EPIPE);
      std::signal(SIGPIPE, before);
      CHECK(read(on, from.out) == "sol");
    });
  }

  TEST_CASE("a splice into a socket moves what has room, and waits for no peer") {
    on_each_kernel([](host& on) {
      constexpr int size = 1 << 20;
      const std::string much(size, '.');
      a_pipe from;
      REQUIRE(::fcntl(from.in, F_SETPIPE_SZ, size) == size);
      REQUIRE(::write(from.in, much.data(), much.size()) == size);
      const auto [near, far] = on.connect();
      const int little = 1 << 14;
      ::setsockopt(near, SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
      ::setsockopt(far, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
      const int flags = ::fcntl(near, F_GETFL);
      std::int32_t moved = 0;
      for (std::int32_t now = 0; now != -EAGAIN; moved += std::max(now, 0)) {
        now = on.perform(splice_request{from.out, near, size});
        REQUIRE((now > 0 || now == -EAGAIN));
      }
      CHECK(moved > 0);
      CHECK(moved < size);
      CHECK(::fcntl(near, F_GETFL) == flags);
      std::string got(size, ' ');
      std::int32_t read = 0;
      while (read < moved) {
        const ssize_t piece = ::recv(far, got.data(), got.size(), 0);
        REQUIRE(piece > 0);
        read += static_cast<std::int32_t>(piece);
      }
      CHECK(read == moved);
    });
  }
}

}  // namespace
}  // namespace motet::contract
